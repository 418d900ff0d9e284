use super::Violation;
use crate::{
    limits::MAX_ACCEPTED_CONTEXTS,
    pdu::{ContextResult, PresentationContext, ProviderReason, SyntaxId},
};
use alloc::vec::Vec;

/// The contexts that were accepted on a connection.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    accepted: Vec<u16>,
}

impl Contexts {
    pub(super) fn holds(&self, id: u16) -> bool {
        self.accepted.contains(&id)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }

    pub(super) const fn memory(&self) -> usize {
        self.accepted.capacity() * size_of::<u16>()
    }

    /// Decides about proposed contexts; none is accepted unless all can be decided.
    pub(super) fn negotiate(
        &mut self,
        proposed: &[PresentationContext],
    ) -> Result<Vec<ContextResult>, Violation> {
        if proposed.is_empty() {
            return Err(Violation::NoContext);
        }
        let mut features = false;
        for context in proposed {
            match context.transfer_syntaxes.as_slice() {
                [] => return Err(Violation::NoTransferSyntax(context.id)),
                [first, ..] if first.is_feature_negotiation() => {
                    if features {
                        return Err(Violation::FeaturesTwice);
                    }
                    features = true;
                }
                _ => {}
            }
        }
        Ok(proposed
            .iter()
            .map(|context| self.decide(context))
            .collect())
    }

    fn decide(&mut self, context: &PresentationContext) -> ContextResult {
        let ours = SyntaxId::INTERFACE;
        let syntaxes = context.transfer_syntaxes.as_slice();
        // Only the first syntax of a context can make it a question about features.
        if syntaxes
            .first()
            .is_some_and(SyntaxId::is_feature_negotiation)
        {
            ContextResult::NO_FEATURES
        } else if context.abstract_syntax.uuid != ours.uuid
            || context.abstract_syntax.major_version() != ours.major_version()
        {
            ContextResult::rejected(ProviderReason::ABSTRACT_SYNTAX_NOT_SUPPORTED)
        } else if !syntaxes.contains(&SyntaxId::NDR) {
            ContextResult::rejected(ProviderReason::TRANSFER_SYNTAXES_NOT_SUPPORTED)
        } else if self.holds(context.id) {
            ContextResult::ACCEPTED
        } else if self.accepted.len() < MAX_ACCEPTED_CONTEXTS {
            self.accepted.push(context.id);
            ContextResult::ACCEPTED
        } else {
            ContextResult::rejected(ProviderReason::LOCAL_LIMIT_EXCEEDED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::TransferSyntaxes;
    use alloc::vec;
    use uuid::{Uuid, uuid};

    const NDR64: SyntaxId = SyntaxId::new(uuid!("71710533-beba-4937-8319-b5dbef9ccc36"), 1);
    const FEATURES: SyntaxId = SyntaxId::new(uuid!("6cb71c2c-9812-4540-0300-000000000000"), 1);

    fn context(id: u16, interface: SyntaxId, syntaxes: &[SyntaxId]) -> PresentationContext {
        PresentationContext {
            id,
            abstract_syntax: interface,
            transfer_syntaxes: TransferSyntaxes::new(syntaxes).unwrap(),
        }
    }

    #[test]
    fn each_row_of_the_protocols_table_has_its_result() {
        let ours = SyntaxId::INTERFACE;
        let rejected = |reason| ContextResult::rejected(ProviderReason(reason));
        let cases = [
            (ours, vec![SyntaxId::NDR], ContextResult::ACCEPTED),
            (ours, vec![NDR64, SyntaxId::NDR], ContextResult::ACCEPTED),
            (SyntaxId::NDR, vec![SyntaxId::NDR], rejected(1)),
            (
                SyntaxId::new(ours.uuid, 2),
                vec![SyntaxId::NDR],
                rejected(1),
            ),
            (
                SyntaxId::new(ours.uuid, 0x0003_0001),
                vec![SyntaxId::NDR],
                ContextResult::ACCEPTED,
            ),
            (ours, vec![NDR64], rejected(2)),
            (
                ours,
                vec![SyntaxId::new(SyntaxId::NDR.uuid, 1)],
                rejected(2),
            ),
            (ours, vec![FEATURES], ContextResult::NO_FEATURES),
            (
                SyntaxId::new(Uuid::nil(), 0),
                vec![FEATURES, FEATURES],
                ContextResult::NO_FEATURES,
            ),
            (SyntaxId::NIL, vec![SyntaxId::NIL, FEATURES], rejected(1)),
        ];
        for (interface, syntaxes, result) in cases {
            let mut contexts = Contexts::default();
            let proposed = context(7, interface, &syntaxes);
            assert_eq!(
                contexts.negotiate(&[proposed]),
                Ok(vec![result]),
                "{proposed:?}"
            );
            assert_eq!(contexts.holds(7), result == ContextResult::ACCEPTED);
        }
    }

    #[test]
    fn a_context_is_accepted_again_and_a_bad_proposal_takes_none_away() {
        let mut contexts = Contexts::default();
        let good = context(1, SyntaxId::INTERFACE, &[SyntaxId::NDR]);
        contexts.negotiate(&[good]).unwrap();
        assert_eq!(
            contexts.negotiate(&[good]),
            Ok(vec![ContextResult::ACCEPTED])
        );
        contexts
            .negotiate(&[context(1, SyntaxId::INTERFACE, &[NDR64])])
            .unwrap();
        contexts
            .negotiate(&[context(1, NDR64, &[SyntaxId::NDR])])
            .unwrap();
        assert!(contexts.holds(1));
    }

    #[test]
    fn limit_accepted_contexts_and_one_beyond() {
        let mut contexts = Contexts::default();
        let ndr = |id| context(id, SyntaxId::INTERFACE, &[SyntaxId::NDR]);
        for id in 0..u16::try_from(MAX_ACCEPTED_CONTEXTS).unwrap() {
            assert_eq!(
                contexts.negotiate(&[ndr(id)]),
                Ok(vec![ContextResult::ACCEPTED])
            );
        }
        assert_eq!(
            contexts.negotiate(&[ndr(1000), ndr(0)]),
            Ok(vec![
                ContextResult::rejected(ProviderReason::LOCAL_LIMIT_EXCEEDED),
                ContextResult::ACCEPTED
            ])
        );
    }

    #[test]
    fn a_list_that_breaks_a_rule_accepts_nothing() {
        let mut contexts = Contexts::default();
        let good = context(1, SyntaxId::INTERFACE, &[SyntaxId::NDR]);
        let features = context(2, SyntaxId::NIL, &[FEATURES]);
        assert_eq!(contexts.negotiate(&[]), Err(Violation::NoContext));
        assert_eq!(
            contexts.negotiate(&[good, context(9, SyntaxId::INTERFACE, &[])]),
            Err(Violation::NoTransferSyntax(9))
        );
        assert_eq!(
            contexts.negotiate(&[good, features, features]),
            Err(Violation::FeaturesTwice)
        );
        assert!(contexts.is_empty());
    }
}
