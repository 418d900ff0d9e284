//! Patterns that an administrator should hear of.

mod bounded;
mod engine;
mod family;
mod machine;
mod told;
mod window;

pub use engine::Alerts;

use crate::event::Escaped;
use core::fmt;
use kms_core::{Cmid, CountedId, MachineName};
use kms_count::Source;
use kms_srv::DomainName;

/// A pattern that an administrator should hear of: an attack, or an accident that looks like one.
///
/// `Display` gives the event's data in the comma form of the documented events, with the fields in
/// the order of each variant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alert {
    /// 20001: many machines that the host did not know came from one source in a short time. Made-up
    /// ids, or a site behind address translation that needs a quota of its own.
    NewFromSource {
        /// The source.
        source: Source,
        /// How many within 10 minutes.
        machines: u32,
        /// The name of the last of them.
        machine_name: MachineName,
    },
    /// 20002: many machines of a family came within a day that the host did not know.
    NewOfFamily {
        /// The family.
        counted_id: CountedId,
        /// How many within 24 hours.
        machines: u32,
        /// How many would have been no alert.
        allowed: u32,
    },
    /// 20003: established machines had to leave a full family for newcomers.
    EstablishedDropped {
        /// The family.
        counted_id: CountedId,
        /// How many within an hour.
        machines: u32,
        /// The last of them.
        cmid: Cmid,
    },
    /// 20004: the count rose by many machines that came from few sources.
    FewSources {
        /// The family.
        counted_id: CountedId,
        /// By how many it rose within 24 hours.
        machines: u32,
        /// From how many sources they came.
        sources: u32,
    },
    /// 20005: one machine asked from two sources in a short time. Its id is known to somebody else,
    /// or two machines of the same name share it.
    TwoSources {
        /// The machine.
        cmid: Cmid,
        /// Its name.
        machine_name: MachineName,
        /// Where it asked from before, and now.
        sources: [Source; 2],
    },
    /// 20006: one id is used by machines with several names: an image was not generalised before it
    /// was copied, and its copies count as one.
    SeveralNames {
        /// The id that they share.
        cmid: Cmid,
        /// Their names, at most [`Alerts::NAMES`], the one that asked last at the end.
        machine_names: Vec<MachineName>,
    },
    /// 20007: a second machine asked on a connection.
    SecondCmid {
        /// Where the connection comes from.
        source: Option<Source>,
        /// The machine that asked first, and the other.
        cmids: [Cmid; 2],
        /// The other's name.
        machine_name: MachineName,
    },
    /// 20008: a family reached its threshold, and most of its machines came within the last hour: the
    /// first day of a fleet, or made-up ids from many sources.
    ReachedAtOnce {
        /// The family.
        counted_id: CountedId,
        /// The count, which is the threshold.
        count: u32,
        /// How many came within an hour.
        machines: u32,
    },
    /// 20009: a machine does not count because its source has as many in the family as may. If they
    /// are all genuine, the source needs a quota of its own.
    OverQuota {
        /// The source.
        source: Option<Source>,
        /// The family.
        counted_id: CountedId,
        /// The machine.
        cmid: Cmid,
        /// Its name.
        machine_name: MachineName,
    },
    /// 20010: this host's record was removed from DNS again and again after it was published. Somebody
    /// else cleans up the zone, or two hosts have one name. Nothing is published in the domain any more,
    /// until the configuration changes or the host is started anew.
    PublishFight {
        /// The domain.
        domain: DomainName,
        /// How often the record was found gone.
        removals: u32,
        /// Within how many minutes.
        minutes: u32,
    },
}

/// What an alert is about: it is given once an hour for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Source(Option<Source>),
    Family(CountedId),
    Machine(Cmid),
}

impl Alert {
    /// The lowest of the alerts' event numbers. The documents use none from 20000 on.
    pub const FIRST_ID: u16 = 20_001;

    /// The event's number.
    #[must_use]
    pub const fn id(&self) -> u16 {
        match self {
            Self::NewFromSource { .. } => 20001,
            Self::NewOfFamily { .. } => 20002,
            Self::EstablishedDropped { .. } => 20003,
            Self::FewSources { .. } => 20004,
            Self::TwoSources { .. } => 20005,
            Self::SeveralNames { .. } => 20006,
            Self::SecondCmid { .. } => 20007,
            Self::ReachedAtOnce { .. } => 20008,
            Self::OverQuota { .. } => 20009,
            Self::PublishFight { .. } => 20010,
        }
    }

    /// The pattern in one word, as in metrics.
    #[must_use]
    pub const fn pattern(&self) -> &'static str {
        match self {
            Self::NewFromSource { .. } => "new_from_source",
            Self::NewOfFamily { .. } => "new_of_family",
            Self::EstablishedDropped { .. } => "established_dropped",
            Self::FewSources { .. } => "few_sources",
            Self::TwoSources { .. } => "two_sources",
            Self::SeveralNames { .. } => "several_names",
            Self::SecondCmid { .. } => "second_cmid",
            Self::ReachedAtOnce { .. } => "reached_at_once",
            Self::OverQuota { .. } => "over_quota",
            Self::PublishFight { .. } => "publish_fight",
        }
    }

    /// What the alert is about; `None` for one that is seldom enough by itself.
    const fn subject(&self) -> Option<Subject> {
        Some(match *self {
            Self::NewFromSource { source, .. } => Subject::Source(Some(source)),
            Self::SecondCmid { source, .. } | Self::OverQuota { source, .. } => {
                Subject::Source(source)
            }
            Self::NewOfFamily { counted_id, .. }
            | Self::EstablishedDropped { counted_id, .. }
            | Self::FewSources { counted_id, .. }
            | Self::ReachedAtOnce { counted_id, .. } => Subject::Family(counted_id),
            Self::TwoSources { cmid, .. } | Self::SeveralNames { cmid, .. } => {
                Subject::Machine(cmid)
            }
            Self::PublishFight { .. } => return None,
        })
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |machine_name| Escaped(MachineName::as_str(machine_name));
        match self {
            Self::NewFromSource {
                source,
                machines,
                machine_name,
            } => write!(f, "{source}, {machines}, {}", name(machine_name)),
            Self::NewOfFamily {
                counted_id,
                machines,
                allowed,
            } => write!(f, "{counted_id}, {machines}, {allowed}"),
            Self::EstablishedDropped {
                counted_id,
                machines,
                cmid,
            } => write!(f, "{counted_id}, {machines}, {cmid}"),
            Self::FewSources {
                counted_id,
                machines,
                sources,
            } => write!(f, "{counted_id}, {machines}, {sources}"),
            Self::TwoSources {
                cmid,
                machine_name,
                sources: [before, now],
            } => write!(f, "{cmid}, {}, {before}, {now}", name(machine_name)),
            Self::SeveralNames {
                cmid,
                machine_names,
            } => {
                write!(f, "{cmid}")?;
                machine_names
                    .iter()
                    .try_for_each(|machine_name| write!(f, ", {}", name(machine_name)))
            }
            Self::SecondCmid {
                source,
                cmids: [first, second],
                machine_name,
            } => {
                let (source, name) = (OrUnknown(*source), name(machine_name));
                write!(f, "{source}, {first}, {second}, {name}")
            }
            Self::ReachedAtOnce {
                counted_id,
                count,
                machines,
            } => write!(f, "{counted_id}, {count}, {machines}"),
            Self::OverQuota {
                source,
                counted_id,
                cmid,
                machine_name,
            } => {
                let (source, name) = (OrUnknown(*source), name(machine_name));
                write!(f, "{source}, {counted_id}, {cmid}, {name}")
            }
            Self::PublishFight {
                domain,
                removals,
                minutes,
            } => write!(f, "{domain}, {removals}, {minutes}"),
        }
    }
}

struct OrUnknown(Option<Source>);

impl fmt::Display for OrUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(source) => source.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> MachineName {
        text.parse().unwrap()
    }

    #[test]
    fn the_data_is_in_the_comma_form_and_no_name_passes_for_a_field() {
        let cmid: Cmid = "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap();
        let alert = Alert::SeveralNames {
            cmid,
            machine_names: vec![name("ws-1"), name("ws, 2")],
        };
        assert_eq!(
            (alert.id(), alert.to_string()),
            (
                20006,
                r"00112233-4455-4677-8899-aabbccddeeff, ws-1, ws\u{2c} 2".into()
            )
        );
        let alert = Alert::SecondCmid {
            source: None,
            cmids: [cmid, cmid],
            machine_name: name("a\u{202e}b"),
        };
        let text = alert.to_string();
        assert!(text.starts_with("unknown, 00112233-") && text.ends_with(r", a\u{202e}b"));
        let alert = Alert::NewFromSource {
            source: "2001:db8::1".parse().unwrap(),
            machines: 11,
            machine_name: name("ws-1"),
        };
        assert_eq!(alert.to_string(), "2001:db8::/64, 11, ws-1");
        let alert = Alert::PublishFight {
            domain: "contoso.com".parse().unwrap(),
            removals: 3,
            minutes: 60,
        };
        assert_eq!(
            (alert.id(), alert.pattern(), alert.to_string()),
            (20010, "publish_fight", "contoso.com, 3, 60".into())
        );
    }
}
