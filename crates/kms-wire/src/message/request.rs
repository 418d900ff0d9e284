use kms_core::{
    ActivationId, ApplicationId, ByteOrder, Cmid, CountedId, Decode, DecodeError, Encode,
    FixedWriter, LicenseStatus, MachineName, Reader, StatusCode, Threshold, Timestamp, Writer,
};
use uuid::Uuid;

/// The message of RequestActivation: 129 bytes and the machine name.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 2 | major version, 1 |
/// | 2 | 2 | minor version |
/// | 4 | 4 | flags: bit 0 the client is a virtual machine, the others zero |
/// | 8 | 4 | licence status, 0 to 6 |
/// | 12 | 4 | minutes until that state expires, 0 if it does not |
/// | 16 | 16 | application id |
/// | 32 | 16 | activation id |
/// | 48 | 16 | counted id |
/// | 64 | 16 | CMID, not nil |
/// | 80 | 16 | previous CMID, nil if none |
/// | 96 | 4 | N, 1 to 1,000,000 |
/// | 100 | 4 | reserved, zero |
/// | 104 | 8 | request time, milliseconds since the Unix epoch |
/// | 112 | 16 | nonce |
/// | 128 | 1 | length of the machine name, 1 to 63 |
/// | 129 | 1 to 63 | machine name, UTF-8 without control characters |
///
/// Integers are little-endian, ids are in network order. Any minor version is read; in one above 0,
/// bytes behind the name are passed over. Any number is a request time.
///
/// The answer is bound to the hash of the message's bytes, so keep them as they came: a value that
/// is read and written again may differ from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of major version 1 of the wire"
)]
pub struct ActivationRequest {
    /// The minor version: 0 in what we send.
    pub minor_version: u16,
    /// Whether the client runs in a virtual machine.
    pub virtual_machine: bool,
    /// The state of the product's licence.
    pub license_status: LicenseStatus,
    /// Minutes until that state expires; 0 if it does not.
    pub minutes_remaining: u32,
    /// Which application the product belongs to.
    pub application_id: ApplicationId,
    /// Which edition of the product asks.
    pub activation_id: ActivationId,
    /// Which family it is counted in.
    pub counted_id: CountedId,
    /// The machine that asks.
    pub cmid: Cmid,
    /// The id that it had before, if it was given a new one.
    pub previous_cmid: Option<Cmid>,
    /// How many machines the product needs.
    pub required_count: Threshold,
    /// The client's clock.
    pub request_time: Timestamp,
    /// Fresh random bytes.
    pub nonce: [u8; 16],
    /// The client's name.
    pub machine_name: MachineName,
}

impl ActivationRequest {
    /// The size before the machine name, in bytes.
    pub const FIXED_LEN: usize = 129;
    /// The major version that is written and accepted.
    pub const MAJOR_VERSION: u16 = 1;
    /// The minor version that belongs in a request of ours.
    pub const MINOR_VERSION: u16 = 0;
    /// What a host answers when [`decode_all`](Decode::decode_all) fails, whatever the reason:
    /// 0x8007000D.
    pub const MALFORMED: StatusCode = StatusCode::INVALID_DATA;

    const VIRTUAL_MACHINE: u32 = 1;
}

impl Encode for ActivationRequest {
    fn encoded_len(&self) -> usize {
        Self::FIXED_LEN + self.machine_name.as_bytes().len()
    }

    #[inline]
    fn encode(&self, out: &mut Writer<'_>) {
        let order = ByteOrder::Little;
        let name = self.machine_name.as_bytes();
        let mut fields = FixedWriter::<{ Self::FIXED_LEN }>::new();
        fields.u16::<0>(Self::MAJOR_VERSION, order);
        fields.u16::<2>(self.minor_version, order);
        fields.u32::<4>(u32::from(self.virtual_machine), order);
        fields.u32::<8>(self.license_status.number(), order);
        fields.u32::<12>(self.minutes_remaining, order);
        fields.uuid::<16>(self.application_id.as_uuid());
        fields.uuid::<32>(self.activation_id.as_uuid());
        fields.uuid::<48>(self.counted_id.as_uuid());
        fields.uuid::<64>(self.cmid.as_uuid());
        fields.uuid::<80>(self.previous_cmid.map_or(Uuid::nil(), |id| id.as_uuid()));
        fields.u32::<96>(self.required_count.machines(), order);
        fields.i64::<104>(self.request_time.as_millis(), order);
        fields.array::<112, 16>(self.nonce);
        fields.array::<128, 1>([u8::try_from(name.len()).unwrap_or(u8::MAX)]);
        out.reserve(self.encoded_len());
        out.bytes(&fields.into_bytes());
        out.bytes(name);
    }
}

/// The fields before the machine name and their sizes, in order.
const FIELDS: &[(&str, usize)] = &[
    ("major version", 2),
    ("minor version", 2),
    ("flags", 4),
    ("licence status", 4),
    ("minutes remaining", 4),
    ("application id", 16),
    ("activation id", 16),
    ("counted id", 16),
    ("CMID", 16),
    ("previous CMID", 16),
    ("required count", 4),
    ("reserved", 4),
    ("request time", 8),
    ("nonce", 16),
    ("machine name length", 1),
];

impl<'a> Decode<'a> for ActivationRequest {
    const NAME: &'static str = "RequestActivation request";

    #[inline(always)]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Self::read(reader, false)
    }

    #[inline(always)]
    fn decode_all(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::new(bytes, <Self as Decode<'_>>::NAME), true)
    }
}

impl ActivationRequest {
    /// Reads a request; `whole` says that nothing may follow. All checks come first, so that the
    /// value is made once, in its place.
    #[inline(always)]
    fn read(reader: &mut Reader<'_>, whole: bool) -> Result<Self, DecodeError> {
        let order = ByteOrder::Little;
        reader.set_context(<Self as Decode<'_>>::NAME);
        let start = reader.offset();
        let message = reader.rest();
        let fields = reader.fixed::<{ Self::FIXED_LEN }>(FIELDS)?;
        let len = fields.u8::<128>();
        let value_error = |reader: &Reader<'_>, field, at, found: u32, expected| {
            Err(reader.value_error(field, start + at, found.into(), expected))
        };
        let major = fields.u16::<0>(order);
        if major != Self::MAJOR_VERSION {
            return value_error(reader, "major version", 0, major.into(), "1");
        }
        let flags = fields.u32::<4>(order);
        if flags & !Self::VIRTUAL_MACHINE != 0 {
            return value_error(reader, "flags", 4, flags, "0 or 1");
        }
        let status = fields.u32::<8>(order);
        let Ok(license_status) = LicenseStatus::try_from(status) else {
            return value_error(reader, "licence status", 8, status, "0 to 6");
        };
        let Ok(cmid) = Cmid::from_bytes(fields.place::<64, 16>()) else {
            return Err(reader.rule_error("CMID", start + 64, "must not be nil"));
        };
        let count = fields.u32::<96>(order);
        let Ok(required_count) = Threshold::new(count) else {
            return value_error(reader, "required count", 96, count, "1 to 1000000");
        };
        let reserved = fields.u32::<100>(order);
        if reserved != 0 {
            return value_error(reader, "reserved", 100, reserved, "0");
        }
        if len == 0 || usize::from(len) > MachineName::MAX_LEN {
            return value_error(reader, "machine name length", 128, len.into(), "1 to 63");
        }
        let len = usize::from(len);
        reader.skip(len, "machine name")?;
        let minor_version = fields.u16::<2>(order);
        if minor_version > Self::MINOR_VERSION {
            reader.skip(reader.remaining(), "fields of a later minor version")?;
        }
        if whole {
            reader.finish()?;
        }
        // INVARIANT: what is read so far is longer than the window.
        let window = message
            .get(..Self::FIXED_LEN + len)
            .and_then(<[u8]>::last_chunk)
            .unwrap_or(&[0; MachineName::WINDOW]);
        let Some(machine_name) = MachineName::ending(window, len) else {
            return Err(reader.rule_error(
                "machine name",
                start + Self::FIXED_LEN,
                "must be UTF-8 without control characters",
            ));
        };
        Ok(Self {
            minor_version,
            virtual_machine: flags & Self::VIRTUAL_MACHINE != 0,
            license_status,
            minutes_remaining: fields.u32::<12>(order),
            application_id: ApplicationId::new(fields.uuid::<16>()),
            activation_id: ActivationId::new(fields.uuid::<32>()),
            counted_id: CountedId::new(fields.uuid::<48>()),
            cmid,
            previous_cmid: Cmid::from_bytes(fields.place::<80, 16>()).ok(),
            required_count,
            request_time: Timestamp::from_millis(fields.i64::<104>(order)),
            nonce: fields.array::<112, 16>(),
            machine_name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec::Vec};

    /// PROTOCOL section 6.
    const VECTOR: &str = concat!(
        "010000000100000002000000bb9c000011111111222243338444555555555555",
        "a1a2a3a4b1b24c1c8d1dd1d2d3d4d5d60f0e0d0c0b0a49098807060504030201",
        "00112233445546778899aabbccddeeff00000000000000000000000000000000",
        "19000000000000000068e5cf8b010000000102030405060708090a0b0c0d0e0f",
        "1577732d31372e636f6e746f736f2e6578616d706c65",
    );

    fn vector() -> Vec<u8> {
        let digit = |c: u8| u8::try_from(char::from(c).to_digit(16).unwrap()).unwrap();
        VECTOR
            .as_bytes()
            .chunks(2)
            .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
            .collect()
    }

    fn request() -> ActivationRequest {
        ActivationRequest {
            minor_version: 0,
            virtual_machine: true,
            license_status: LicenseStatus::OobGrace,
            minutes_remaining: 40_123,
            application_id: "11111111-2222-4333-8444-555555555555".parse().unwrap(),
            activation_id: "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6".parse().unwrap(),
            counted_id: "0f0e0d0c-0b0a-4909-8807-060504030201".parse().unwrap(),
            cmid: "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap(),
            previous_cmid: None,
            required_count: Threshold::new(25).unwrap(),
            request_time: Timestamp::from_millis(1_700_000_000_000),
            nonce: core::array::from_fn(|at| u8::try_from(at).unwrap()),
            machine_name: "ws-17.contoso.example".parse().unwrap(),
        }
    }

    #[test]
    fn the_protocols_vector_is_met_both_ways() {
        assert_eq!(request().to_vec(), vector());
        assert_eq!(ActivationRequest::decode_all(&vector()), Ok(request()));
    }

    #[test]
    fn a_name_of_15_bytes_makes_a_message_of_144() {
        let machine_name = "workstation-017".parse().unwrap();
        let request = ActivationRequest {
            machine_name,
            ..request()
        };
        assert_eq!((request.encoded_len(), request.to_vec().len()), (144, 144));
    }

    #[test]
    fn every_truncation_is_an_error_inside_the_bytes() {
        let bytes = vector();
        for len in 0..bytes.len() {
            let error = ActivationRequest::decode_all(&bytes[..len]).unwrap_err();
            assert!(error.offset() <= len && error.needed().is_some(), "{error}");
        }
    }

    #[test]
    fn each_field_out_of_range_is_malformed_and_named_with_its_offset() {
        let cases: [(usize, &[u8], &str); 18] = [
            (0, &[0], "major version"),
            (0, &[2], "major version"),
            (1, &[1], "major version"),
            (4, &[2], "flags"),
            (4, &[3], "flags"),
            (7, &[0x80], "flags"),
            (8, &[7], "licence status"),
            (8, &[0xff; 4], "licence status"),
            (64, &[0; 16], "CMID"),
            (96, &[0], "required count"),
            (96, &[0x41, 0x42, 0x0f], "required count"),
            (96, &[0xff; 4], "required count"),
            (100, &[1], "reserved"),
            (103, &[0x80], "reserved"),
            (128, &[0], "machine name length"),
            (128, &[64], "machine name length"),
            (129, b"\n", "machine name"),
            (129, &[0xff], "machine name"),
        ];
        for (offset, value, field) in cases {
            let mut bytes = vector();
            bytes[offset..offset + value.len()].copy_from_slice(value);
            let error = ActivationRequest::decode_all(&bytes).unwrap_err();
            assert_eq!(error.field(), field);
            assert!(error.offset() <= offset, "{error}");
        }
        assert_eq!(
            ActivationRequest::MALFORMED.to_string(),
            "0x8007000D HRESULT_FROM_WIN32(ERROR_INVALID_DATA)"
        );
    }

    #[test]
    fn a_time_that_no_calendar_has_is_not_malformed() {
        for millis in [i64::MIN, -1, 0, i64::MAX] {
            let mut bytes = vector();
            bytes[104..112].copy_from_slice(&millis.to_le_bytes());
            let request = ActivationRequest::decode_all(&bytes).unwrap();
            assert_eq!(request.request_time.as_millis(), millis);
        }
    }

    #[test]
    fn bytes_behind_the_name_are_passed_over_in_later_minor_versions_only() {
        let mut bytes = vector();
        bytes.extend([1, 2, 3]);
        assert_eq!(
            ActivationRequest::decode_all(&bytes).unwrap_err().field(),
            "end"
        );
        for minor in [1, u16::MAX] {
            bytes[2..4].copy_from_slice(&minor.to_le_bytes());
            let expected = ActivationRequest {
                minor_version: minor,
                ..request()
            };
            assert_eq!(ActivationRequest::decode_all(&bytes), Ok(expected));
        }
    }

    #[test]
    fn limit_name_of_63_bytes_and_one_beyond() {
        for len in [1_u8, 63, 64] {
            let mut bytes = vector();
            bytes.truncate(ActivationRequest::FIXED_LEN);
            bytes[128] = len;
            bytes.resize(bytes.len() + usize::from(len), b'x');
            assert_eq!(ActivationRequest::decode_all(&bytes).is_ok(), len <= 63);
        }
    }

    #[test]
    fn a_previous_cmid_is_kept() {
        let request = ActivationRequest {
            previous_cmid: Some("ffffffff-ffff-ffff-ffff-ffffffffffff".parse().unwrap()),
            ..request()
        };
        assert_eq!(
            ActivationRequest::decode_all(&request.to_vec()),
            Ok(request)
        );
    }
}
