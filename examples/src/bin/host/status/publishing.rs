//! Publishing in DNS, domain by domain, as far as the store tells.

use core::time::Duration;
use kms_core::{StatusCode, Timestamp};
use kms_host::{
    DnsConfig, HostEvent,
    store::sqlite::{EventFilter, HostSeen, OpenError, PublishResult, StoreReader},
};
use kms_srv::{DomainName, PublishTimes, Registration};
use serde::Serialize;

/// The event of a fight, and the most that are looked through.
const FIGHT: u16 = 20010;
const MOST_FIGHTS: usize = 1000;

/// What is known of one domain.
#[derive(Serialize)]
pub(super) struct Published {
    domain: String,
    /// When it was last tried, and what came of it, since the host started.
    at: Option<String>,
    code: Option<String>,
    /// Where the update went, once one succeeded.
    zone: Option<String>,
    /// The server that the configuration names; else each zone's own, by its SOA record.
    server: Option<String>,
    /// What may be in DNS.
    records: Vec<String>,
    /// When it is published anew, where that is known.
    next_attempt: Option<String>,
    /// Whether publishing was given up because the record was removed again and again.
    stopped: bool,
    #[serde(skip)]
    result: Option<PublishResult>,
}

/// What the store tells of publishing.
#[derive(Default)]
pub(super) struct Kept {
    published: Vec<(DomainName, Vec<Registration>)>,
    fights: Vec<(Timestamp, String)>,
}

impl Kept {
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn read(reader: &StoreReader, host: Option<&HostSeen>) -> Result<Self, OpenError> {
        let since = host.map(|seen| seen.host.started);
        let filter = EventFilter {
            since,
            id: Some(FIGHT),
            limit: MOST_FIGHTS,
            ..EventFilter::default()
        };
        let fights = reader.events(&filter)?.into_iter();
        Ok(Self {
            published: reader.published()?,
            fights: fights
                .filter_map(|stored| match stored.event {
                    HostEvent::StoredAlert { data, .. } => {
                        let (domain, _) = data.split_once(',')?;
                        Some((stored.time, domain.to_owned()))
                    }
                    _ => None,
                })
                .collect(),
        })
    }

    /// Every domain in which the host was published or tried to be.
    pub(super) fn domains(
        &self,
        host: Option<&HostSeen>,
        dns: Option<&DnsConfig>,
    ) -> Vec<Published> {
        let results = host.map_or(&[][..], |seen| &seen.host.published);
        let alive = host.is_some_and(|seen| seen.alive);
        let mut names: Vec<&DomainName> = results.iter().map(|result| &result.domain).collect();
        for (domain, _) in &self.published {
            if !names.contains(&domain) {
                names.push(domain);
            }
        }
        names.sort();
        names
            .into_iter()
            .map(|name| {
                let result = results.iter().find(|result| result.domain == *name);
                self.domain(name, result, dns, alive)
            })
            .collect()
    }

    fn domain(
        &self,
        name: &DomainName,
        result: Option<&PublishResult>,
        dns: Option<&DnsConfig>,
        alive: bool,
    ) -> Published {
        let known = self.published.iter().find(|(domain, _)| domain == name);
        let registrations = known.map_or(&[][..], |(_, registrations)| registrations);
        // A later attempt, which only another configuration brings, ends a stop.
        let stopped = alive
            && result.is_some_and(|result| {
                let fought = |(at, domain): &(Timestamp, String)| {
                    *at >= result.at && *domain == name.to_string()
                };
                self.fights.iter().any(fought)
            });
        let again = result.filter(|result| alive && !stopped && result.code == StatusCode::OK);
        let refresh: Duration = PublishTimes::default().refresh;
        Published {
            domain: name.to_string(),
            at: result.map(|result| result.at.to_string()),
            code: result.map(|result| format!("0x{:08X}", result.code.0)),
            zone: registrations.first().map(|first| first.zone().to_string()),
            server: dns
                .and_then(|dns| dns.server)
                .map(|server| server.to_string()),
            records: registrations
                .iter()
                .flat_map(Registration::zone_lines)
                .filter(|line| !line.starts_with(';'))
                .collect(),
            next_attempt: again.map(|result| result.at.saturating_add(refresh).to_string()),
            stopped,
            result: result.cloned(),
        }
    }
}

impl Published {
    /// For people, the first line with what came of it.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![match &self.result {
            Some(result) => format!("{} at {}: {}", self.domain, result.at, result.code),
            None => format!("{}, not tried since the start", self.domain),
        }];
        if let Some(zone) = &self.zone {
            let server = self.server.as_deref().unwrap_or("by its SOA record");
            lines.push(format!("zone {zone}, primary {server}"));
        }
        let failed = self
            .result
            .as_ref()
            .filter(|result| result.code != StatusCode::OK);
        // After a failure it is not known which of them the server has.
        let there = if failed.is_none() {
            "in DNS"
        } else {
            "may be in DNS"
        };
        lines.extend(
            self.records
                .iter()
                .map(|record| format!("{there}: {record}")),
        );
        if self.stopped {
            lines.push(
                "stopped: the record was removed from DNS again and again (event 20010); find out who \
                 removes it, then start publishing anew: host set dns-publishing off, and on"
                    .to_owned(),
            );
        } else if let Some(next) = &self.next_attempt {
            lines.push(format!("published again at {next}"));
        } else if let Some(known) = failed.and_then(|failed| failed.code.info()) {
            lines.push("tried again after 1 to 60 minutes, longer with each failure".to_owned());
            lines.push(format!("what to do: {}", known.remedy));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_srv::ServiceName;

    fn name(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn result(seconds: i64, code: StatusCode) -> PublishResult {
        PublishResult {
            domain: name("contoso.test"),
            at: at(seconds),
            code,
        }
    }

    fn kept(fought: &[(i64, &str)]) -> Kept {
        let domain = name("contoso.test");
        let host = name("kms1.contoso.test");
        let registration = Registration::new(&ServiceName::default(), &domain, host).unwrap();
        let fights = fought.iter();
        Kept {
            published: vec![(domain, vec![registration])],
            fights: fights
                .map(|&(seconds, domain)| (at(seconds), domain.to_owned()))
                .collect(),
        }
    }

    #[test]
    fn a_success_tells_where_the_record_is_and_when_it_is_published_again() {
        let domain = name("contoso.test");
        let result = result(0, StatusCode::OK);
        let shown = kept(&[]).domain(&domain, Some(&result), None, true);
        assert_eq!(
            shown.lines(),
            [
                format!("contoso.test at {}: 0x00000000 S_OK", at(0)),
                "zone contoso.test, primary by its SOA record".to_owned(),
                "in DNS: _vlmcs._tcp.contoso.test. 3600 IN SRV 0 0 1688 kms1.contoso.test."
                    .to_owned(),
                format!("published again at {}", at(24 * 3600)),
            ]
        );
        // Nobody publishes again when the host does not run.
        let ended = kept(&[]).domain(&domain, Some(&result), None, false);
        assert_eq!((ended.next_attempt, ended.stopped), (None, false));
    }

    #[test]
    fn a_failure_tells_what_to_do() {
        let result = result(0, StatusCode::DNS_REFUSED);
        let domain = name("contoso.test");
        let shown = Kept::default().domain(&domain, Some(&result), None, true);
        let lines = shown.lines();
        assert!(lines[0].contains("0x8007232D"), "{lines:?}");
        assert!(lines[1].contains("1 to 60 minutes"), "{lines:?}");
        assert!(lines[2].starts_with("what to do: "), "{lines:?}");
        assert_eq!(shown.next_attempt, None);
    }

    #[test]
    fn a_fight_stops_the_domain_until_it_is_tried_again() {
        let domain = name("contoso.test");
        let stopped = |fought: &[(i64, &str)], alive| {
            let result = result(100, StatusCode::OK);
            let shown = kept(fought).domain(&domain, Some(&result), None, alive);
            assert_eq!(
                shown.stopped,
                shown.lines().iter().any(|line| line.contains("20010"))
            );
            assert_eq!(shown.next_attempt.is_none(), shown.stopped || !alive);
            shown.stopped
        };
        assert!(stopped(&[(100, "contoso.test")], true));
        assert!(stopped(
            &[(50, "contoso.test"), (101, "contoso.test")],
            true
        ));
        assert!(!stopped(
            &[(99, "contoso.test"), (101, "fabrikam.test")],
            true
        ));
        assert!(!stopped(&[(101, "contoso.test")], false));
    }
}
