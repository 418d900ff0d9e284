//! That everything measured side by side does the same: all of them take and refuse the same bytes,
//! and make the same of them. Looked at before the clock runs.

use crate::{
    limits, ours,
    peers::{
        self, Answer, Fields, binrw, binrw_bind, deku, deku_bind, fields_of, hand_written,
        hand_written_bind, negotiation::Negotiation, zerocopy, zerocopy_bind,
    },
    samples::{CALL, answer, bind_pdu, bind_pdu_of, request_pdu, request_pdu_of},
};
use benches::request;
use kms_core::{ByteOrder, Encode};
use kms_wire::{
    ActivationRequest, MAX_CONTEXTS, MAX_TRANSFER_SYNTAXES,
    pdu::{CallId, PfcFlags, PresentationContext, SyntaxId, TransferSyntaxes},
};
use uuid::Uuid;

/// Requests, those that are changed in one byte included.
pub(crate) fn assert_requests_agree(machine_name: &str) {
    let good = request_pdu(machine_name);
    let mut limit = peers::Request::EMPTY;
    limits::request_fields(&good, &mut limit).unwrap();
    assert_eq!(limit.fields(), expected(&good).unwrap().fields());

    let mut message = request(machine_name).to_vec();
    let object = Some(Uuid::from_bytes([9; 16]));
    let mut all = Vec::new();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        all.extend((0..=4).map(|padding| request_pdu_of(&message, order, padding, None)));
        all.push(request_pdu_of(&message, order, 0, object));
    }
    for name in ["b\u{fc}ro-\u{f1}", "w", "0123456789abcdef"] {
        all.push(request_pdu(name));
    }
    message[2] = 1; // A later minor version, with a field more.
    message.push(7);
    all.push(request_pdu_of(&message, ByteOrder::Little, 0, None));

    let mut taken = 0;
    for pdu in all.iter().flat_map(|pdu| with_changes(pdu)) {
        let expected = expected(&pdu);
        let expected = expected.as_ref().map(Fields::fields);
        taken += usize::from(expected.is_some());
        let mut written = peers::Request::EMPTY;
        let read = hand_written::decode(&pdu, &mut written);
        assert_same(&pdu, expected, read.map(|()| written));
        assert_same(&pdu, expected, zerocopy::decode(&pdu));
        assert_same(&pdu, expected, binrw::decode(&pdu));
        assert_same(&pdu, expected, deku::decode(&pdu));
    }
    assert!(taken > 500, "only {taken} were taken");
}

/// What kms-wire makes of a request.
struct Decoded(CallId, u16, ActivationRequest);

impl Fields for Decoded {
    fn fields(&self) -> peers::Request<&[u8]> {
        fields_of(self.0.0, self.1, &self.2)
    }
}

fn expected(pdu: &[u8]) -> Option<Decoded> {
    let (call, context, request) = ours::decode_call(pdu)?;
    assert_eq!(ours::decode(pdu), Ok(request));
    Some(Decoded(call, context, request))
}

fn assert_same(pdu: &[u8], expected: Option<peers::Request<&[u8]>>, found: Option<impl Fields>) {
    let found = found.as_ref().map(Fields::fields);
    assert_eq!(found, expected, "{pdu:02x?}");
}

/// Answers, byte for byte.
pub(crate) fn assert_answers_agree() {
    let answer = answer();
    let mut encoder = ours::Encoder::default();
    for (call, context) in [(CALL.0, 0), (0x1234_5678, 0x9abc)] {
        let expected = encoder.encode(CallId(call), context, &answer);
        let template = expected.try_into().unwrap();
        let plain = Answer::from(&answer);
        type Encode = fn(u32, u16, &Answer, &mut [u8]) -> Option<usize>;
        let peers: [Encode; 4] = [
            hand_written::encode,
            zerocopy::encode,
            binrw::encode,
            deku::encode,
        ];
        for encode in peers {
            let mut out = [0xee; 256];
            let len = encode(call, context, &plain, &mut out).unwrap();
            assert_eq!(&out[..len], expected);
        }
        let mut out = [0xee; 256];
        limits::put_answer(template, call, context, &plain, &mut out).unwrap();
        assert_eq!(&out[..160], expected);
        assert_eq!(limits::answer_fields(expected), Some((call, plain)));
    }
}

/// Binds, those that are changed in one byte included, against the host's connection.
pub(crate) fn assert_binds_agree() {
    type Bind = fn(&[u8], &mut [u8]) -> Option<(Negotiation, usize)>;
    let peers: [Bind; 4] = [
        hand_written_bind::answer,
        zerocopy_bind::answer,
        binrw_bind::answer,
        deku_bind::answer,
    ];
    let mut taken = 0;
    for pdu in binds().iter().flat_map(|pdu| with_changes(pdu)) {
        let expected = ours::bind_ack(&pdu);
        taken += usize::from(expected.is_some());
        for answer in peers {
            let mut out = [0xee; 512];
            let len = answer(&pdu, &mut out).map(|(_, len)| len);
            let found = len.map(|len| &out[..len]);
            assert_eq!(found, expected.as_deref(), "{pdu:02x?}");
        }
    }
    assert!(taken > 500, "only {taken} were taken");
    let bind = bind_pdu(ByteOrder::Little, PfcFlags::WHOLE);
    let mut codec = ours::BindCodec::new();
    let (_, ack) = codec.answer(&bind).unwrap();
    assert_eq!(Some(ack), ours::bind_ack(&bind).as_deref());
    assert!(limits::bind_fields(&bind).is_some());
}

/// Binds that meet each rule, and each limit and what is just beyond it.
fn binds() -> Vec<Vec<u8>> {
    let other = SyntaxId::new(Uuid::from_bytes([3; 16]), 1);
    let ours = SyntaxId::INTERFACE;
    let context = |id, abstract_syntax, syntaxes: &[SyntaxId]| PresentationContext {
        id,
        abstract_syntax,
        transfer_syntaxes: TransferSyntaxes::new(syntaxes).unwrap(),
    };
    let lists = [
        vec![],
        vec![context(0, ours, &[])],
        vec![context(0, other, &[SyntaxId::NDR])],
        vec![context(0, SyntaxId::new(ours.uuid, 2), &[SyntaxId::NDR])],
        vec![context(0, ours, &[other, SyntaxId::NDR]); 2],
        vec![context(0, ours, &[other; MAX_TRANSFER_SYNTAXES])],
        vec![context(0, ours, &[SyntaxId::NDR]); MAX_CONTEXTS],
        vec![context(0, ours, &[SyntaxId::NDR]); MAX_CONTEXTS + 1],
    ];
    let mut binds = Vec::new();
    for order in [ByteOrder::Little, ByteOrder::Big] {
        for flags in [PfcFlags::WHOLE, PfcFlags::WHOLE | PfcFlags::CONC_MPX] {
            binds.push(bind_pdu(order, flags));
        }
        for contexts in &lists {
            binds.push(bind_pdu_of(contexts.clone(), order, PfcFlags::WHOLE));
        }
    }
    // One transfer syntax more than a context may have.
    let most = vec![context(0, ours, &[SyntaxId::NDR; MAX_TRANSFER_SYNTAXES])];
    let mut beyond = bind_pdu_of(most, ByteOrder::Little, PfcFlags::WHOLE);
    beyond[30] += 1;
    beyond.extend([0; SyntaxId::LEN]);
    beyond[8] += u8::try_from(SyntaxId::LEN).unwrap();
    binds.push(beyond);
    binds
}

/// The bytes, and the bytes with each one changed in several ways.
fn with_changes(pdu: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let changes = [0x01, 0x02, 0x10, 0x20, 0x80, 0xff];
    let changed = (0..pdu.len()).flat_map(move |at| {
        changes.map(|change| {
            let mut pdu = pdu.to_vec();
            pdu[at] ^= change;
            pdu
        })
    });
    let cut = (0..pdu.len()).map(|len| pdu[..len].to_vec());
    core::iter::once(pdu.to_vec()).chain(changed).chain(cut)
}
