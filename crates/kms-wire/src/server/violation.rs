use crate::{
    MAX_BUFFERED_INPUT, MAX_STUB,
    pdu::{CallId, FaultStatus, HeaderError, PduType, RejectReason},
};
use kms_core::{DecodeError, DecodeErrorKind};

/// What a client did for which its connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Its PDU has a header that breaks a rule, or it speaks something else than RPC.
    #[error("bad PDU header: {0}")]
    Header(HeaderError),
    /// Its first PDU is no bind.
    #[error("the first PDU is a {0}, where a bind is wanted")]
    NotABind(PduType),
    /// Its PDU has an authentication trailer.
    #[error("a {0} with authentication, which this protocol does not have")]
    Authentication(PduType),
    /// The body of its PDU cannot be read.
    #[error("malformed PDU: {0}")]
    Malformed(DecodeError),
    /// Its bind or alter_context proposes no context.
    #[error("a bind or alter_context without a presentation context")]
    NoContext,
    /// A context of its bind or alter_context has no transfer syntax.
    #[error("presentation context {0} has no transfer syntax")]
    NoTransferSyntax(u16),
    /// Its bind or alter_context asks about features twice.
    #[error("feature negotiation in more than one presentation context")]
    FeaturesTwice,
    /// Its bind asks for an association group that the host did not give out.
    #[error("a bind for association group {0:#010x}, which is not this host's")]
    AssociationGroup(u32),
    /// It sent a PDU that a client must not send on an open connection.
    #[error("a {0} on an open connection, where a client may not send it")]
    Unexpected(PduType),
    /// It sent a call that it has cancelled already.
    #[error("call {0} is cancelled in its first fragment")]
    PendingCancel(CallId),
    /// It began a call before the last fragment of another, or went on with one that it did not
    /// begin.
    #[error("a fragment of call {0} out of order")]
    FragmentOrder(CallId),
    /// It changed the data representation inside a call.
    #[error("call {0} changes its data representation")]
    RepresentationChanged(CallId),
    /// The stub of its call is too long.
    #[error("the stub of call {0} is longer than {MAX_STUB} bytes")]
    StubTooLong(CallId),
    /// Its call is in more fragments than the longest stub has bytes.
    #[error("call {0} is in too many fragments")]
    TooManyFragments(CallId),
    /// It sent more than is kept for it while a call was being answered.
    #[error("more than {MAX_BUFFERED_INPUT} bytes sent without waiting for the answer")]
    InputOverflow,
}

/// How a violation is answered before the connection closes. It is decided here and nowhere else.
impl Violation {
    /// Before the bind was accepted: the reason of the bind_nak.
    pub(super) const fn reject_reason(&self) -> RejectReason {
        match self {
            Self::Authentication(_) => RejectReason::AUTHENTICATION_TYPE_NOT_RECOGNIZED,
            Self::Malformed(error) if matches!(error.kind(), DecodeErrorKind::Limit { .. }) => {
                RejectReason::LOCAL_LIMIT_EXCEEDED
            }
            // No bind within the limits of contexts and syntaxes is that long.
            Self::Header(HeaderError::FragmentLength(length)) if *length >= 16 => {
                RejectReason::LOCAL_LIMIT_EXCEEDED
            }
            Self::InputOverflow => RejectReason::LOCAL_LIMIT_EXCEEDED,
            Self::NoTransferSyntax(_) | Self::FeaturesTwice | Self::AssociationGroup(_) => {
                RejectReason::NOT_SPECIFIED
            }
            Self::Header(_)
            | Self::NotABind(_)
            | Self::Malformed(_)
            | Self::NoContext
            | Self::Unexpected(_)
            | Self::PendingCancel(_)
            | Self::FragmentOrder(_)
            | Self::RepresentationChanged(_)
            | Self::StubTooLong(_)
            | Self::TooManyFragments(_) => RejectReason::PROTOCOL_VERSION_NOT_SUPPORTED,
        }
    }

    /// After the bind was accepted: the status of the fault, and whether it says that nothing was
    /// executed. Windows does not say so of fragments out of order or too long, though nothing was.
    pub(super) const fn fault(&self) -> (FaultStatus, bool) {
        let did_not_execute = match self {
            Self::Header(HeaderError::FragmentLength(_))
            | Self::FragmentOrder(_)
            | Self::StubTooLong(_)
            | Self::TooManyFragments(_)
            | Self::InputOverflow => false,
            Self::Header(_)
            | Self::NotABind(_)
            | Self::Authentication(_)
            | Self::Malformed(_)
            | Self::NoContext
            | Self::NoTransferSyntax(_)
            | Self::FeaturesTwice
            | Self::AssociationGroup(_)
            | Self::Unexpected(_)
            | Self::PendingCancel(_)
            | Self::RepresentationChanged(_) => true,
        };
        (FaultStatus::PROTOCOL_ERROR, did_not_execute)
    }
}
