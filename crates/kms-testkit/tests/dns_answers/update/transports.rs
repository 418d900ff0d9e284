//! What happens on the way: lies by UDP and truth by TCP, several answers, connections that end.

use super::{BAD, Case, DONE, Does, acts, refusal, signed, success};
use kms_core::StatusCode;
use kms_testkit::dns::fake::{Act, Asked, TcpManner, Transport};

/// The server cannot be spoken with.
const DOWN: StatusCode = StatusCode::DNS_SERVER_FAILURE;
const SILENT: StatusCode = StatusCode::TIMEOUT;
const REFUSED: StatusCode = StatusCode::DNS_REFUSED;

fn right(asked: &Asked) -> Vec<u8> {
    signed(asked, success(asked))
}

fn framed(message: &[u8], len: usize) -> Act {
    let len = u16::try_from(len).unwrap().to_be_bytes();
    Act::Write([&len[..], message].concat())
}

fn only(transport: Transport, asked: &Asked, acts: impl FnOnce() -> Vec<Act>) -> Vec<Act> {
    if asked.transport == transport {
        acts()
    } else {
        Vec::new()
    }
}

/// The connection does this before it is served.
const fn unserved(
    name: &'static str,
    tcp: TcpManner,
    auto: StatusCode,
    udp: fn(&Asked) -> Vec<Act>,
) -> Case {
    Case {
        name,
        does: Does::Acts(udp),
        tcp,
        code: DOWN,
        auto,
    }
}

pub(super) const CASES: &[Case] = &[
    acts(
        "control-cut-short-by-udp-and-whole-by-tcp",
        DONE,
        DONE,
        |asked| {
            vec![Act::Send(match asked.transport {
                Transport::Udp => success(asked).with_flipped(0x0200).into_bytes(),
                _ => right(asked),
            })]
        },
    ),
    acts("control-cut-within-a-record-by-udp", DONE, DONE, |asked| {
        vec![Act::Send(match asked.transport {
            Transport::Udp => success(asked).with_flipped(0x0200).into_bytes()[..20].to_vec(),
            _ => right(asked),
        })]
    }),
    acts(
        "control-three-wrong-datagrams-before-the-right-one",
        BAD,
        DONE,
        |asked| {
            vec![
                Act::Send(success(asked).with_id(asked.id() ^ 1).into_bytes()),
                Act::Send(vec![0xff; 40]),
                Act::Send(asked.bytes.clone()),
                Act::Send(right(asked)),
            ]
        },
    ),
    acts(
        "control-from-another-port-before-the-right-one",
        DONE,
        DONE,
        |asked| {
            vec![
                Act::SendFromElsewhere(refusal(asked, 5).into_bytes()),
                Act::Send(right(asked)),
            ]
        },
    ),
    acts(
        "control-unsigned-lie-by-udp-and-truth-by-tcp",
        DONE,
        DONE,
        |asked| {
            vec![Act::Send(match asked.transport {
                Transport::Udp => success(asked).into_bytes(),
                _ => right(asked),
            })]
        },
    ),
    acts(
        "control-unsigned-refusal-by-udp-and-truth-by-tcp",
        DONE,
        DONE,
        |asked| {
            vec![Act::Send(match asked.transport {
                Transport::Udp => refusal(asked, 5).into_bytes(),
                _ => right(asked),
            })]
        },
    ),
    acts(
        "control-silent-by-udp-and-right-by-tcp",
        DONE,
        DONE,
        |asked| only(Transport::Tcp, asked, || vec![Act::Send(right(asked))]),
    ),
    acts(
        "control-right-by-udp-and-silent-by-tcp",
        SILENT,
        DONE,
        |asked| only(Transport::Udp, asked, || vec![Act::Send(right(asked))]),
    ),
    acts("control-right-in-two-pieces", DONE, DONE, |asked| {
        only(Transport::Tcp, asked, || {
            let bytes = right(asked);
            vec![
                framed(&bytes[..9], bytes.len()),
                Act::Write(bytes[9..].to_vec()),
            ]
        })
    }),
    acts("control-right-and-then-a-lie", DONE, DONE, |asked| {
        vec![
            Act::Send(right(asked)),
            Act::Send(refusal(asked, 5).into_bytes()),
        ]
    }),
    acts("a-lie-and-then-the-right-one", REFUSED, REFUSED, |asked| {
        vec![
            Act::Send(refusal(asked, 5).into_bytes()),
            Act::Send(right(asked)),
        ]
    }),
    acts("cut-short-by-udp-and-by-tcp", BAD, BAD, |asked| {
        vec![Act::Send(success(asked).with_flipped(0x0200).into_bytes())]
    }),
    acts("right-from-another-port-alone", SILENT, SILENT, |asked| {
        vec![Act::SendFromElsewhere(right(asked))]
    }),
    acts("right-for-the-update-before-by-tcp", BAD, BAD, |asked| {
        // What was asked a moment ago: the same but for its id.
        let mut before = asked.clone();
        before.bytes[1] ^= 1;
        vec![Act::Send(right(&before))]
    }),
    acts("never-an-answer", SILENT, SILENT, |_| Vec::new()),
    acts(
        "never-an-answer-and-unsigned-success-by-udp",
        SILENT,
        BAD,
        |asked| {
            only(Transport::Udp, asked, || {
                vec![Act::Send(success(asked).into_bytes())]
            })
        },
    ),
    acts(
        "never-an-answer-and-unsigned-refusal-by-udp",
        SILENT,
        REFUSED,
        |asked| {
            only(Transport::Udp, asked, || {
                vec![Act::Send(refusal(asked, 5).into_bytes())]
            })
        },
    ),
    acts("frame-of-0-bytes", BAD, BAD, |_| {
        vec![Act::Write(vec![0, 0])]
    }),
    acts("frame-of-0-bytes-before-the-right-one", BAD, BAD, |asked| {
        only(Transport::Tcp, asked, || {
            vec![Act::Write(vec![0, 0]), Act::Send(right(asked))]
        })
    }),
    acts("frame-length-of-one-byte-only", DOWN, DOWN, |_| {
        vec![Act::Write(vec![0]), Act::Close]
    }),
    acts("frame-length-too-long-then-closed", DOWN, DOWN, |asked| {
        let bytes = right(asked);
        vec![framed(&bytes, bytes.len() + 1), Act::Close]
    }),
    acts(
        "frame-length-too-long-then-silent",
        SILENT,
        SILENT,
        |asked| {
            let bytes = right(asked);
            vec![framed(&bytes, bytes.len() + 1)]
        },
    ),
    acts("frame-length-65535-then-silent", SILENT, SILENT, |asked| {
        vec![framed(&right(asked), 65_535)]
    }),
    acts("frame-length-too-short", BAD, BAD, |asked| {
        let bytes = right(asked);
        vec![framed(&bytes, bytes.len() - 1)]
    }),
    acts("frame-length-left-out", DOWN, DOWN, |asked| {
        vec![Act::Write(right(asked)), Act::Close]
    }),
    acts("closed-in-the-middle", DOWN, DOWN, |asked| {
        let bytes = right(asked);
        vec![framed(&bytes[..30], bytes.len()), Act::Close]
    }),
    acts("reset-in-the-middle", DOWN, DOWN, |asked| {
        let bytes = right(asked);
        vec![framed(&bytes[..30], bytes.len()), Act::Reset]
    }),
    acts("closed-without-an-answer", DOWN, DOWN, |_| vec![Act::Close]),
    acts("reset-without-an-answer", DOWN, DOWN, |_| vec![Act::Reset]),
    unserved("closed-at-once", TcpManner::Close, DOWN, |_| Vec::new()),
    unserved("reset-at-once", TcpManner::Reset, DOWN, |_| Vec::new()),
    unserved(
        "closed-at-once-and-unsigned-success-by-udp",
        TcpManner::Close,
        BAD,
        |asked| vec![Act::Send(success(asked).into_bytes())],
    ),
];
