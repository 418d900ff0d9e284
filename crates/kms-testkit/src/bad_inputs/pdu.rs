//! PDUs of a host, read without the codec under test (C706 section 12.6).

use super::fields::Fields;

/// The size of a header.
pub(super) const HEADER: usize = 16;
pub(super) const NDR: &str = "045d888aeb1cc9119fe808002b10486002000000";
pub(super) const NIL: &str = "0000000000000000000000000000000000000000";

/// The types by their numbers.
const TYPES: [(u8, &str); 12] = [
    (0, "request"),
    (2, "response"),
    (3, "fault"),
    (11, "bind"),
    (12, "bind_ack"),
    (13, "bind_nak"),
    (14, "alter_context"),
    (15, "alter_context_resp"),
    (16, "auth3"),
    (17, "shutdown"),
    (18, "co_cancel"),
    (19, "orphaned"),
];

/// What all connections of a host have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common {
    pub(super) port: u16,
    /// 0 before it is known.
    pub(super) group: u32,
    /// The fragment size of this connection.
    pub(super) fragment_size: u16,
}

/// Bytes that are read from the front, little-endian; past the end everything is zero and `short`.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    short: bool,
}

impl<'a> Cursor<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        let (at, short) = (0, false);
        Self { bytes, at, short }
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.get(..len));
        self.at = self.at.saturating_add(len);
        self.short |= found.is_none();
        found.unwrap_or_default()
    }

    fn number(&mut self, len: usize) -> u32 {
        let bytes = self.take(len).iter().rev();
        bytes.fold(0, |number, byte| number << 8 | u32::from(*byte))
    }

    fn small(&mut self, len: usize) -> usize {
        usize::try_from(self.number(len)).unwrap_or(usize::MAX)
    }

    fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }
}

/// How long the PDU is that begins here, once its header has come.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let mut cursor = Cursor::new(bytes.get(..HEADER)?);
    cursor.take(8);
    Some(cursor.small(2).max(HEADER))
}

/// Whether it is a response that others follow.
pub(super) fn is_fragment(pdu: &[u8]) -> bool {
    pdu.get(2) == Some(&2) && pdu.get(3).is_some_and(|flags| flags & 2 == 0)
}

/// The fields of a PDU, or of the fragments of a response put together.
pub(super) fn read(pdus: &[Vec<u8>], common: Common) -> Fields {
    let Some(first) = pdus.first() else {
        return Fields::default().with("type", "nothing");
    };
    let mut fields = read_header(first);
    let body = first.get(HEADER..).unwrap_or_default();
    let mut cursor = Cursor::new(body);
    match first.get(2) {
        Some(12 | 15) => read_ack(&mut cursor, &mut fields),
        Some(13) => read_nak(&mut cursor, &mut fields),
        Some(3) => read_fault(&mut cursor, &mut fields),
        Some(2) => read_response(pdus, common, &mut fields),
        _ => {}
    }
    let whole = if cursor.short { "cut off" } else { "whole" };
    fields.with("body", whole)
}

fn read_header(pdu: &[u8]) -> Fields {
    let mut cursor = Cursor::new(pdu);
    let (major, minor, number) = (cursor.number(1), cursor.number(1), cursor.number(1));
    let name = TYPES.iter().find(|(known, _)| u32::from(*known) == number);
    let name = name.map_or_else(
        || format!("number {number}"),
        |(_, name)| (*name).to_owned(),
    );
    let flags = cursor.number(1);
    Fields::default()
        .with("type", name)
        .with("version", format_args!("{major}.{minor}"))
        .with("flags", format_args!("{flags:#04x}"))
        .with("drep", hex(cursor.take(4)))
        .with("length", cursor.number(2))
        .with("auth_length", cursor.number(2))
        .with("call_id", cursor.number(4))
}

fn read_ack(cursor: &mut Cursor<'_>, fields: &mut Fields) {
    fields.set("max_xmit_frag", cursor.number(2));
    fields.set("max_recv_frag", cursor.number(2));
    fields.set("assoc_group", cursor.number(4));
    let len = cursor.small(2);
    let address = cursor.take(len);
    fields.set(
        "secondary_address",
        format_args!("{:?}", String::from_utf8_lossy(address)),
    );
    cursor.take(cursor.at.next_multiple_of(4) - cursor.at);
    let number = cursor.number(4) & 0xff;
    let mut results = Vec::new();
    for _ in 0..number {
        let (result, reason) = (cursor.number(2), cursor.number(2));
        results.push(result_text(result, reason, &hex(cursor.take(20))));
    }
    fields.set("results", format_args!("[{}]", results.join(" ")));
}

pub(super) fn result_text(result: u32, reason: u32, syntax: &str) -> String {
    let syntax = match syntax {
        NDR => "NDR",
        NIL => "nil",
        other => other,
    };
    format!("{result}:{reason}:{syntax}")
}

fn read_nak(cursor: &mut Cursor<'_>, fields: &mut Fields) {
    fields.set("reason", cursor.number(2));
    let number = cursor.number(1);
    let versions: Vec<String> = (0..number)
        .map(|_| format!("{}.{}", cursor.number(1), cursor.number(1)))
        .collect();
    fields.set("versions", versions.join(" "));
}

fn read_fault(cursor: &mut Cursor<'_>, fields: &mut Fields) {
    cursor.take(4); // allocation hint
    fields.set("context_id", cursor.number(2));
    fields.set("cancel_count", cursor.number(1));
    cursor.take(1); // flags of [MS-RPCE]
    fields.set("status", format_args!("{:08x}", cursor.number(4)));
    cursor.take(4); // reserved
}

/// Puts the fragments together, and says what is wrong with them.
fn read_response(pdus: &[Vec<u8>], common: Common, fields: &mut Fields) {
    let call = |pdu: &[u8]| pdu.get(12..16).map(<[u8]>::to_vec);
    let mut stub = Vec::new();
    let mut faults = Vec::new();
    for (at, pdu) in pdus.iter().enumerate() {
        let (first, last) = (at == 0, at + 1 == pdus.len());
        let flags = u8::from(first) | u8::from(last) << 1;
        if pdu.get(2) != Some(&2) {
            faults.push("another PDU between its fragments");
        }
        if pdu.get(3) != Some(&flags) {
            faults.push("flags of a fragment");
        }
        if call(pdu) != pdus.first().and_then(|pdu| call(pdu)) {
            faults.push("call id of a fragment");
        }
        if pdu.len() > usize::from(common.fragment_size) {
            faults.push("fragment longer than negotiated");
        }
        let mut cursor = Cursor::new(pdu);
        cursor.take(HEADER + 4); // allocation hint
        let context_id = cursor.number(2);
        if first {
            fields.set("context_id", context_id);
            fields.set("cancel_count", cursor.number(1));
        } else {
            if Some(context_id.to_string().as_str()) != fields.get("context_id") {
                faults.push("context of a fragment");
            }
            cursor.take(1);
        }
        cursor.take(1); // reserved
        let part = cursor.rest();
        if !last && !part.len().is_multiple_of(8) {
            faults.push("fragment that is no multiple of 8");
        }
        if cursor.short {
            faults.push("fragment too short");
        }
        stub.extend_from_slice(part);
    }
    if faults.is_empty() {
        faults.push("right");
    }
    fields.set("fragments", faults.join(", "));
    read_outcome(&stub, fields);
}

/// The stub of either operation (PROTOCOL section 2), and what it carries (section 3).
fn read_outcome(stub: &[u8], fields: &mut Fields) {
    let mut cursor = Cursor::new(stub);
    let (n, referent) = (cursor.small(4), cursor.number(4));
    fields.set("array", if referent == 0 { "null" } else { "present" });
    let mut message: &[u8] = &[];
    if referent != 0 {
        let max_count = cursor.small(4);
        message = cursor.take(n);
        cursor.take(cursor.at.next_multiple_of(4) - cursor.at);
        if max_count != n {
            fields.set("max_count", max_count);
        }
    }
    fields.set("n", n);
    fields.set("hresult", format_args!("{:08x}", cursor.number(4)));
    let rest = cursor.rest().len();
    let form = if cursor.short || rest > 3 {
        "wrong"
    } else {
        "right"
    };
    fields.set("stub", form);
    if referent != 0 {
        read_activation(message, fields);
        read_certificates(message, fields);
    }
}

fn read_activation(message: &[u8], fields: &mut Fields) {
    let mut cursor = Cursor::new(message);
    let version = (cursor.number(2), cursor.number(2));
    let count = cursor.number(4);
    let intervals = [cursor.number(4), cursor.number(4)];
    let (validity, reserved) = (cursor.number(4), cursor.number(4));
    let cmid = hex(cursor.take(16));
    cursor.take(8 + 8 + 64); // host time, key id, signature
    let ranges = intervals
        .iter()
        .all(|interval| (15..=43_200).contains(interval));
    let right = version == (1, 0) && ranges && validity != 0 && reserved == 0;
    if !cursor.short && cursor.rest().is_empty() && right {
        fields.set("count", count);
        fields.set("cmid", cmid);
    }
}

fn read_certificates(message: &[u8], fields: &mut Fields) {
    let mut cursor = Cursor::new(message);
    let number = cursor.number(1);
    for _ in 0..number {
        let len = cursor.small(2);
        if cursor.take(len).first() != Some(&0x30) {
            return;
        }
    }
    if (1..=4).contains(&number) && !cursor.short && cursor.rest().is_empty() {
        fields.set("certificates", "1 to 4");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bad_inputs::Expected;

    const COMMON: Common = Common {
        port: 1688,
        group: 7,
        fragment_size: 2048,
    };

    /// A response of call 2 in context 0 with this part of a stub.
    fn response(flags: u8, stub: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER + 8 + stub.len())
            .unwrap()
            .to_le_bytes();
        let mut pdu = vec![5, 0, 2, flags, 0x10, 0, 0, 0];
        pdu.extend(length);
        pdu.extend([0, 0, 2, 0, 0, 0]);
        pdu.extend([0; 8]);
        pdu.extend(stub);
        pdu
    }

    fn refusal() -> Vec<u8> {
        [&[0; 8][..], &[0x41, 0xf0, 0x04, 0xc0]].concat()
    }

    fn fragments(pdus: &[Vec<u8>]) -> String {
        read(pdus, COMMON)
            .get("fragments")
            .unwrap_or_default()
            .to_owned()
    }

    #[test]
    fn a_response_in_fragments_is_put_together() {
        let stub = refusal();
        let pdus = [response(1, &stub[..8]), response(2, &stub[8..])];
        assert!(is_fragment(&pdus[0]) && !is_fragment(&pdus[1]));
        let expected = Expected::Response {
            call_id: 2,
            hresult: "c004f041".to_owned(),
            context_id: 0,
            cmid: None,
            count: None,
            certificates: false,
            minor_version: 0,
        };
        let found = read(&pdus, COMMON);
        let missing = expected.fields(COMMON).missing_in(&found);
        assert!(missing.is_empty(), "{missing} in {found}");
    }

    #[test]
    fn each_rule_of_fragments_is_looked_at() {
        let stub = refusal();
        let (first, last) = (response(1, &stub[..8]), response(2, &stub[8..]));
        assert_eq!(fragments(&[first.clone(), last.clone()]), "right");
        let changed = |at: usize, value: u8| {
            let mut pdu = last.clone();
            pdu[at] = value;
            fragments(&[first.clone(), pdu])
        };
        assert_eq!(changed(2, 3), "another PDU between its fragments");
        assert_eq!(changed(3, 3), "flags of a fragment");
        assert_eq!(changed(12, 3), "call id of a fragment");
        assert_eq!(changed(20, 1), "context of a fragment");
        let odd = [response(1, &stub[..7]), response(2, &stub[7..])];
        assert_eq!(fragments(&odd), "fragment that is no multiple of 8");
        let long = [response(3, &[0; 2025])];
        assert_eq!(fragments(&long), "fragment longer than negotiated");
        assert_eq!(
            fragments(&[first[..20].to_vec(), last]),
            "fragment too short"
        );
    }

    #[test]
    fn a_pdu_that_is_cut_is_seen() {
        let whole = [
            5, 0, 13, 3, 0x10, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 4, 0, 2, 5, 0, 5, 1,
        ];
        let expected = Expected::BindNak {
            call_id: Some(1),
            reason: 4,
        };
        let expected = expected.fields(COMMON);
        let found = read(&[whole.to_vec()], COMMON);
        assert!(expected.missing_in(&found).is_empty(), "{found}");
        for len in HEADER..whole.len() {
            let found = read(&[whole[..len].to_vec()], COMMON);
            assert!(!expected.missing_in(&found).is_empty(), "{found}");
        }
        assert_eq!(length(&whole), Some(whole.len()));
        assert_eq!(length(&whole[..15]), None);
        assert_eq!(read(&[], COMMON).to_string(), "type nothing");
    }
}
