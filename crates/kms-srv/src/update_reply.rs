use crate::Update;
use alloc::vec::Vec;
use core::fmt;
use hickory_proto::{
    op::{Message, MessageType, OpCode},
    rr::{DNSClass, Name, Record, RecordType, TSigner, rdata::TSIG},
    serialize::binary::{BinDecodable as _, BinDecoder},
};
use kms_core::{ByteOrder, DecodeError, Reader, StatusCode, Timestamp};

/// What a DNS server answered to an update.
///
/// The same refusal comes in many forms: servers differ in the response code, in whether a TSIG record
/// with its own error is there, and in whether it is signed. So all three are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateReply {
    status: StatusCode,
    response_code: u16,
    tsig_error: Option<u16>,
    authenticated: bool,
    server_time: Option<Timestamp>,
}

/// Why bytes are not the answer to an update. Over UDP, go on waiting for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateAnswerError {
    /// Not a DNS message, or one with parts that an answer cannot have.
    #[error("the bytes are not a readable DNS answer")]
    Malformed,
    /// Another id, not an answer, not to an update, or about another zone.
    #[error("the DNS message does not answer this update")]
    OtherMessage,
    /// The answer was cut to fit a datagram.
    #[error("the DNS answer is cut short: ask again over TCP")]
    Truncated,
}

impl UpdateReply {
    /// The longest answer that is read, in bytes.
    pub const MAX_LEN: usize = 65_535;
    /// The most records, of all sections together, in an answer that is read.
    pub const MAX_RECORDS: u32 = 64;

    /// Success, or the documented code of the refusal.
    ///
    /// A success that is not signed, or not rightly, in answer to a signed update is none: it is
    /// `0x8007251E`, an answer that cannot be trusted.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The response code (RFC 6895 section 2.3), with its high bits if the answer has any.
    #[must_use]
    pub const fn response_code(&self) -> u16 {
        self.response_code
    }

    /// The error in the answer's TSIG record (RFC 8945 section 3), when it has one.
    #[must_use]
    pub const fn tsig_error(&self) -> Option<u16> {
        self.tsig_error
    }

    /// Whether the answer's signature is right. A refusal that is not authenticated may come from
    /// anybody; and servers do not sign some of theirs. So over UDP wait for another until the time is over,
    /// and take this one only when none comes (RFC 8945 section 5.4).
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// The server's clock, which it tells when ours is too far off (`0x8007233A`). It is for people; never set
    /// a clock by it unless [`is_authenticated`](Self::is_authenticated).
    #[must_use]
    pub const fn server_time(&self) -> Option<Timestamp> {
        self.server_time
    }
}

impl fmt::Display for UpdateReply {
    /// As `0x80072338 ... (response code 9 NOTAUTH, TSIG error 16 BADSIG, not authenticated)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.response_code;
        write!(f, "{} (response code {code}", self.status)?;
        write_symbol(response_symbol(code), f)?;
        if let Some(error) = self.tsig_error {
            write!(f, ", TSIG error {error}")?;
            write_symbol(tsig_symbol(error), f)?;
        }
        if let Some(time) = self.server_time {
            write!(f, ", the server's clock is {time}")?;
        }
        f.write_str(if self.authenticated {
            ", authenticated)"
        } else {
            ", not authenticated)"
        })
    }
}

pub(crate) fn read(
    answer: &[u8],
    id: u16,
    zone: &Name,
    signed: Option<&Signed>,
) -> Result<UpdateReply, UpdateAnswerError> {
    check_header(answer)?;
    let mut decoder = BinDecoder::new(answer);
    let message = Message::read(&mut decoder).map_err(|_| UpdateAnswerError::Malformed)?;
    // What follows the signature is not signed.
    if !decoder.is_empty() {
        return Err(UpdateAnswerError::Malformed);
    }
    let metadata = &message.metadata;
    let about_zone = message.queries.iter().all(|query| {
        query.name() == zone
            && query.query_type() == RecordType::SOA
            && query.query_class() == DNSClass::IN
    });
    if metadata.id != id
        || metadata.message_type != MessageType::Response
        || metadata.op_code != OpCode::Update
        || !about_zone
    {
        return Err(UpdateAnswerError::OtherMessage);
    }
    if metadata.truncation {
        return Err(UpdateAnswerError::Truncated);
    }
    let record = message.signature();
    let tsig = record.map(|record| &record.data);
    let tsig_error = tsig.and_then(|tsig| tsig.error).map(u16::from);
    let authenticated = match (signed, record) {
        (Some(signed), Some(record)) => is_authentic(answer, record, signed),
        (None, _) | (_, None) => false,
    };
    let response_code = u16::from(metadata.response_code);
    let trusted = authenticated || signed.is_none();
    Ok(UpdateReply {
        status: status(response_code, tsig_error, trusted),
        response_code,
        tsig_error,
        authenticated,
        server_time: tsig.and_then(server_time),
    })
}

/// The one place where an answer becomes a code. `trusted` is whether a success may be believed.
fn status(response_code: u16, tsig_error: Option<u16>, trusted: bool) -> StatusCode {
    match tsig_error {
        Some(16) => return StatusCode::DNS_BADSIG,
        Some(17) => return StatusCode::DNS_BADKEY,
        Some(18) => return StatusCode::DNS_BADTIME,
        // BADTRUNC (22) and what nobody knows: the server did not accept how it was signed.
        Some(_) => return StatusCode::DNS_NOTAUTH,
        None => {}
    }
    match response_code {
        0 if trusted => StatusCode::OK,
        0 => StatusCode::DNS_BAD_PACKET,
        1 => StatusCode::DNS_FORMAT_ERROR,
        2 => StatusCode::DNS_SERVER_FAILURE,
        3 => StatusCode::DNS_NAME_ERROR,
        4 => StatusCode::DNS_NOT_IMPLEMENTED,
        5 => StatusCode::DNS_REFUSED,
        6 => StatusCode::DNS_YXDOMAIN,
        7 => StatusCode::DNS_YXRRSET,
        8 => StatusCode::DNS_NXRRSET,
        9 => StatusCode::DNS_NOTAUTH,
        10 => StatusCode::DNS_NOTZONE,
        _ => StatusCode::DNS_RESPONSE_CODES_BASE,
    }
}

/// What verifies the answer to a signed update.
pub(crate) struct Signed {
    pub(crate) signer: TSigner,
    pub(crate) mac: Vec<u8>,
    pub(crate) time: u64,
    pub(crate) id: u16,
}

/// Looks at what the DNS library does not: it allocates for the counts in the header and adds them up,
/// and drops the reserved bit when it verifies.
fn check_header(answer: &[u8]) -> Result<(), UpdateAnswerError> {
    const RESERVED: u16 = 0x0040;
    let header = || {
        let mut reader = Reader::new(answer, "DNS answer");
        reader.skip(2, "id")?;
        let mut next = |field| reader.u16(ByteOrder::Big, field);
        let (flags, zones) = (next("flags")?, next("zone count")?);
        let mut records = 0;
        for field in ["prerequisite count", "update count", "additional count"] {
            records += u32::from(next(field)?);
        }
        Ok::<_, DecodeError>((flags, zones, records))
    };
    match header() {
        Ok((flags, 0..=1, 0..=UpdateReply::MAX_RECORDS))
            if flags & RESERVED == 0 && answer.len() <= UpdateReply::MAX_LEN =>
        {
            Ok(())
        }
        Ok(_) | Err(_) => Err(UpdateAnswerError::Malformed),
    }
}

fn is_authentic(answer: &[u8], record: &Record<TSIG>, signed: &Signed) -> bool {
    let TSIG { time, fudge, .. } = record.data;
    // Class and time to live are not under the signature, but fixed (RFC 8945 section 4.2). The id that is
    // signed is the original one, which only a forwarder may change. And the library subtracts
    // the fudge from the time without a look.
    if record.dns_class != DNSClass::ANY
        || record.ttl != 0
        || record.data.oid != signed.id
        || time < u64::from(fudge)
    {
        return false;
    }
    // A server cannot widen what we allow.
    time.abs_diff(signed.time) <= u64::from(fudge.min(Update::FUDGE))
        && signed
            .signer
            .verify_message_byte(answer, Some(&signed.mac), true)
            .is_ok()
}

/// RFC 8945 section 5.2.3: 48 bits of seconds beside a BADTIME error.
fn server_time(tsig: &TSIG) -> Option<Timestamp> {
    if tsig.error.map(u16::from) != Some(18) {
        return None;
    }
    let seconds: &[u8; 6] = tsig.other.as_slice().try_into().ok()?;
    let seconds = seconds
        .iter()
        .fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
    Some(Timestamp::from_millis(seconds * 1000))
}

fn write_symbol(symbol: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if symbol.is_empty() {
        Ok(())
    } else {
        write!(f, " {symbol}")
    }
}

const fn response_symbol(code: u16) -> &'static str {
    match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        _ => "",
    }
}

const fn tsig_symbol(error: u16) -> &'static str {
    match error {
        16 => "BADSIG",
        17 => "BADKEY",
        18 => "BADTIME",
        22 => "BADTRUNC",
        _ => "",
    }
}
