//! The client's two documented event records. Names and order of the fields are the documents'.

use alloc::string::String;
use core::fmt;
use kms_core::{ActivationId, Cmid, LicenseStatus, StatusCode, Threshold, Timestamp};

/// The most characters of a server's text that an event keeps: a DNS name of 253, brackets, a
/// colon and a port. What is longer is cut.
pub const MAX_SERVER_CHARS: usize = 261;

/// The status flags of events 12288 and 12289.
///
/// This project sets only [`NOT_ENOUGH_COUNT`](Self::NOT_ENOUGH_COUNT). The flags about how the
/// machine's firmware binds to its licence are always 0, since nothing here looks at firmware;
/// they have names so that a record from elsewhere can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StatusFlags(pub u32);

impl StatusFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `OTHER_PC`: a warning that the firmware holds no licence marker. Never set here.
    pub const OTHER_PC: Self = Self(0x0000_0008);
    /// `NO_BINDING_SERVER_REGISTRATION`. Never set here.
    pub const NO_BINDING_SERVER_REGISTRATION: Self = Self(0x0100_0000);
    /// `INVALID_REGISTRATION_DATA_TYPE`. Never set here.
    pub const INVALID_REGISTRATION_DATA_TYPE: Self = Self(0x0200_0000);
    /// `NOT_ENOUGH_COUNT`: the host's count is below the threshold.
    pub const NOT_ENOUGH_COUNT: Self = Self(0x0400_0000);
    /// `NOT_WINDOWS_SLP`. Never set here.
    pub const NOT_WINDOWS_SLP: Self = Self(0x0800_0000);

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Event 12288: the client has sent an activation request to a host, and this came of it.
///
/// One is reported for each host that was asked. Without a 12289 after it, there was no answer that
/// could be used, and the first field says why. [`Display`](fmt::Display) gives the documented
/// comma-separated form.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the documents fix the ten fields and their order"
)]
pub struct Event12288 {
    /// HRESULT: 0, or why no answer could be used.
    pub result: StatusCode,
    /// Status flags.
    pub flags: StatusFlags,
    /// The host that was asked, as `name:port`.
    pub server: String,
    /// The client machine id.
    pub cmid: Cmid,
    /// The client's clock at the request.
    pub client_time: Timestamp,
    /// Whether the client is a virtual machine: 1 or 0 in the text.
    pub virtual_machine: bool,
    /// The licence status at the request: its number in the text.
    pub status: LicenseStatus,
    /// Minutes until that status expires, 0 if it does not.
    pub minutes_remaining: u32,
    /// The product.
    pub activation_id: ActivationId,
    /// N-policy: the count that the product needs.
    pub required_count: Threshold,
}

impl fmt::Display for Event12288 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "0x{:X}, 0x{:X}, {}, {}, {}, {}, {}, {}, {}, {}",
            self.result.0,
            self.flags.0,
            Field(&self.server),
            self.cmid,
            Minute(self.client_time),
            u8::from(self.virtual_machine),
            self.status.number(),
            self.minutes_remaining,
            self.activation_id,
            self.required_count,
        )
    }
}

/// Event 12289: the client has processed a host's answer.
///
/// [`Display`](fmt::Display) gives the documented comma-separated form, the unused fourth field included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the documents fix the fields and their order"
)]
pub struct Event12289 {
    /// HRESULT of processing the answer. A low count is no failure here: see the flags.
    pub result: StatusCode,
    /// Status flags; [`StatusFlags::NOT_ENOUGH_COUNT`] when the count is below the threshold.
    pub flags: StatusFlags,
    /// `fBound`: whether this answer activated the product; 1 or 0 in the text.
    pub activated: bool,
    /// The host's count, this machine included.
    pub count: u32,
    /// The activation interval that the host pushed, in minutes.
    pub activation_interval: u32,
    /// The renewal interval that the host pushed, in minutes.
    pub renewal_interval: u32,
    /// The client's clock when it processed the answer.
    pub client_time: Timestamp,
}

impl fmt::Display for Event12289 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "0x{:X}, 0x{:X}, {}, 0, {}, {}, {}, {}",
            self.result.0,
            self.flags.0,
            u8::from(self.activated),
            self.count,
            self.activation_interval,
            self.renewal_interval,
            Minute(self.client_time),
        )
    }
}

/// A time as the documents' examples show it, `2006/1/14 2:30`, in UTC.
struct Minute(Timestamp);

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_date_time() {
            Some(date_time) => write!(f, "{}", date_time.format("%Y/%-m/%-d %-H:%M")),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A text that came from DNS or a configuration: a comma or a control character in it would forge
/// fields or lines of a log.
struct Field<'a>(&'a str);

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            let shown = if c == ',' || c.is_control() { '?' } else { c };
            fmt::Write::write_char(f, shown)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// 2006-01-14T02:30:00Z.
    const TIME: Timestamp = Timestamp::from_millis(1_137_205_800_000);
    const CMID: &str = "00112233-4455-4677-8899-aabbccddeeff";
    const PRODUCT: &str = "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6";

    fn request() -> Event12288 {
        Event12288 {
            result: StatusCode::OK,
            flags: StatusFlags::OTHER_PC,
            server: "kms01.contoso.com:1688".into(),
            cmid: CMID.parse().unwrap(),
            client_time: TIME,
            virtual_machine: true,
            status: LicenseStatus::OobGrace,
            minutes_remaining: 40_123,
            activation_id: PRODUCT.parse().unwrap(),
            required_count: Threshold::new(25).unwrap(),
        }
    }

    /// The operations guide's example of event 12288.
    #[test]
    fn event_12288_prints_as_the_documented_example() {
        let wanted = alloc::format!(
            "0x0, 0x8, kms01.contoso.com:1688, {CMID}, 2006/1/14 2:30, 1, 2, 40123, {PRODUCT}, 25"
        );
        assert_eq!(request().to_string(), wanted);
    }

    /// The support article on 0xC004F06C shows the host's reason in the first field.
    #[test]
    fn event_12288_carries_the_reason_of_a_failure() {
        let event = Event12288 {
            result: StatusCode::VL_INVALID_TIMESTAMP,
            flags: StatusFlags::NONE,
            status: LicenseStatus::Notification,
            minutes_remaining: 0,
            virtual_machine: false,
            ..request()
        };
        let text = event.to_string();
        assert!(
            text.starts_with("0xC004F06C, 0x0, kms01.contoso.com:1688, "),
            "{text}"
        );
        assert!(
            text.ends_with(&alloc::format!(", 0, 5, 0, {PRODUCT}, 25")),
            "{text}"
        );
    }

    /// The operations guide's example of event 12289.
    #[test]
    fn event_12289_prints_as_the_documented_example() {
        let event = Event12289 {
            result: StatusCode::OK,
            flags: StatusFlags(StatusFlags::NOT_ENOUGH_COUNT.0 | StatusFlags::OTHER_PC.0),
            activated: false,
            count: 4,
            activation_interval: 120,
            renewal_interval: 10_080,
            client_time: TIME,
        };
        assert_eq!(
            event.to_string(),
            "0x0, 0x4000008, 0, 0, 4, 120, 10080, 2006/1/14 2:30"
        );
        let activated = Event12289 {
            flags: StatusFlags::NONE,
            activated: true,
            count: 50,
            ..event
        };
        assert_eq!(
            activated.to_string(),
            "0x0, 0x0, 1, 0, 50, 120, 10080, 2006/1/14 2:30"
        );
    }

    #[test]
    fn a_server_text_cannot_forge_fields_or_lines() {
        let event = Event12288 {
            server: "a, 0x0\nb".into(),
            ..request()
        };
        let text = event.to_string();
        assert_eq!(text.matches(", ").count(), 9);
        assert!(text.contains(", a? 0x0?b, "), "{text}");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_printed_and_does_not_panic() {
        let event = Event12288 {
            client_time: Timestamp::from_millis(i64::MAX),
            ..request()
        };
        assert!(event.to_string().contains(", 9223372036854775807 ms, "));
    }

    #[test]
    fn flags_are_contained_or_not() {
        let flags = StatusFlags(0x0400_0008);
        assert!(flags.contains(StatusFlags::NOT_ENOUGH_COUNT));
        assert!(!flags.contains(StatusFlags::NOT_WINDOWS_SLP));
    }
}
