//! An exchange put together by hand from RFC 1035, 2136, 2782 and 8945, its two HMACs by another
//! program.

use super::*;
use data_encoding::HEXLOWER;

const UPDATE: &[&str] = &[
    // id, UPDATE, 1 zone, no prerequisite, 3 updates, 1 additional record
    "5ac3 2800 0001 0000 0003 0001",
    // contoso.com SOA IN
    "07636f6e746f736f03636f6d00 0006 0001",
    // _vlmcs._tcp.contoso.com SRV NONE, ttl 0: 10 25 1688 kms1.contoso.com
    "065f766c6d6373045f746370c00c 0021 00fe 00000000 0018",
    "000a 0019 0698 046b6d733107636f6e746f736f03636f6d00",
    // the same SRV IN, ttl 3600: 10 75 1688 kms1.contoso.com
    "c01d 0021 0001 00000e10 0018",
    "000a 004b 0698 046b6d733107636f6e746f736f03636f6d00",
    // kms1.contoso.com A IN, ttl 3600: 192.0.2.7
    "c03b 0001 0001 00000e10 0004 c0000207",
    // kms-host-key TSIG ANY, ttl 0: hmac-sha256, time, fudge 300, MAC, original id, error 0
    "0c6b6d732d686f73742d6b657900 00fa 00ff 00000000 003d",
    "0b686d61632d73686132353600 00006553f100 012c 0020",
    "690c9ddde58e4f16322164365b2d3a7e0dc5614d3054c3de041d4d5871a2713e 5ac3 0000 0000",
];

const ANSWER: &[&str] = &[
    // id, answer to UPDATE, NOERROR, 1 zone, 1 additional record
    "5ac3 a800 0001 0000 0000 0001",
    "07636f6e746f736f03636f6d00 0006 0001",
    "0c6b6d732d686f73742d6b657900 00fa 00ff 00000000 003d",
    "0b686d61632d73686132353600 00006553f101 012c 0020",
    "f433405af0df8b7e4eb666dd09fe27ea0d542e746001d1419910bdfc47c57209 5ac3 0000 0000",
];

fn bytes(lines: &[&str]) -> Vec<u8> {
    HEXLOWER
        .decode(lines.concat().replace(' ', "").as_bytes())
        .unwrap()
}

#[test]
fn the_update_is_met_to_the_byte_and_its_answer_is_accepted() {
    let current = registration("kms1.contoso.com")
        .with_addresses(["192.0.2.7".parse().unwrap()])
        .unwrap();
    let previous = current.clone().with_priority_and_weight(10, 25);
    let mut entropy = SeededEntropy::new(5);
    let update = Update::publish(&current, &[previous], Some(&key()), &mut entropy, NOW).unwrap();
    assert_eq!(update.bytes(), bytes(UPDATE));
    assert_eq!(judged(&update, &bytes(ANSWER)), (StatusCode::OK, true));
}
