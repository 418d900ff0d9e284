use super::zone::Place;
use core::net::SocketAddr;
use kms_srv::{DomainName, Registration, UpdatePlan};

/// What publishing in a domain would do: found out, and nothing sent.
#[derive(Clone, Debug)]
pub struct PublishPlan {
    pub(super) domain: DomainName,
    pub(super) place: Place,
    pub(super) key: DomainName,
    pub(super) current: Registration,
    pub(super) previous: Vec<Registration>,
    pub(super) elsewhere: Vec<Registration>,
    pub(super) kept: Vec<Registration>,
}

/// Earlier registrations that one update replaces: their records fit into what one may remove.
const REPLACED_AT_ONCE: usize = 3;

impl PublishPlan {
    /// The domain.
    #[must_use]
    pub const fn domain(&self) -> &DomainName {
        &self.domain
    }

    /// The zone that holds the SRV record.
    #[must_use]
    pub const fn zone(&self) -> &DomainName {
        &self.place.zone
    }

    /// Where the update goes: the addresses are tried in this order.
    #[must_use]
    pub fn servers(&self) -> &[SocketAddr] {
        &self.place.servers
    }

    /// What is published.
    #[must_use]
    pub const fn registration(&self) -> &Registration {
        &self.current
    }

    /// This host's older registrations in the zone, which the same update removes.
    #[must_use]
    pub fn replaced(&self) -> &[Registration] {
        &self.previous
    }

    /// This host's older registrations in other zones, as they are withdrawn after the update: under the
    /// same name without addresses, because the name is still this host's and may have them there.
    #[must_use]
    pub fn withdrawn(&self) -> Vec<Registration> {
        let withdrawn = |registration: &Registration| {
            if registration.host() == self.current.host() {
                without_addresses(registration)
            } else {
                registration.clone()
            }
        };
        self.elsewhere.iter().map(withdrawn).collect()
    }

    /// Everything that may be this host's.
    pub(super) fn ours(&self) -> Vec<Registration> {
        let mut ours = vec![self.current.clone()];
        ours.extend_from_slice(&self.previous);
        ours.extend_from_slice(&self.elsewhere);
        ours
    }

    /// The updates, in their order; more than one only where many older registrations are replaced.
    #[must_use]
    pub fn updates(&self) -> Vec<UpdatePlan> {
        let publish = |previous: &[Registration]| UpdatePlan::publish(&self.current, previous).ok();
        if self.previous.is_empty() {
            return publish(&[]).into_iter().collect();
        }
        let parts = self.previous.chunks(REPLACED_AT_ONCE);
        parts.filter_map(publish).collect()
    }

    /// Exactly what is sent to the zone's primary, as a script for `nsupdate`.
    #[must_use]
    pub fn nsupdate_script(&self) -> String {
        let server = self.place.servers.first().copied();
        let updates = self.updates();
        let script = |update: &UpdatePlan| update.nsupdate_script(server, Some(&self.key));
        updates.iter().map(script).collect()
    }
}

/// The same without addresses, so that a withdrawal leaves them.
pub(super) fn without_addresses(registration: &Registration) -> Registration {
    let bare = registration.clone().with_addresses([]);
    bare.unwrap_or_else(|_| registration.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::num::NonZeroU16;

    fn registration(port: u16) -> Registration {
        let domain: DomainName = "contoso.test".parse().unwrap();
        let host = "kms1.contoso.test".parse().unwrap();
        let [_, low] = port.to_be_bytes();
        let addresses = (0..16).map(|n| [10, 0, low, n].into());
        Registration::new(&kms_srv::ServiceName::default(), &domain, host)
            .unwrap()
            .with_port(NonZeroU16::new(port).unwrap())
            .with_addresses(addresses)
            .unwrap()
    }

    fn plan(previous: Vec<Registration>) -> PublishPlan {
        PublishPlan {
            domain: "contoso.test".parse().unwrap(),
            place: Place {
                zone: "contoso.test".parse().unwrap(),
                servers: vec!["192.0.2.53:53".parse().unwrap()],
                delegated: false,
            },
            key: "kms-hosts".parse().unwrap(),
            current: registration(1688),
            previous,
            elsewhere: Vec::new(),
            kept: Vec::new(),
        }
    }

    #[test]
    fn what_is_withdrawn_elsewhere_keeps_the_addresses_of_the_name_that_is_still_published() {
        let same = registration(1700);
        let other: DomainName = "kms2.contoso.test".parse().unwrap();
        let domain: DomainName = "contoso.test".parse().unwrap();
        let renamed = Registration::new(&kms_srv::ServiceName::default(), &domain, other)
            .and_then(|renamed| renamed.with_addresses([[10, 1, 2, 3].into()]))
            .unwrap();
        let mut plan = plan(Vec::new());
        plan.elsewhere = vec![same.clone(), renamed.clone()];
        let bare = same.with_addresses([]).unwrap();
        assert_eq!(plan.withdrawn(), [bare, renamed]);
    }

    #[test]
    fn limit_3_older_registrations_with_all_their_addresses_are_replaced_by_one_update() {
        for (older, updates) in [(0, 1), (1, 1), (3, 1), (4, 2), (40, 14)] {
            let plan = plan((1..=older).map(registration).collect());
            assert_eq!(plan.updates().len(), updates, "{older}");
            let script = plan.nsupdate_script();
            assert_eq!(script.matches("\nsend\n").count(), updates);
            let removed = script.matches("update delete ").count();
            assert_eq!(removed, usize::from(older) * 17);
        }
    }
}
