//! What was published, so that it can be replaced or withdrawn later.

use crate::{HostService, Store, StoreError};
use core::{future::Future, pin::Pin};
use kms_core::Clock;
use kms_srv::{DomainName, Registration};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// A result that is there when something is durable.
pub type Kept<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// Where what was published is kept, so that it can be replaced or withdrawn after a restart.
///
/// Before an update is sent its registration is added to those that are there already: from then on
/// until the answer nobody knows which of them DNS holds. After a success only the one that was
/// published is left.
pub trait PublishedRecords: Send + Sync + 'static {
    /// What may be in DNS of this host, by domain, with the one that surely was published first.
    ///
    /// # Errors
    /// When it cannot be read.
    fn published(&self) -> Result<Vec<(DomainName, Vec<Registration>)>, StoreError>;

    /// Keeps this in the place of what was known of the domain; nothing forgets it. The future ends
    /// when it is durable.
    ///
    /// # Errors
    /// The future's: when it was not kept.
    fn set_published<'a>(
        &'a self,
        domain: &'a DomainName,
        registrations: Vec<Registration>,
    ) -> Kept<'a>;
}

/// A host remembers in its store.
impl<S, C> PublishedRecords for HostService<S, C>
where
    S: Store + PublishedRecords,
    C: Clock + Send + Sync + 'static,
{
    fn published(&self) -> Result<Vec<(DomainName, Vec<Registration>)>, StoreError> {
        self.store().published()
    }

    fn set_published<'a>(
        &'a self,
        domain: &'a DomainName,
        registrations: Vec<Registration>,
    ) -> Kept<'a> {
        self.store().set_published(domain, registrations)
    }
}

/// The most registrations that are kept for one domain.
pub(super) const MAX_KEPT: usize = 8;

/// Keeps what was published until the process ends.
#[derive(Debug, Default)]
pub struct MemoryRecords {
    kept: Mutex<BTreeMap<DomainName, Vec<Registration>>>,
}

impl PublishedRecords for MemoryRecords {
    fn published(&self) -> Result<Vec<(DomainName, Vec<Registration>)>, StoreError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept
            .iter()
            .map(|(domain, registrations)| (domain.clone(), registrations.clone()))
            .collect())
    }

    fn set_published<'a>(
        &'a self,
        domain: &'a DomainName,
        registrations: Vec<Registration>,
    ) -> Kept<'a> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if registrations.is_empty() {
            kept.remove(domain);
        } else {
            kept.insert(domain.clone(), registrations);
        }
        drop(kept);
        Box::pin(core::future::ready(Ok(())))
    }
}

/// What is to be kept before `current` is sent. Of too many whose fate nobody knows the oldest go,
/// after the first, which surely was published.
pub(super) fn with_intent(
    mut kept: Vec<Registration>,
    current: &Registration,
) -> Vec<Registration> {
    if !kept.contains(current) {
        kept.push(current.clone());
    }
    while kept.len() > MAX_KEPT {
        let lost = kept.remove(1);
        tracing::warn!(
            owner = %lost.owner(), record = %lost.srv_record(),
            "too many records of this host may be in DNS: this one is not removed any more"
        );
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::num::NonZeroU16;

    fn registration(port: u16) -> Registration {
        let domain: DomainName = "contoso.test".parse().unwrap();
        Registration::new(
            &kms_srv::ServiceName::default(),
            &domain,
            "kms1.contoso.test".parse().unwrap(),
        )
        .unwrap()
        .with_port(NonZeroU16::new(port).unwrap())
    }

    #[test]
    fn an_intent_stands_behind_what_was_published_and_once() {
        let kept = with_intent(vec![registration(1)], &registration(2));
        assert_eq!(kept, [registration(1), registration(2)]);
        assert_eq!(with_intent(kept.clone(), &registration(1)), kept);
    }

    #[test]
    fn limit_8_registrations_are_kept_for_a_domain_and_the_published_one_is_among_them() {
        let mut kept = Vec::new();
        for port in 1..=20 {
            kept = with_intent(kept, &registration(port));
        }
        let wanted: Vec<Registration> = [1].into_iter().chain(14..=20).map(registration).collect();
        assert_eq!(kept, wanted);
    }
}
