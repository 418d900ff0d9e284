//! What a client sends.

use super::{
    FEATURES_LE, GoldenPdu, INTERFACE_BE, INTERFACE_LE, MESSAGE, NDR_BE, NDR_LE, NDR64_LE, Sender,
    fragment, golden, hex, request_message,
};

pub(super) fn pdus() -> Vec<GoldenPdu> {
    const BIND: &[&str] = &["bind-one-context"];
    let message = request_message();
    let n = "96000000 96000000";
    let mut pdus = vec![
        client(
            "bind-one-context",
            &[],
            &[(16, 2), (18, 2), (24, 1), (30, 1)],
            &format!(
                "05 00 0b 03 10000000 4800 0000 01000000
             d016 d016 00000000 01 000000  0000 01 00 {INTERFACE_LE} {NDR_LE}"
            ),
        ),
        client(
            "bind-with-features-as-samba",
            &[],
            &[(16, 2), (18, 2), (24, 1), (30, 1), (74, 1)],
            &format!(
                "05 00 0b 03 10000000 7400 0000 01000000
             d016 d016 00000000 02 000000
             0000 01 00 {INTERFACE_LE} {NDR_LE}
             0100 01 00 {INTERFACE_LE} {FEATURES_LE}"
            ),
        ),
        client(
            "bind-multiplexed-minor-1",
            &[],
            &[(16, 2), (18, 2), (24, 1), (30, 1)],
            &format!(
                "05 01 0b 13 10000000 4800 0000 01000000
             b810 b810 00000000 01 000000  0000 01 00 {INTERFACE_LE} {NDR_LE}"
            ),
        ),
        client(
            "bind-big-endian",
            &[],
            &[(16, 2), (18, 2), (24, 1), (30, 1)],
            &format!(
                "05 00 0b 03 00000000 0048 0000 00000001
             10b8 10b8 00000000 01 000000  0003 01 00 {INTERFACE_BE} {NDR_BE}"
            ),
        ),
        client(
            "bind-four-contexts",
            &[],
            &[(24, 1), (30, 1), (74, 1), (138, 1), (182, 1)],
            &format!(
                "05 00 0b 03 10000000 0801 0000 01000000
             0008 d016 0d0c0b0a 04 000000
             0000 01 00 {INTERFACE_LE} {NDR_LE}
             0700 02 00 {INTERFACE_LE} {NDR64_LE} {NDR_LE}
             0800 01 00 {NDR_LE} {NDR_LE}
             0900 03 00 {INTERFACE_LE} {NDR64_LE} {NDR64_LE} {FEATURES_LE}"
            ),
        ),
        client(
            "alter-context",
            BIND,
            &[(16, 2), (24, 1), (30, 1)],
            &format!(
                "05 00 0e 03 10000000 4800 0000 02000000
             b810 b810 00000000 01 000000  0900 01 00 {INTERFACE_LE} {NDR_LE}"
            ),
        ),
        client(
            "alter-context-big-endian",
            BIND,
            &[(16, 2), (24, 1), (30, 1), (74, 1)],
            &format!(
                "05 00 0e 03 00000000 0074 0000 00000002
             10b8 10b8 00000000 02 000000
             0009 01 00 {INTERFACE_BE} {NDR_BE}  000a 01 00 {NDR_BE} {NDR_BE}"
            ),
        ),
        client(
            "request-activation",
            BIND,
            &[(16, 4), (24, 4), (28, 4), (160, 1)],
            &format!("05 00 00 03 10000000 b600 0000 02000000  9e000000 0000 0000 {n} {MESSAGE}"),
        ),
        client(
            "request-activation-padded",
            BIND,
            &[(16, 4), (24, 4), (28, 4), (160, 1)],
            &format!(
                "05 00 00 03 10000000 b900 0000 02000000  ffffffff 0000 0000 {n} {MESSAGE} 000000"
            ),
        ),
        client(
            "request-activation-big-endian",
            BIND,
            &[(16, 4), (24, 4), (28, 4), (160, 1)],
            &format!(
                "05 00 00 03 00000000 00b6 0000 00000002  00000000 0000 0000 00000096 00000096 {MESSAGE}"
            ),
        ),
        client(
            "request-activation-with-object",
            BIND,
            &[(16, 4), (40, 4), (44, 4), (176, 1)],
            &format!(
                "05 00 00 83 10000000 c600 0000 02000000  9e000000 0000 0000
             33221100 5544 7766 8899aabbccddeeff {n} {MESSAGE}"
            ),
        ),
        client(
            "request-certificate",
            BIND,
            &[(16, 4)],
            "05 00 00 03 10000000 1800 0000 02000000  00000000 0000 0100",
        ),
        client(
            "request-certificate-big-endian-with-object",
            BIND,
            &[(16, 4)],
            "05 00 00 83 00000000 0028 0000 00000002  00000000 0000 0001
             00112233 4455 6677 8899aabbccddeeff",
        ),
        client(
            "request-unknown-operation",
            BIND,
            &[(16, 4)],
            "05 00 00 03 10000000 1c00 0000 02000000  04000000 0000 0200  00000000",
        ),
        client(
            "request-unknown-context",
            BIND,
            &[(16, 4)],
            "05 00 00 03 10000000 1800 0000 02000000  00000000 0700 0100",
        ),
        client(
            "co-cancel",
            BIND,
            &[],
            "05 00 12 03 10000000 1000 0000 02000000",
        ),
        client(
            "orphaned-big-endian",
            BIND,
            &[],
            "05 00 13 03 00000000 0010 0000 00000002",
        ),
    ];
    // The message in two fragments, cut inside it.
    let stub = [hex(n), message].concat();
    let (first, last) = stub.split_at(80);
    let begun: &[&str] = &["bind-one-context", "request-first-fragment"];
    for (name, flags, big, stub, after) in [
        ("request-first-fragment", 1, false, first, BIND),
        ("request-last-fragment", 2, false, last, begun),
        (
            "request-last-fragment-in-the-other-order",
            2,
            true,
            last,
            begun,
        ),
    ] {
        pdus.push(fragment(name, 0, flags, big, stub, after));
    }
    pdus
}

fn client(
    name: &'static str,
    after: &'static [&'static str],
    lengths: &[(usize, usize)],
    text: &str,
) -> GoldenPdu {
    golden(name, Sender::Client, after, lengths, hex(text))
}
