use super::{DecodeBody, EncodeBody, Header, PduType};
use core::fmt;
use kms_core::{ByteOrder, DecodeError, Reader, Writer};

/// Why a bind was refused (C706 section 12.6.3.1, `p_reject_reason_t`;
/// [MS-RPCE] section 2.2.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RejectReason(pub u16);

impl RejectReason {
    /// None is given.
    pub const NOT_SPECIFIED: Self = Self(0);
    /// The server is too busy.
    pub const TEMPORARY_CONGESTION: Self = Self(1);
    /// The bind asks for more than the server holds.
    pub const LOCAL_LIMIT_EXCEEDED: Self = Self(2);
    /// The server speaks other versions.
    pub const PROTOCOL_VERSION_NOT_SUPPORTED: Self = Self(4);
    /// The server does not know the authentication type.
    pub const AUTHENTICATION_TYPE_NOT_RECOGNIZED: Self = Self(8);

    const fn text(self) -> Option<&'static str> {
        match self {
            Self::NOT_SPECIFIED => Some("not specified"),
            Self::TEMPORARY_CONGESTION => Some("temporary congestion"),
            Self::LOCAL_LIMIT_EXCEEDED => Some("local limit exceeded"),
            Self::PROTOCOL_VERSION_NOT_SUPPORTED => Some("protocol version not supported"),
            Self::AUTHENTICATION_TYPE_NOT_RECOGNIZED => Some("authentication type not recognized"),
            Self(_) => None,
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => write!(f, "{} {text}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Refuses a bind (C706 section 12.6.4.5).
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 16 | 2 | reason |
/// | 18 | 1 | number of protocol versions |
/// | 19 | 2 each | versions, major and minor |
///
/// What we send names 5.0 and 5.1. What is received is read up to the reason and the count: the
/// versions are of no use to a client that speaks those two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct BindNak {
    /// Why.
    pub reason: RejectReason,
}

impl BindNak {
    /// The versions that we speak.
    pub const VERSIONS: [(u8, u8); 2] = [(5, 0), (5, 1)];
}

impl EncodeBody for BindNak {
    const TYPE: PduType = PduType::BIND_NAK;

    fn body_len(&self) -> usize {
        2 // reason
        + 1 // number of versions
        + 2 * Self::VERSIONS.len()
        + 1 // padding to a multiple of 4
    }

    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        out.u16(self.reason.0, order);
        out.u8(2);
        for (major, minor) in Self::VERSIONS {
            out.u8(major);
            out.u8(minor);
        }
        out.u8(0);
    }
}

impl<'a> DecodeBody<'a> for BindNak {
    const NAME: &'static str = "bind_nak";

    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        let reason = RejectReason(reader.u16(header.order(), "reason")?);
        let versions = reader.u8("number of versions")?;
        reader.skip(2 * usize::from(versions), "versions")?;
        Ok(Self { reason })
    }
}
