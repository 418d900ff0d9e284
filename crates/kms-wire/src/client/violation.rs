use crate::{
    MAX_ANSWER_STUB, MUST_RECEIVE_FRAGMENT,
    pdu::{CallId, HeaderError, PduType},
};
use kms_core::DecodeError;

/// What a host did for which the connection was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Its PDU has a header that breaks a rule, or it speaks something else than RPC.
    #[error("bad PDU header: {0}")]
    Header(HeaderError),
    /// Its PDU has an authentication trailer.
    #[error("a {0} with authentication, which this protocol does not have")]
    Authentication(PduType),
    /// The body of its PDU cannot be read.
    #[error("malformed PDU: {0}")]
    Malformed(DecodeError),
    /// It sent a PDU that nothing asked for.
    #[error("a {0} that nothing asked for")]
    Unexpected(PduType),
    /// Its PDU belongs to another call than the one under way.
    #[error("a PDU for call {found}, where call {expected} is under way")]
    #[non_exhaustive]
    OtherCall {
        /// The call that it names.
        found: CallId,
        /// The call that is under way.
        expected: CallId,
    },
    /// Its response names another context than the one that was accepted.
    #[error("a response in presentation context {0}, which was not proposed")]
    OtherContext(u16),
    /// Its bind_ack does not have one result for the one context proposed.
    #[error("{0} results for one presentation context")]
    Results(usize),
    /// It accepted the context with a transfer syntax that was not proposed, or answered it as a
    /// question about features.
    #[error("the presentation context was accepted in a way that was not proposed")]
    Acceptance,
    /// It cannot receive a fragment that every implementation must receive.
    #[error("fragments of at most {0} bytes, where at least {MUST_RECEIVE_FRAGMENT} are wanted")]
    FragmentSize(u16),
    /// Its answer begins twice, or goes on without having begun.
    #[error("a fragment of the answer out of order")]
    FragmentOrder,
    /// It changed the data representation inside an answer.
    #[error("the answer changes its data representation")]
    RepresentationChanged,
    /// Its answer is too long.
    #[error("the answer is longer than {MAX_ANSWER_STUB} bytes")]
    AnswerTooLong,
    /// Its answer is in more fragments than the longest answer has bytes.
    #[error("the answer is in too many fragments")]
    TooManyFragments,
    /// The stub of its answer cannot be read.
    #[error("malformed answer: {0}")]
    Stub(DecodeError),
    /// It asks for the connection to be closed, which is its right.
    #[error("the host closes the connection")]
    Shutdown,
}
