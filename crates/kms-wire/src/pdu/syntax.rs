use core::fmt;
use kms_core::{ByteOrder, FixedReader};
use uuid::{Uuid, uuid};

/// An interface or a transfer syntax with its version (C706 section 12.6.3.1, `p_syntax_id_t`):
/// 20 bytes.
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 16 | UUID |
/// | 16 | 4 | version |
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

    /// What bind-time feature negotiation looks like ([MS-RPCE] section 2.2.2.14): the first half of
    /// the UUID is always this one, the other half is the bitmask of features.
    const FEATURE_NEGOTIATION: Self = Self::new(uuid!("6cb71c2c-9812-4540-0000-000000000000"), 1);

    /// The syntax with this id and version.
    #[must_use]
    pub const fn new(uuid: Uuid, version: u32) -> Self {
        Self { uuid, version }
    }

    /// The major version of an interface.
    #[must_use]
    #[inline]
    pub const fn major_version(&self) -> u16 {
        let [low, high, ..] = self.version.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// Whether it is no transfer syntax but a question about features.
    #[must_use]
    #[inline]
    pub fn is_feature_negotiation(&self) -> bool {
        let Self { uuid, version } = Self::FEATURE_NEGOTIATION;
        self.version == version
            && self.uuid.as_bytes().first_chunk::<8>() == uuid.as_bytes().first_chunk()
    }

    #[inline]
    pub(super) fn from_wire(bytes: &[u8; Self::LEN], order: ByteOrder) -> Self {
        let fields = FixedReader::new(bytes);
        let uuid = match order {
            ByteOrder::Little => Uuid::from_bytes_le(fields.array::<0, 16>()),
            ByteOrder::Big => fields.uuid::<0>(),
        };
        Self {
            uuid,
            version: fields.u32::<16>(order),
        }
    }

    #[inline]
    pub(crate) const fn to_wire(self, order: ByteOrder) -> [u8; Self::LEN] {
        let (uuid, version) = match order {
            ByteOrder::Little => (self.uuid.to_bytes_le(), self.version.to_le_bytes()),
            ByteOrder::Big => (self.uuid.into_bytes(), self.version.to_be_bytes()),
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = uuid;
        let [v, w, x, y] = version;
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, v, w, x, y]
    }
}

/// The bytes of a syntax in both orders, made when the code is compiled. To look for a syntax, bytes
/// are compared as they stand: a UUID whose fields are swapped first is put together in memory, and
/// the processor waits for that.
pub(super) struct KnownSyntax {
    little: [u8; SyntaxId::LEN],
    big: [u8; SyntaxId::LEN],
}

impl KnownSyntax {
    pub(super) const INTERFACE: Self = Self::new(SyntaxId::INTERFACE);
    pub(super) const NDR: Self = Self::new(SyntaxId::NDR);
    pub(super) const FEATURE_NEGOTIATION: Self = Self::new(SyntaxId::FEATURE_NEGOTIATION);

    const fn new(syntax: SyntaxId) -> Self {
        Self {
            little: syntax.to_wire(ByteOrder::Little),
            big: syntax.to_wire(ByteOrder::Big),
        }
    }

    #[inline]
    pub(super) const fn in_order(&self, order: ByteOrder) -> &[u8; SyntaxId::LEN] {
        match order {
            ByteOrder::Little => &self.little,
            ByteOrder::Big => &self.big,
        }
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
    use alloc::string::ToString;

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
            let bytes = SyntaxId::NDR.to_wire(order);
            assert_eq!(bytes[..], [&head[..], &tail, &version].concat());
            assert_eq!(SyntaxId::from_wire(&bytes, order), SyntaxId::NDR);
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
