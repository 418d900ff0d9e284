//! Refusals, signed and not, and codes of TSIG. An unsigned refusal is one too: servers do not sign some.

use super::{BAD, Case, answers, refusal, signed, signed_as, success, tsig, wrong};
use kms_core::StatusCode;
use kms_testkit::dns::fake::{Asked, ForgedRecord, Section};

/// A code for which no other is documented.
const OTHER: StatusCode = StatusCode::DNS_RESPONSE_CODES_BASE;

/// A refusal with a TSIG record that holds this error and an empty MAC.
fn unsigned_error(asked: &Asked, rcode: u16, error: u16) -> Vec<u8> {
    let mut tsig = tsig(asked);
    tsig.error = error;
    tsig.append(refusal(asked, rcode), &[]).into_bytes()
}

fn signed_error(asked: &Asked, error: u16, other: &[u8]) -> Vec<u8> {
    let mut tsig = tsig(asked);
    tsig.error = error;
    tsig.other = other.to_vec();
    signed_as(asked, &tsig, refusal(asked, 9))
}

macro_rules! refusals {
    ($($rcode:literal $code:expr, $unsigned:literal, $signed:literal;)*) => {
        &[$(
            answers($unsigned, $code, |asked| refusal(asked, $rcode).into_bytes()),
            answers($signed, $code, |asked| signed(asked, refusal(asked, $rcode))),
        )*]
    };
}

pub(super) const REFUSALS: &[Case] = refusals! {
    1 StatusCode::DNS_FORMAT_ERROR, "formerr-unsigned", "formerr-signed";
    2 StatusCode::DNS_SERVER_FAILURE, "servfail-unsigned", "servfail-signed";
    3 StatusCode::DNS_NAME_ERROR, "nxdomain-unsigned", "nxdomain-signed";
    4 StatusCode::DNS_NOT_IMPLEMENTED, "notimp-unsigned", "notimp-signed";
    5 StatusCode::DNS_REFUSED, "refused-unsigned", "refused-signed";
    6 StatusCode::DNS_YXDOMAIN, "yxdomain-unsigned", "yxdomain-signed";
    7 StatusCode::DNS_YXRRSET, "yxrrset-unsigned", "yxrrset-signed";
    8 StatusCode::DNS_NXRRSET, "nxrrset-unsigned", "nxrrset-signed";
    9 StatusCode::DNS_NOTAUTH, "notauth-unsigned", "notauth-signed";
    10 StatusCode::DNS_NOTZONE, "notzone-unsigned", "notzone-signed";
    11 OTHER, "dsotypeni-unsigned", "dsotypeni-signed";
    12 OTHER, "rcode-12-unsigned", "rcode-12-signed";
    15 OTHER, "rcode-15-unsigned", "rcode-15-signed";
};

pub(super) const CASES: &[Case] = &[
    answers("badsig-unsigned", StatusCode::DNS_BADSIG, |asked| {
        unsigned_error(asked, 9, 16)
    }),
    answers("badkey-unsigned", StatusCode::DNS_BADKEY, |asked| {
        unsigned_error(asked, 9, 17)
    }),
    answers("badtime-unsigned", StatusCode::DNS_BADTIME, |asked| {
        unsigned_error(asked, 9, 18)
    }),
    answers("badtrunc-unsigned", StatusCode::DNS_NOTAUTH, |asked| {
        unsigned_error(asked, 9, 22)
    }),
    answers("badsig-beside-noerror", StatusCode::DNS_BADSIG, |asked| {
        unsigned_error(asked, 0, 16)
    }),
    answers(
        "tsig-error-that-nobody-knows",
        StatusCode::DNS_NOTAUTH,
        |asked| unsigned_error(asked, 0, 4000),
    ),
    answers("badsig-signed", StatusCode::DNS_BADSIG, |asked| {
        signed_error(asked, 16, &[])
    }),
    answers("badkey-signed", StatusCode::DNS_BADKEY, |asked| {
        signed_error(asked, 17, &[])
    }),
    answers(
        "badtime-signed-with-the-time",
        StatusCode::DNS_BADTIME,
        |asked| signed_error(asked, 18, &[0, 0, 0x65, 0x53, 0xf1, 0]),
    ),
    answers(
        "badtime-signed-with-a-time-of-5-bytes",
        StatusCode::DNS_BADTIME,
        |asked| signed_error(asked, 18, &[0; 5]),
    ),
    answers(
        "badtime-signed-with-60000-bytes",
        StatusCode::DNS_BADTIME,
        |asked| signed_error(asked, 18, &[0xff; 60_000]),
    ),
    answers("badtrunc-signed", StatusCode::DNS_NOTAUTH, |asked| {
        signed_error(asked, 22, &[])
    }),
    answers(
        "badtime-signed-beside-noerror",
        StatusCode::DNS_BADTIME,
        |asked| wrong(asked, |tsig| tsig.error = 18),
    ),
    answers("extended-rcode-badvers-signed", OTHER, |asked| {
        let message = success(asked).record(Section::Additional, &ForgedRecord::opt(1, 0));
        signed(asked, message)
    }),
    answers("extended-rcode-of-all-ones-signed", OTHER, |asked| {
        let opt = ForgedRecord::opt(255, 0);
        signed(asked, refusal(asked, 15).record(Section::Additional, &opt))
    }),
    answers("extended-rcode-unsigned", OTHER, |asked| {
        let opt = ForgedRecord::opt(1, 0);
        success(asked)
            .record(Section::Additional, &opt)
            .into_bytes()
    }),
    answers("opt-twice-signed", BAD, |asked| {
        let opt = ForgedRecord::opt(0, 0);
        let message = success(asked).record(Section::Additional, &opt);
        signed(asked, message.record(Section::Additional, &opt))
    }),
];
