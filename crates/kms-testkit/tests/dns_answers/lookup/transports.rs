//! Silence, garbage, answers that are cut, and connections that end.

use super::{BAD, Case, FAILED, FOUND, SILENT, case, cut, right, send};
use kms_testkit::dns::fake::{Act, Asked, TcpManner, Transport};

/// What follows an answer that was cut.
fn by_tcp(asked: &Asked, acts: impl FnOnce(Vec<u8>) -> Vec<Act>) -> Vec<Act> {
    match asked.transport {
        Transport::Udp => send(cut(asked)),
        _ => acts(right(asked).into_bytes()),
    }
}

fn framed(message: &[u8], len: usize) -> Act {
    let len = u16::try_from(len).unwrap().to_be_bytes();
    Act::Write([&len[..], message].concat())
}

const fn unserved(name: &'static str, tcp: TcpManner) -> Case {
    Case {
        name,
        does: |asked| send(cut(asked)),
        tcp,
        outcome: FAILED,
    }
}

pub(super) const CASES: &[Case] = &[
    case("never-an-answer", SILENT, |_| Vec::new()),
    case("silent-to-the-first-query-of-all", FOUND, |asked| {
        if asked.number == 0 {
            Vec::new()
        } else {
            send(right(asked))
        }
    }),
    case("silent-by-udp", SILENT, |asked| match asked.transport {
        Transport::Udp => Vec::new(),
        _ => send(right(asked)),
    }),
    case("empty-datagram", SILENT, |_| vec![Act::Send(Vec::new())]),
    case("garbage-then-silence", SILENT, |_| {
        vec![Act::Send(vec![0xff; 40])]
    }),
    case(
        "garbage-of-the-right-id-then-silence-by-tcp",
        SILENT,
        |asked| match asked.transport {
            Transport::Udp => {
                let garbage = [&asked.id().to_be_bytes()[..], &[0xff; 40]].concat();
                vec![Act::Send(garbage)]
            }
            _ => Vec::new(),
        },
    ),
    case("garbage-a-thousand-times", BAD, |_| {
        vec![Act::Send(vec![0xff; 40]); 1000]
    }),
    case("cut-by-udp-and-by-tcp", BAD, |asked| send(cut(asked))),
    case("cut-beside-records-by-udp-and-by-tcp", BAD, |asked| {
        send(right(asked).with_flipped(0x0200))
    }),
    case("cut-and-silent-by-tcp", SILENT, |asked| {
        by_tcp(asked, |_| Vec::new())
    }),
    case("cut-and-a-frame-of-0-bytes", BAD, |asked| {
        by_tcp(asked, |_| vec![Act::Write(vec![0, 0])])
    }),
    case("cut-and-a-frame-of-1-byte", BAD, |asked| {
        by_tcp(asked, |_| vec![Act::Write(vec![0, 1, 0])])
    }),
    case("cut-and-half-a-frame-length", FAILED, |asked| {
        by_tcp(asked, |_| vec![Act::Write(vec![0]), Act::Close])
    }),
    case("cut-and-a-frame-too-long-then-closed", FAILED, |asked| {
        by_tcp(asked, |bytes| {
            vec![framed(&bytes, bytes.len() + 1), Act::Close]
        })
    }),
    case("cut-and-a-frame-too-long-then-silent", SILENT, |asked| {
        by_tcp(asked, |bytes| vec![framed(&bytes, bytes.len() + 1)])
    }),
    case("cut-and-a-frame-too-short", BAD, |asked| {
        by_tcp(asked, |bytes| vec![framed(&bytes, bytes.len() - 1)])
    }),
    case("cut-and-closed-in-the-middle", FAILED, |asked| {
        by_tcp(asked, |bytes| {
            vec![framed(&bytes[..20], bytes.len()), Act::Close]
        })
    }),
    case("cut-and-reset-in-the-middle", FAILED, |asked| {
        by_tcp(asked, |bytes| {
            vec![framed(&bytes[..20], bytes.len()), Act::Reset]
        })
    }),
    case("cut-and-closed-without-an-answer", FAILED, |asked| {
        by_tcp(asked, |_| vec![Act::Close])
    }),
    case("cut-and-reset-without-an-answer", FAILED, |asked| {
        by_tcp(asked, |_| vec![Act::Reset])
    }),
    unserved("cut-and-closed-at-once", TcpManner::Close),
    unserved("cut-and-reset-at-once", TcpManner::Reset),
    case("cut-and-an-answer-in-single-bytes", FOUND, |asked| {
        by_tcp(asked, |bytes| {
            let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            len.iter()
                .chain(&bytes)
                .map(|byte| Act::Write(vec![*byte]))
                .collect()
        })
    }),
    case("cut-and-two-answers", FOUND, |asked| {
        by_tcp(asked, |bytes| {
            vec![Act::Send(bytes), Act::Send(cut(asked).into_bytes())]
        })
    }),
];
