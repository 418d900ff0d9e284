use super::{DecodeBody, EncodeBody, Header, PduType};
use core::fmt;
use kms_core::{ByteOrder, DecodeError, Reader, Writer};

/// Why a call failed (C706 appendix E and [MS-ERREF]). A peer may send any number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultStatus(pub u32);

impl FaultStatus {
    /// The interface has no such operation.
    pub const OPERATION_RANGE: Self = Self(0x1c01_0002);
    /// The context is not one that was accepted.
    pub const UNKNOWN_INTERFACE: Self = Self(0x1c01_0003);
    /// A rule of the protocol was broken.
    pub const PROTOCOL_ERROR: Self = Self(0x1c01_000b);
    /// The stub cannot be read.
    pub const BAD_STUB_DATA: Self = Self(0x0000_06f7);
    /// The server is too busy.
    pub const SERVER_TOO_BUSY: Self = Self(0x1c01_0014);

    /// The name of those that this protocol uses.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::OPERATION_RANGE => Some("nca_s_op_rng_error"),
            Self::UNKNOWN_INTERFACE => Some("nca_s_unk_if"),
            Self::PROTOCOL_ERROR => Some("nca_s_proto_error"),
            Self::BAD_STUB_DATA => Some("RPC_X_BAD_STUB_DATA"),
            Self::SERVER_TOO_BUSY => Some("nca_s_server_too_busy"),
            Self(_) => None,
        }
    }
}

impl fmt::Display for FaultStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "0x{:08x} {name}", self.0),
            None => write!(f, "0x{:08x}", self.0),
        }
    }
}

impl fmt::Debug for FaultStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultStatus({self})")
    }
}

/// The failure of a call (C706 section 12.6.4.7).
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 16 | 4 | allocation hint |
/// | 20 | 2 | context id |
/// | 22 | 1 | cancel count |
/// | 23 | 1 | flags ([MS-RPCE] section 2.2.2.8), reserved in C706 |
/// | 24 | 4 | status |
/// | 28 | 4 | reserved |
///
/// What follows is passed over. We send 32 as the allocation hint, as implementations do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the wire"
)]
pub struct Fault {
    /// The context that the call was made in, 0 if there was none.
    pub context_id: u16,
    /// How many cancels came in for the call.
    pub cancel_count: u8,
    /// Why it failed.
    pub status: FaultStatus,
}

impl Fault {
    /// The size of the whole PDU, in bytes.
    pub const LEN: u16 = 32;
}

impl EncodeBody for Fault {
    const TYPE: PduType = PduType::FAULT;

    fn body_len(&self) -> usize {
        4 // alloc_hint
        + 2 // context_id
        + 1 // cancel_count
        + 1 // flags
        + 4 // status
        + 4 // reserved
    }

    fn encode_body(&self, out: &mut Writer<'_>, order: ByteOrder) {
        out.u32(Self::LEN.into(), order);
        out.u16(self.context_id, order);
        out.u8(self.cancel_count);
        out.u8(0);
        out.u32(self.status.0, order);
        out.u32(0, order);
    }
}

impl<'a> DecodeBody<'a> for Fault {
    const NAME: &'static str = "fault";

    fn decode_body(reader: &mut Reader<'a>, header: &Header) -> Result<Self, DecodeError> {
        let order = header.order();
        reader.skip(4, "allocation hint")?;
        let context_id = reader.u16(order, "context id")?;
        let cancel_count = reader.u8("cancel count")?;
        reader.skip(1, "flags")?;
        let status = FaultStatus(reader.u32(order, "status")?);
        reader.skip(4, "reserved")?;
        Ok(Self {
            context_id,
            cancel_count,
            status,
        })
    }
}
