//! TSIG (RFC 8945) as its text has it, on fixed offsets and with an HMAC of its own: it shares nothing with
//! the DNS library that kms-srv uses.

use sha2::{Digest, Sha256};

/// What a server and its client share, and what the client's update was signed with.
pub(super) struct Shared<'a> {
    /// In wire form and lower case.
    pub(super) key_name: &'a [u8],
    pub(super) secret: &'a [u8],
    pub(super) request_mac: &'a [u8],
    /// When the update was signed, in seconds since 1970.
    pub(super) time: u64,
}

/// `hmac-sha256.` in wire form.
pub(super) const HMAC_SHA256: &[u8] = b"\x0bhmac-sha256\0";

/// The fields of a TSIG record beside its MAC.
#[derive(Clone, Debug)]
pub(super) struct Variables {
    /// In wire form, as is the algorithm.
    pub(super) name: Vec<u8>,
    pub(super) algorithm: Vec<u8>,
    pub(super) time: u64,
    pub(super) fudge: u16,
    pub(super) original_id: u16,
    pub(super) error: u16,
    pub(super) other: Vec<u8>,
}

/// Whether the last record of `answer` is a signature over all that is before it (sections 5.3.1 and 5.4).
pub(super) fn is_signed_rightly(answer: &[u8], shared: &Shared<'_>) -> bool {
    let Some((start, mac, variables)) = last_record(answer) else {
        return false;
    };
    let expected = mac_of(answer, start, &variables, shared);
    variables.name == shared.key_name
        && variables.algorithm == HMAC_SHA256
        && mac == expected
        && variables.time.abs_diff(shared.time) <= u64::from(variables.fudge)
}

/// The MAC of an answer whose signature begins, or will begin, at `start`. The header counts it.
pub(super) fn mac_of(
    answer: &[u8],
    start: usize,
    variables: &Variables,
    shared: &Shared<'_>,
) -> [u8; 32] {
    let mut signed = Vec::new();
    push_counted(&mut signed, shared.request_mac);
    signed.extend(variables.original_id.to_be_bytes());
    signed.extend(answer.get(2..10).unwrap_or_default());
    let count = number(answer, 10).unwrap_or(0).wrapping_sub(1);
    signed.extend(count.to_be_bytes());
    signed.extend(answer.get(12..start).unwrap_or_default());
    signed.extend(&variables.name);
    signed.extend([0, 255, 0, 0, 0, 0]);
    signed.extend(&variables.algorithm);
    signed.extend(variables.time.to_be_bytes().iter().skip(2));
    signed.extend(variables.fudge.to_be_bytes());
    signed.extend(variables.error.to_be_bytes());
    push_counted(&mut signed, &variables.other);
    hmac_sha256(shared.secret, &signed)
}

/// The record of a signature, as it goes behind a message.
pub(super) fn record(variables: &Variables, class: u16, ttl: u32, mac: &[u8]) -> Vec<u8> {
    let mut data = variables.algorithm.clone();
    data.extend(variables.time.to_be_bytes().iter().skip(2));
    data.extend(variables.fudge.to_be_bytes());
    push_counted(&mut data, mac);
    data.extend(variables.original_id.to_be_bytes());
    data.extend(variables.error.to_be_bytes());
    push_counted(&mut data, &variables.other);
    let mut record = variables.name.clone();
    record.extend(250_u16.to_be_bytes());
    record.extend(class.to_be_bytes());
    record.extend(ttl.to_be_bytes());
    push_counted(&mut record, &data);
    record
}

/// RFC 2104, for keys of up to 64 bytes.
pub(super) fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to ^= from;
        }
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text);
    let outer = Sha256::new().chain_update(padded(0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}

fn push_counted(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    to.extend(bytes);
}

/// Where the last record of the additional section begins, its MAC and its fields: if it is a TSIG record of
/// class ANY without a time to live.
fn last_record(message: &[u8]) -> Option<(usize, &[u8], Variables)> {
    let count = |at| number(message, at).map(usize::from);
    let mut at = 12;
    for _ in 0..count(4)? {
        at = name(message, at)?.1 + 4;
    }
    let records = count(6)? + count(8)?;
    let additional = count(10)?.checked_sub(1)?;
    for _ in 0..records + additional {
        let fields = name(message, at)?.1;
        at = fields + 10 + count(fields + 8)?;
    }
    let (owner, fields) = name(message, at)?;
    if message.get(fields..fields + 8)? != [0, 250, 0, 255, 0, 0, 0, 0] {
        return None;
    }
    let end = fields + 10 + count(fields + 8)?;
    let (algorithm, data) = name(message, fields + 10)?;
    let time = message.get(data..data + 6)?;
    let mac_at = data + 10;
    let mac_end = mac_at + count(data + 8)?;
    let other_end = mac_end + 6 + count(mac_end + 4)?;
    let variables = Variables {
        name: owner,
        algorithm,
        time: time.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
        fudge: number(message, data + 6)?,
        original_id: number(message, mac_end)?,
        error: number(message, mac_end + 2)?,
        other: message.get(mac_end + 6..other_end)?.to_vec(),
    };
    (other_end == end).then_some((at, message.get(mac_at..mac_end)?, variables))
}

/// A name without compression and in lower case, and where what follows it begins.
fn name(message: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut after) = (Vec::new(), None);
    for _ in 0..256 {
        let length = *message.get(at)?;
        match length {
            0 => {
                name.push(0);
                return Some((name, after.unwrap_or(at + 1)));
            }
            1..=63 => {
                let end = at + 1 + usize::from(length);
                name.extend(message.get(at..end)?.to_ascii_lowercase());
                at = end;
            }
            0xc0.. => {
                after = after.or(Some(at + 2));
                at = usize::from(number(message, at)? & 0x3fff);
            }
            _ => return None,
        }
    }
    None
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    let bytes: &[u8; 2] = message.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4231_test_case_2() {
        let mac = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(mac[28..], [0x64, 0xec, 0x38, 0x43]);
    }
}
