use super::Violation;
use crate::{
    limits::MAX_ACCEPTED_CONTEXTS,
    pdu::{ContextList, ContextResult, ContextView, ProviderReason},
};
use kms_core::ByteOrder;

/// The contexts that were accepted on a connection, held in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contexts {
    ids: [u16; MAX_ACCEPTED_CONTEXTS],
    len: usize,
}

impl Contexts {
    pub(super) const NONE: Self = Self {
        ids: [0; MAX_ACCEPTED_CONTEXTS],
        len: 0,
    };

    #[inline]
    pub(super) fn holds(&self, id: u16) -> bool {
        self.accepted().contains(&id)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn accepted(&self) -> &[u16] {
        self.ids.get(..self.len).unwrap_or_default()
    }

    /// Whether a proposal keeps the rules for all its contexts together. Only then may it be
    /// decided about each.
    #[inline]
    pub(super) fn check(proposed: ContextList<'_>) -> Result<(), Violation> {
        if proposed.len() == 0 {
            return Err(Violation::NoContext);
        }
        let mut features = false;
        for context in proposed {
            if !context.has_transfer_syntaxes() {
                return Err(Violation::NoTransferSyntax(context.id()));
            }
            let asks = context.is_feature_negotiation();
            if asks && features {
                return Err(Violation::FeaturesTwice);
            }
            features |= asks;
        }
        Ok(())
    }

    /// Decides about one context of a proposal that keeps the rules.
    #[inline]
    pub(super) fn decide(&mut self, context: &ContextView<'_>) -> Decision {
        if context.is_feature_negotiation() {
            Decision::NoFeatures
        } else if !context.is_for_interface() {
            Decision::Rejected(ProviderReason::ABSTRACT_SYNTAX_NOT_SUPPORTED)
        } else if !context.has_ndr() {
            Decision::Rejected(ProviderReason::TRANSFER_SYNTAXES_NOT_SUPPORTED)
        } else if self.holds(context.id()) {
            Decision::Accepted
        } else if let Some(place) = self.ids.get_mut(self.len) {
            *place = context.id();
            self.len += 1;
            Decision::Accepted
        } else {
            Decision::Rejected(ProviderReason::LOCAL_LIMIT_EXCEEDED)
        }
    }
}

/// What becomes of a proposed context: the table of PROTOCOL section 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Accepted,
    NoFeatures,
    Rejected(ProviderReason),
}

impl Decision {
    /// The [`ContextResult`] in the byte order of what we send.
    #[inline]
    pub(super) fn to_wire(self) -> [u8; ContextResult::LEN] {
        const ORDER: ByteOrder = ByteOrder::Little;
        const ACCEPTED: [u8; ContextResult::LEN] = ContextResult::ACCEPTED.to_wire(ORDER);
        const NO_FEATURES: [u8; ContextResult::LEN] = ContextResult::NO_FEATURES.to_wire(ORDER);
        const REJECTED: [u8; ContextResult::LEN] =
            ContextResult::rejected(ProviderReason::NOT_SPECIFIED).to_wire(ORDER);
        match self {
            Self::Accepted => ACCEPTED,
            Self::NoFeatures => NO_FEATURES,
            Self::Rejected(reason) => {
                let mut result = REJECTED;
                let [_, _, low, high, ..] = &mut result;
                [*low, *high] = reason.0.to_le_bytes();
                result
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::{Bind, EncodeBody, PresentationContext, SyntaxId, TransferSyntaxes};
    use alloc::{vec, vec::Vec};
    use kms_core::{Reader, Writer};
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

    impl Contexts {
        /// As a connection does it, from the bytes of a bind.
        fn negotiate(
            &mut self,
            proposed: &[PresentationContext],
        ) -> Result<Vec<ContextResult>, Violation> {
            let bind = Bind {
                max_transmit_fragment: 0,
                max_receive_fragment: 0,
                association_group: 0,
                contexts: proposed.to_vec(),
            };
            let (mut bytes, order) = (Vec::new(), ByteOrder::Big);
            bind.encode_body(&mut Writer::new(&mut bytes), order);
            let mut reader = Reader::new(&bytes, "t");
            reader.skip(8, "before the contexts").unwrap();
            let list = ContextList::decode(&mut reader, order).unwrap();
            Self::check(list)?;
            Ok(list
                .map(|context| {
                    let result = self.decide(&context).to_wire();
                    ContextResult::from_wire(&result, ByteOrder::Little)
                })
                .collect())
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
            let mut contexts = Contexts::NONE;
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
        let mut contexts = Contexts::NONE;
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
        let mut contexts = Contexts::NONE;
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
        let mut contexts = Contexts::NONE;
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
