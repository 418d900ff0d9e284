//! The documented events of a host, with their fields in the documented order.

use crate::{Alert, Limits, peer_lines::PeerLines};
use core::fmt::{self, Write as _};
use kms_core::{ActivationId, Cmid, LicenseStatus, MachineName, StatusCode, Timestamp};
use kms_srv::DomainName;
use std::{collections::VecDeque, sync::Mutex};

/// Something that an administrator may want to know later.
///
/// `Display` gives the documented text of the event's data, as
/// `0x0, 25, kms03.site5.contoso.com, <CMID>, 2006/1/14 22:36, 1, 2, 40123, <activation id>`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostEvent {
    /// 12290: a request was processed.
    RequestProcessed(RequestProcessed),
    /// 12291: the host could not start. Whoever starts it records this.
    StartFailed {
        /// Why.
        code: StatusCode,
    },
    /// 12293: publishing in a domain failed.
    PublishFailed {
        /// Why.
        code: StatusCode,
        /// The domain.
        domain: DomainName,
    },
    /// 12294: published in a domain.
    Published {
        /// The domain.
        domain: DomainName,
    },
    /// 20001 and on, not in the documents: a pattern that an administrator should hear of.
    Alert(Alert),
    /// An alert as a store gives it back: its number, and its data as they were shown.
    StoredAlert {
        /// The number.
        id: u16,
        /// The data, in the comma form.
        data: String,
    },
}

/// The data of event 12290.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the documents have these fields, and stores make it again from them"
)]
pub struct RequestProcessed {
    /// The result given to the client.
    pub code: StatusCode,
    /// The count that the client said it needs.
    pub required_count: u32,
    /// The client's machine name, as it gave it.
    pub machine_name: MachineName,
    /// The client machine id.
    pub cmid: Cmid,
    /// The client's clock.
    pub client_time: Timestamp,
    /// Whether the client is a virtual machine.
    pub virtual_machine: bool,
    /// The state of the client's licence.
    pub license_status: LicenseStatus,
    /// Minutes until that state expires.
    pub minutes_remaining: u32,
    /// The product.
    pub activation_id: ActivationId,
}

impl HostEvent {
    /// The documented number, or the alert's.
    #[must_use]
    pub const fn id(&self) -> u16 {
        match self {
            Self::RequestProcessed(_) => 12290,
            Self::StartFailed { .. } => 12291,
            Self::PublishFailed { .. } => 12293,
            Self::Published { .. } => 12294,
            Self::Alert(alert) => alert.id(),
            Self::StoredAlert { id, .. } => *id,
        }
    }
}

impl HostEvent {
    /// What happened, without the data.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::RequestProcessed(_) => "activation request processed",
            Self::StartFailed { .. } => "start failed",
            Self::PublishFailed { .. } => "publishing failed",
            Self::Published { .. } => "published",
            Self::Alert(_) | Self::StoredAlert { .. } => "alert",
        }
    }

    /// Tells `tracing` with the data as fields, which a journal keeps apart, and as text.
    fn tell(&self) {
        let (id, title) = (self.id(), self.title());
        match self {
            Self::RequestProcessed(event) => tracing::info!(
                target: "kms_host::event",
                id,
                result = format_args!("0x{:X}", event.code.0),
                cmid = %event.cmid,
                machine = %Escaped(event.machine_name.as_str()),
                "{title}: {self}"
            ),
            Self::StartFailed { code } => tracing::warn!(
                target: "kms_host::event",
                id,
                result = format_args!("0x{:X}", code.0),
                "{title}: {self}"
            ),
            Self::PublishFailed { code, domain } => tracing::warn!(
                target: "kms_host::event",
                id,
                result = format_args!("0x{:X}", code.0),
                %domain,
                "{title}: {self}"
            ),
            Self::Published { domain } => {
                tracing::info!(target: "kms_host::event", id, %domain, "{title}: {self}");
            }
            Self::StoredAlert { .. } => {
                tracing::warn!(target: "kms_host::event", id, "{title}: {self}");
            }
            Self::Alert(alert) => {
                let pattern = alert.pattern();
                tracing::warn!(target: "kms_host::event", id, pattern, "{title}: {self}");
            }
        }
    }
}

impl fmt::Display for HostEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestProcessed(event) => event.fmt(f),
            Self::StartFailed { code } => write!(f, "0x{:X}", code.0),
            Self::PublishFailed { code, domain } => write!(f, "0x{:X}, {domain}", code.0),
            Self::Published { domain } => domain.fmt(f),
            Self::Alert(alert) => alert.fmt(f),
            Self::StoredAlert { data, .. } => f.write_str(data),
        }
    }
}

impl fmt::Display for RequestProcessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "0x{:X}, {}, {}, {}, {}, {}, {}, {}, {}",
            self.code.0,
            self.required_count,
            Escaped(self.machine_name.as_str()),
            self.cmid,
            self.client_time.event_form(),
            u8::from(self.virtual_machine),
            self.license_status.number(),
            self.minutes_remaining,
            self.activation_id,
        )
    }
}

/// A peer's text, in which nothing can pass for another field, or turn the line around: what does
/// not print, and the comma, stands as `\u{2c}`.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\'' | '"' => f.write_char(c),
            ',' => c.escape_unicode().fmt(f),
            _ => c.escape_debug().fmt(f),
        })
    }
}

/// The newest events, oldest first, with the time of each.
///
/// The log holds at most [`EventLog::CAPACITY`]; an older event makes room. Every event also goes
/// to `tracing` under the target `kms_host::event`, with the fields `id`, `result`, `cmid`,
/// `machine` and `domain`, as far as it has them; those that peers cause are limited as [`Limits`]
/// says.
#[derive(Debug, Default)]
pub struct EventLog {
    events: Mutex<VecDeque<(Timestamp, HostEvent)>>,
    lines: PeerLines,
}

impl EventLog {
    /// The most events held.
    pub const CAPACITY: usize = 1_000;

    /// An empty log with the limits of the lines that peers cause.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            events: Mutex::default(),
            lines: PeerLines::new(limits),
        }
    }

    /// The limit of all lines that peers cause.
    pub(crate) const fn lines(&self) -> &PeerLines {
        &self.lines
    }

    /// Adds an event.
    pub fn record(&self, time: Timestamp, event: HostEvent) {
        // Nobody sees the line, or peers have filled the log enough.
        let silent = matches!(event, HostEvent::RequestProcessed(_))
            && (!tracing::enabled!(target: "kms_host::event", tracing::Level::INFO)
                || !self.lines.allow());
        if !silent {
            event.tell();
        }
        let mut events = self.lock();
        if events.len() == Self::CAPACITY {
            events.pop_front();
        }
        events.push_back((time, event));
    }

    /// The events held, oldest first.
    #[must_use]
    pub fn to_vec(&self) -> Vec<(Timestamp, HostEvent)> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Timestamp, HostEvent)>> {
        // A panic elsewhere leaves a whole queue behind: nothing here stops halfway.
        self.events
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processed() -> RequestProcessed {
        RequestProcessed {
            code: StatusCode::OK,
            required_count: 25,
            machine_name: "kms03.site5.contoso.com".parse().unwrap(),
            cmid: "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap(),
            client_time: Timestamp::from_millis(1_137_278_160_000),
            virtual_machine: true,
            license_status: LicenseStatus::OobGrace,
            minutes_remaining: 40_123,
            activation_id: "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6".parse().unwrap(),
        }
    }

    #[test]
    fn event_12290_has_the_documented_fields_in_order() {
        let event = HostEvent::RequestProcessed(processed());
        assert_eq!(event.id(), 12290);
        assert_eq!(
            event.to_string(),
            "0x0, 25, kms03.site5.contoso.com, 00112233-4455-4677-8899-aabbccddeeff, \
             2006/1/14 22:36, 1, 2, 40123, a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6"
        );
    }

    #[test]
    fn a_machine_name_cannot_pass_for_other_fields() {
        for (name, shown) in [
            ("a, 0x0", r"a\u{2c} 0x0"),
            ("büro-ñ.o'neill", "büro-ñ.o'neill"),
            ("a\u{202e}b", r"a\u{202e}b"),
            (r"a\u{2c}", r"a\\u{2c}"),
        ] {
            let mut event = processed();
            event.machine_name = name.parse().unwrap();
            let text = event.to_string();
            assert!(
                text.starts_with(&format!("0x0, 25, {shown}, 00112233-")),
                "{text}"
            );
            assert_eq!(text.split(", ").count(), 9);
        }
    }

    #[test]
    fn publishing_events_name_code_and_domain() {
        let domain: DomainName = "contoso.com".parse().unwrap();
        let failed = HostEvent::PublishFailed {
            code: StatusCode::DNS_BADSIG,
            domain: domain.clone(),
        };
        assert_eq!(
            (failed.id(), failed.to_string()),
            (12293, "0x80072338, contoso.com".into())
        );
        let published = HostEvent::Published { domain };
        assert_eq!(
            (published.id(), published.to_string()),
            (12294, "contoso.com".into())
        );
    }

    #[test]
    fn the_log_keeps_the_newest_events() {
        let log = EventLog::default();
        for second in 0..i64::try_from(EventLog::CAPACITY).unwrap() + 5 {
            let event = HostEvent::StartFailed {
                code: StatusCode::OK,
            };
            log.record(Timestamp::from_millis(second), event);
        }
        let events = log.to_vec();
        assert_eq!(events.len(), EventLog::CAPACITY);
        assert_eq!(events[0].0, Timestamp::from_millis(5));
    }
}
