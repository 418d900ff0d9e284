use crate::{DomainName, Registration, Ttl, UpdateError, own_record::OwnRecord};
use alloc::{format, string::String, vec::Vec};
use core::net::SocketAddr;

/// What an update adds and removes in one zone, before it is signed: the same for the message
/// ([`Update::of_plan`](crate::Update::of_plan)) and for the text of it.
///
/// It has no prerequisites: what it adds may be there already and what it removes may be gone, and it
/// is right in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatePlan {
    // INVARIANT: no record is in `removed` and `added` both; none is twice in `removed`; all lie
    // in `zone`.
    zone: DomainName,
    removed: Vec<OwnRecord>,
    added: Vec<OwnRecord>,
    ttl: Ttl,
}

impl UpdatePlan {
    /// The most records that one update removes.
    pub const MAX_REMOVED: usize = 64;

    /// The update that publishes `current`, and in the same step removes what each of `previous` published and
    /// `current` does not.
    ///
    /// # Errors
    /// [`UpdateError::OtherZone`] when one of `previous` is in another zone, and
    /// [`UpdateError::TooManyRemoved`] when they have more than [`MAX_REMOVED`](Self::MAX_REMOVED)
    /// records.
    pub fn publish(current: &Registration, previous: &[Registration]) -> Result<Self, UpdateError> {
        let added = OwnRecord::all(current);
        let mut removed = Vec::new();
        for previous in previous {
            if previous.zone() != current.zone() {
                return Err(UpdateError::OtherZone);
            }
            for record in OwnRecord::all(previous) {
                if added.contains(&record) || removed.contains(&record) {
                    continue;
                }
                if removed.len() == Self::MAX_REMOVED {
                    return Err(UpdateError::TooManyRemoved);
                }
                removed.push(record);
            }
        }
        Ok(Self {
            zone: current.zone().clone(),
            removed,
            added,
            ttl: current.ttl(),
        })
    }

    /// The update that removes what `registration` published.
    #[must_use]
    pub fn withdraw(registration: &Registration) -> Self {
        Self {
            zone: registration.zone().clone(),
            removed: OwnRecord::all(registration),
            added: Vec::new(),
            ttl: registration.ttl(),
        }
    }

    /// The zone.
    #[must_use]
    pub const fn zone(&self) -> &DomainName {
        &self.zone
    }

    /// The same as a script for `nsupdate`, to be read or to be piped into it.
    ///
    /// Without a server `nsupdate` takes the zone's primary. Of the key a comment has the name alone;
    /// `nsupdate -k` takes the file, and `nsupdate -g` signs for Active Directory (GSS-TSIG).
    #[must_use]
    pub fn nsupdate_script(&self, server: Option<SocketAddr>, key: Option<&DomainName>) -> String {
        let mut script = match key {
            Some(key) => format!("; to be signed with the key {key}\n"),
            None => String::from("; not signed\n"),
        };
        if let Some(server) = server {
            script += &format!("server {} {}\n", server.ip(), server.port());
        }
        script += &format!("zone {}.\n", self.zone);
        for record in &self.removed {
            script += &format!("update delete {}. IN {record}\n", record.owner());
        }
        let ttl = self.ttl.as_secs();
        for record in &self.added {
            script += &format!("update add {}. {ttl} IN {record}\n", record.owner());
        }
        script += "send\n";
        script
    }

    pub(crate) fn removed(&self) -> &[OwnRecord] {
        &self.removed
    }

    pub(crate) fn added(&self) -> &[OwnRecord] {
        &self.added
    }

    pub(crate) const fn ttl(&self) -> Ttl {
        self.ttl
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ServiceName, SrvRecord};
    use core::net::IpAddr;

    fn name(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    fn registration() -> Registration {
        let addresses: [IpAddr; 2] = ["192.0.2.7", "2001:db8::7"].map(|text| text.parse().unwrap());
        let host = name("kms1.contoso.com");
        Registration::new(&ServiceName::default(), &name("contoso.com"), host)
            .unwrap()
            .with_priority_and_weight(10, 75)
            .with_addresses(addresses)
            .unwrap()
    }

    #[test]
    fn the_script_removes_and_adds_exactly_the_own_records() {
        let current = registration();
        let previous = current
            .clone()
            .with_port(1700.try_into().unwrap())
            .with_addresses(["192.0.2.7".parse().unwrap(), "192.0.2.6".parse().unwrap()])
            .unwrap();
        let read = [
            SrvRecord::new(0, 0, 1688, name("KMS1.contoso.com")),
            SrvRecord::new(10, 75, 1688, name("kms1.contoso.com")),
            SrvRecord::new(0, 0, 1688, name("kms2.contoso.com")),
            SrvRecord::new(0, 0, 1689, name("kms1.contoso.com")),
        ];
        let mut all = current.older_in(&read);
        all.insert(0, previous);
        let plan = UpdatePlan::publish(&current, &all).unwrap();
        let server = "192.0.2.53:5353".parse().unwrap();
        assert_eq!(
            plan.nsupdate_script(Some(server), Some(&name("kms1-key"))),
            "; to be signed with the key kms1-key\n\
             server 192.0.2.53 5353\n\
             zone contoso.com.\n\
             update delete _vlmcs._tcp.contoso.com. IN SRV 10 75 1700 kms1.contoso.com.\n\
             update delete kms1.contoso.com. IN A 192.0.2.6\n\
             update delete _vlmcs._tcp.contoso.com. IN SRV 0 0 1688 kms1.contoso.com.\n\
             update add _vlmcs._tcp.contoso.com. 3600 IN SRV 10 75 1688 kms1.contoso.com.\n\
             update add kms1.contoso.com. 3600 IN A 192.0.2.7\n\
             update add kms1.contoso.com. 3600 IN AAAA 2001:db8::7\n\
             send\n"
        );
    }

    #[test]
    fn the_script_of_a_withdrawal_only_removes() {
        let plan = UpdatePlan::withdraw(&registration());
        assert_eq!(
            plan.nsupdate_script(None, None),
            "; not signed\n\
             zone contoso.com.\n\
             update delete _vlmcs._tcp.contoso.com. IN SRV 10 75 1688 kms1.contoso.com.\n\
             update delete kms1.contoso.com. IN A 192.0.2.7\n\
             update delete kms1.contoso.com. IN AAAA 2001:db8::7\n\
             send\n"
        );
    }

    #[test]
    fn limit_one_update_removes_64_records() {
        let current = registration();
        let weighted = |weight| current.clone().with_priority_and_weight(1, weight);
        let many = |count: u16| (0..count).map(weighted).collect::<Vec<_>>();
        let plan = UpdatePlan::publish(&current, &many(64)).unwrap();
        assert_eq!(plan.removed().len(), 64);
        assert_eq!(
            UpdatePlan::publish(&current, &many(65)),
            Err(UpdateError::TooManyRemoved)
        );
        // The same again is no more.
        let twice = [many(64), many(64)].concat();
        assert!(UpdatePlan::publish(&current, &twice).is_ok());
    }
}
