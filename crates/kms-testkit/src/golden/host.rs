//! What a host sends.

use super::{ANSWER, GoldenPdu, NDR_BE, NDR_LE, Sender, certificate_chain, fragment, golden, hex};

pub(super) fn pdus() -> Vec<GoldenPdu> {
    const ACK: &[&str] = &["bind-ack"];
    let ack = &[(16, 2), (18, 2), (24, 2), (32, 1)];
    let mut pdus = vec![
        host(
            "bind-ack",
            &[],
            ack,
            &format!(
                "05 00 0c 03 10000000 3c00 0000 01000000
             d016 d016 0d0c0b0a 0500 31363838 00 00 01 000000  0000 0000 {NDR_LE}"
            ),
        ),
        host(
            "bind-ack-with-features",
            &[],
            ack,
            &format!(
                "05 00 0c 03 10000000 5400 0000 01000000
             d016 d016 0d0c0b0a 0500 31363838 00 00 02 000000  0000 0000 {NDR_LE}
             0300 0000 00000000000000000000000000000000 00000000"
            ),
        ),
        host(
            "bind-ack-big-endian",
            &[],
            &[(16, 2), (18, 2), (24, 2), (28, 1)],
            &format!(
                "05 00 0c 13 00000000 0038 0000 00000001
             0800 0800 0a0b0c0d 0002 31 00 01 000000  0000 0000 {NDR_BE}"
            ),
        ),
        host(
            "bind-ack-rejecting",
            &[],
            ack,
            "05 01 0c 03 10000000 3c00 0000 01000000
             d016 d016 0d0c0b0a 0500 31363838 00 00 01 000000
             0200 0100 00000000000000000000000000000000 00000000",
        ),
        host(
            "bind-nak",
            &[],
            &[(18, 1)],
            "05 00 0d 03 10000000 1800 0000 01000000  0400 02 0500 0501 00",
        ),
        host(
            "bind-nak-big-endian",
            &[],
            &[(18, 1)],
            "05 00 0d 03 00000000 0018 0000 00000001  0002 02 0500 0501 00",
        ),
        host(
            "fault-for-bind",
            &[],
            &[(16, 4)],
            "05 00 03 23 10000000 2000 0000 01000000  20000000 0000 00 00 0b00011c 00000000",
        ),
        host(
            "alter-context-response",
            ACK,
            &[(24, 2), (28, 1)],
            "05 00 0f 03 10000000 3800 0000 02000000
             b810 b810 0d0c0b0a 0000 0000 01 000000
             0200 0100 00000000000000000000000000000000 00000000",
        ),
        host(
            "alter-context-response-big-endian",
            ACK,
            &[(24, 2), (28, 1)],
            &format!(
                "05 00 0f 03 00000000 0038 0000 00000002
             10b8 10b8 0a0b0c0d 0000 0000 01 000000  0000 0000 {NDR_BE}"
            ),
        ),
        host(
            "response-activation",
            ACK,
            &[(16, 4), (24, 4), (28, 4), (32, 4)],
            &format!(
                "05 00 02 03 10000000 a000 0000 02000000  88000000 0000 00 00
             78000000 00000200 78000000 {ANSWER} 00000000"
            ),
        ),
        host(
            "response-activation-big-endian",
            ACK,
            &[(16, 4), (24, 4), (28, 4), (32, 4)],
            &format!(
                "05 00 02 03 00000000 00a0 0000 00000002  00000088 0000 00 00
             00000078 00000001 00000078 {ANSWER} 00000000"
            ),
        ),
        host(
            "response-refused",
            ACK,
            &[(16, 4), (24, 4), (28, 4)],
            "05 00 02 03 10000000 2400 0000 02000000  0c000000 0000 00 00
             00000000 00000000 42f004c0",
        ),
        host(
            "response-refused-big-endian",
            ACK,
            &[(16, 4), (24, 4), (28, 4)],
            "05 00 02 03 00000000 0024 0000 00000002  0000000c 0000 00 00
             00000000 00000000 c004f042",
        ),
        host(
            "fault",
            ACK,
            &[(16, 4)],
            "05 00 03 23 10000000 2000 0000 02000000  20000000 0000 00 00 0300011c 00000000",
        ),
        host(
            "fault-big-endian",
            ACK,
            &[(16, 4)],
            "05 00 03 03 00000000 0020 0000 00000002  00000020 0000 00 00 000006f7 00000000",
        ),
    ];
    let chain = certificate_chain();
    // n, referent, max_count, 69 bytes, 3 of padding, HRESULT.
    let stub = [hex("45000000 00000200 45000000"), chain, vec![0; 3 + 4]].concat();
    let (first, last) = stub.split_at(48);
    pdus.push(fragment("response-certificate", 2, 3, false, &stub, ACK));
    let begun: &[&str] = &["bind-ack", "response-first-fragment"];
    for (name, flags, big, stub, after) in [
        ("response-first-fragment", 1, false, first, ACK),
        ("response-last-fragment", 2, false, last, begun),
        (
            "response-last-fragment-in-the-other-order",
            2,
            true,
            last,
            begun,
        ),
    ] {
        pdus.push(fragment(name, 2, flags, big, stub, after));
    }
    pdus
}

fn host(
    name: &'static str,
    after: &'static [&'static str],
    lengths: &[(usize, usize)],
    text: &str,
) -> GoldenPdu {
    golden(name, Sender::Host, after, lengths, hex(text))
}
