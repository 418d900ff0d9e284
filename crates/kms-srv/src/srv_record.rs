use crate::DomainName;
use alloc::vec::Vec;
use core::fmt;

/// One SRV record's data (RFC 2782): a host that offers the service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of RFC 2782"
)]
pub struct SrvRecord {
    /// Hosts of the lowest priority are tried first.
    pub priority: u16,
    /// The host's share among those of its priority.
    pub weight: u16,
    /// The TCP port; a record with port 0 is never used.
    pub port: u16,
    /// The host's name; the root says that the service is decidedly not available.
    pub target: DomainName,
}

impl SrvRecord {
    /// A record.
    #[must_use]
    pub const fn new(priority: u16, weight: u16, port: u16, target: DomainName) -> Self {
        Self {
            priority,
            weight,
            port,
            target,
        }
    }
}

impl fmt::Display for SrvRecord {
    /// As in a zone file: `10 75 1688 kms1.contoso.com.`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            priority,
            weight,
            port,
            target,
        } = self;
        let dot = if target.is_root() { "" } else { "." };
        write!(f, "{priority} {weight} {port} {target}{dot}")
    }
}

/// The records of one answer that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an answer offers the service or denies it"
)]
pub enum UsableRecords {
    /// The only record's target is `.`: the service is decidedly not available in this domain
    /// (RFC 2782), and no other way to find it there must be tried.
    NotAvailable,
    /// Hosts, in the order of the answer; none when no record can be used.
    Hosts(Vec<SrvRecord>),
}

/// The most records of one answer that are kept.
pub const MAX_RECORDS: usize = 32;

/// Sifts a record set that came from the network.
///
/// Left out are duplicates, records with port 0, and targets that are the root beside others, look
/// like an IP address (RFC 2782 wants a name), or are `localhost`. Of more than [`MAX_RECORDS`] those of
/// the lowest priorities stay, and among equals those that came first.
#[must_use]
pub fn usable_records(records: impl IntoIterator<Item = SrvRecord>) -> UsableRecords {
    let (mut denied, mut offered) = (false, false);
    let mut kept: Vec<SrvRecord> = Vec::new();
    for record in records {
        if record.target.is_root() {
            denied = true;
            continue;
        }
        offered = true;
        if record.port == 0
            || record.target.ends_in_number()
            || record.target.is_localhost()
            || kept.contains(&record)
        {
            continue;
        }
        kept.push(record);
        if kept.len() > MAX_RECORDS {
            drop_last_choice(&mut kept);
        }
    }
    if denied && !offered {
        UsableRecords::NotAvailable
    } else {
        UsableRecords::Hosts(kept)
    }
}

fn drop_last_choice(records: &mut Vec<SrvRecord>) {
    // `max_by_key` takes the last of equals: the one that came last.
    let last = records
        .iter()
        .enumerate()
        .max_by_key(|(_, record)| record.priority);
    if let Some((at, _)) = last {
        records.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString, vec};

    fn record(priority: u16, port: u16, target: &str) -> SrvRecord {
        SrvRecord::new(priority, 0, port, target.parse().unwrap())
    }

    fn hosts(records: Vec<SrvRecord>) -> Vec<SrvRecord> {
        match usable_records(records) {
            UsableRecords::Hosts(hosts) => hosts,
            UsableRecords::NotAvailable => panic!("not available"),
        }
    }

    #[test]
    fn records_print_as_in_a_zone_file() {
        assert_eq!(record(10, 1688, "kms1.a").to_string(), "10 0 1688 kms1.a.");
        assert_eq!(record(0, 0, ".").to_string(), "0 0 0 .");
    }

    #[test]
    fn rfc_2782_a_lone_dot_says_that_the_service_is_not_available() {
        let dot = record(0, 0, ".");
        assert_eq!(usable_records([dot.clone()]), UsableRecords::NotAvailable);
        assert_eq!(
            usable_records([dot.clone(), dot.clone()]),
            UsableRecords::NotAvailable
        );
        let host = record(0, 1688, "kms1.a");
        assert_eq!(hosts(vec![dot, host.clone()]), [host]);
        assert_eq!(hosts(vec![]), []);
    }

    #[test]
    fn records_that_name_no_usable_host_are_skipped() {
        let good = record(0, 1688, "kms1.a");
        let records = vec![
            record(0, 0, "kms2.a"),
            record(0, 1688, "10.0.0.7"),
            record(0, 1688, "localhost"),
            record(0, 1688, "a.LOCALHOST"),
            good.clone(),
            record(0, 1688, "KMS1.A"),
        ];
        assert_eq!(hosts(records), [good]);
        assert_eq!(hosts(vec![record(0, 0, "kms2.a")]), []);
    }

    #[test]
    fn limit_32_records_are_kept_and_they_are_those_of_the_lowest_priorities() {
        let many = |count: u16, priority: fn(u16) -> u16| -> Vec<SrvRecord> {
            (0..count)
                .map(|n| record(priority(n), 1688, &format!("kms{n}.a")))
                .collect()
        };
        assert_eq!(hosts(many(32, |_| 0)), many(32, |_| 0));
        assert_eq!(hosts(many(33, |_| 0)), many(32, |_| 0));
        let kept = hosts(many(10_000, |n| 10_000 - n));
        assert_eq!(kept.len(), 32);
        assert!(kept.iter().all(|record| record.priority <= 32));
    }
}
