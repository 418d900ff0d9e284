//! Every limit of the wire in one place. Each has a test that is named after it.

/// The longest PDU that is accepted, in bytes, whatever was negotiated: PROTOCOL section 1.
/// It is also the largest fragment size that is negotiated.
pub const MAX_FRAGMENT: u16 = 5840;

/// The smallest fragment size that a host negotiates: PROTOCOL section 1.
pub const MIN_FRAGMENT_SIZE: u16 = 2048;

/// The smallest fragment that every implementation must be able to receive (C706 section 12.6.3.1,
/// MustRecvFragSize). A host that offers less is not one that a client can work with.
pub const MUST_RECEIVE_FRAGMENT: u16 = 1432;

/// The longest reassembled stub of a request, in bytes: PROTOCOL section 1.
pub const MAX_STUB: usize = 8192;

/// The longest request message: what [`MAX_STUB`] leaves beside the array's two counts.
pub const MAX_REQUEST: usize = MAX_STUB - 8;

/// The longest reassembled stub of an answer that a client takes, in bytes. The protocol sets none;
/// a chain of four Ed25519 certificates has about 2 KiB, so this is sixteen times what is needed.
pub const MAX_ANSWER_STUB: usize = 32 * 1024;

/// The longest answer message: what [`MAX_ANSWER_STUB`] leaves beside the array's counts, the
/// referent and the HRESULT.
pub const MAX_ANSWER: usize = MAX_ANSWER_STUB - 16;

/// The most certificates in a chain: PROTOCOL section 3.
pub const MAX_CERTIFICATES: usize = 4;

/// The most presentation contexts in one bind or alter_context: PROTOCOL section 1.
pub const MAX_CONTEXTS: usize = 16;

/// The most transfer syntaxes in one presentation context: PROTOCOL section 1.
pub const MAX_TRANSFER_SYNTAXES: usize = 8;

/// The most presentation contexts that stand accepted on one connection. A further one is refused
/// with "local limit exceeded" (C706 section 12.6.3.1, p_provider_reason_t 3).
pub const MAX_ACCEPTED_CONTEXTS: usize = 64;

/// The most received bytes that a host's connection keeps waiting while a call is being answered or
/// while output is not fetched. It holds some 270 requests of usual size.
pub const MAX_BUFFERED_INPUT: usize = 48 * 1024;

/// A host's connection takes up no further PDU while this many bytes of output wait to be fetched.
pub const MAX_PENDING_OUTPUT: usize = 4096;

/// The most heap that one connection engine holds at any time, in bytes.
///
/// It is the sum of waiting input, one reassembled stub or one answer, and the output: what may be
/// pending, and the longest answer with the headers of its fragments. Buffers grow by doubling, so
/// each of the parts counts twice.
pub const MAX_CONNECTION_MEMORY: usize =
    2 * (MAX_BUFFERED_INPUT + MAX_ANSWER_STUB + MAX_PENDING_OUTPUT + MAX_ANSWER_STUB + 1024);

/// An empty buffer keeps at most this much for its next use.
pub(crate) const RETAINED: usize = 8192;
