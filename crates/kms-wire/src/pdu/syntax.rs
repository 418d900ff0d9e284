use core::fmt;
use kms_core::{ByteOrder, Writer};
use uuid::{Uuid, uuid};

/// An interface or a transfer syntax with its version (C706 section 12.6.3.1, `p_syntax_id_t`):
/// 20 bytes.
///
/// On the wire the first three fields of the UUID are integers in the sender's order, and so is the
/// version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct SyntaxId {
    /// Which one.
    pub uuid: Uuid,
    /// The version; of an interface, the major in the low half and the minor in the high half.
    pub version: u32,
}

impl SyntaxId {
    /// The size on the wire, in bytes.
    pub const LEN: usize = 20;
    /// The interface of this protocol, version 1.0: PROTOCOL section 2.
    pub const INTERFACE: Self = Self::new(uuid!("f207280e-f4dc-42b8-b97c-3582d8f5ddd4"), 1);
    /// NDR 2.0, the one transfer syntax that is spoken (C706 appendix I).
    pub const NDR: Self = Self::new(uuid!("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2);
    /// None: what stands in the result for a context that was not accepted.
    pub const NIL: Self = Self::new(Uuid::nil(), 0);

    /// The first half of every UUID that stands for bind-time feature negotiation
    /// ([MS-RPCE] section 2.2.2.14). The other half is the bitmask of features.
    const FEATURE_NEGOTIATION: [u8; 8] = [0x6c, 0xb7, 0x1c, 0x2c, 0x98, 0x12, 0x45, 0x40];

    /// The syntax with this id and version.
    #[must_use]
    pub const fn new(uuid: Uuid, version: u32) -> Self {
        Self { uuid, version }
    }

    /// The major version of an interface.
    #[must_use]
    pub const fn major_version(&self) -> u16 {
        let [low, high, ..] = self.version.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// Whether it is no transfer syntax but a question about features.
    #[must_use]
    pub fn is_feature_negotiation(&self) -> bool {
        self.version == 1 && self.uuid.as_bytes().starts_with(&Self::FEATURE_NEGOTIATION)
    }

    pub(super) fn from_wire(uuid: [u8; 16], version: u32, order: ByteOrder) -> Self {
        let uuid = match order {
            ByteOrder::Little => Uuid::from_bytes_le(uuid),
            ByteOrder::Big => Uuid::from_bytes(uuid),
        };
        Self { uuid, version }
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>, order: ByteOrder) {
        match order {
            ByteOrder::Little => out.bytes(&self.uuid.to_bytes_le()),
            ByteOrder::Big => out.bytes(self.uuid.as_bytes()),
        }
        out.u32(self.version, order);
    }
}

impl fmt::Display for SyntaxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} v{}.{}",
            self.uuid,
            self.major_version(),
            self.version >> 16
        )
    }
}

impl fmt::Debug for SyntaxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyntaxId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec::Vec};

    #[test]
    fn the_first_three_fields_of_a_uuid_follow_the_integer_order() {
        let tail = [0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60];
        let heads = [
            (
                ByteOrder::Little,
                [0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11],
                [2, 0, 0, 0],
            ),
            (
                ByteOrder::Big,
                [0x8a, 0x88, 0x5d, 0x04, 0x1c, 0xeb, 0x11, 0xc9],
                [0, 0, 0, 2],
            ),
        ];
        for (order, head, version) in heads {
            let mut out = Vec::new();
            SyntaxId::NDR.encode(&mut Writer::new(&mut out), order);
            assert_eq!(out, [&head[..], &tail, &version].concat());
        }
    }

    #[test]
    fn feature_negotiation_is_known_by_its_first_half_and_version() {
        let features = uuid!("6cb71c2c-9812-4540-0300-000000000000");
        assert!(SyntaxId::new(features, 1).is_feature_negotiation());
        assert!(!SyntaxId::new(features, 2).is_feature_negotiation());
        assert!(!SyntaxId::NDR.is_feature_negotiation());
    }

    #[test]
    fn versions_print_as_major_and_minor() {
        assert_eq!(
            SyntaxId::new(Uuid::nil(), 0x0002_0001).to_string(),
            "00000000-0000-0000-0000-000000000000 v1.2"
        );
    }
}
