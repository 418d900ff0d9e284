//! The codec: a request is read, an answer is written, and the two together.

use crate::{
    agreement, limits, ours,
    peers::{Answer, Name, Request, binrw, deku, hand_written, zerocopy},
    samples::{CALL, NAMES, answer, request_pdu},
};
use core::hint::black_box;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// What stands at the start of a cache line, so that where the stack happens to be is not measured.
#[repr(align(64))]
pub(crate) struct Aligned<T>(pub(crate) T);

pub(crate) fn decode_request(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/decode_request");
    for name in NAMES {
        agreement::assert_requests_agree(name);
        let pdu = request_pdu(name);
        group.throughput(bytes(pdu.len()));
        decode(&mut group, "kms-wire", &pdu, ours::decode);
        decode_into(&mut group, "hand-written", &pdu, hand_written::decode);
        decode(&mut group, "zerocopy", &pdu, zerocopy::decode);
        decode(&mut group, "binrw", &pdu, binrw::decode);
        decode(&mut group, "deku", &pdu, deku::decode);
        let limit = limits::request_fields;
        decode_into(&mut group, "limit-fixed-offsets", &pdu, limit);
        let mut to = vec![0; pdu.len()];
        group.bench_function(BenchmarkId::new("limit-copy", pdu.len()), |b| {
            b.iter(|| limits::copy(black_box(&pdu), black_box(&mut to)));
        });
    }
    group.finish();
}

/// What is read is looked at where it lies: moving it would be measured too.
fn decode<'a, T>(group: &mut Group<'_>, who: &str, pdu: &'a [u8], decode: impl Fn(&'a [u8]) -> T) {
    group.bench_function(BenchmarkId::new(who, pdu.len()), |b| {
        b.iter(|| {
            black_box(&decode(black_box(pdu)));
        });
    });
}

fn decode_into(
    group: &mut Group<'_>,
    who: &str,
    pdu: &[u8],
    decode: impl Fn(&[u8], &mut Request<Name>) -> Option<()>,
) {
    let mut to = Aligned(Request::EMPTY);
    group.bench_function(BenchmarkId::new(who, pdu.len()), |b| {
        b.iter(|| {
            black_box(decode(black_box(pdu), black_box(&mut to.0)));
        });
    });
}

pub(crate) fn encode_answer(c: &mut Criterion) {
    agreement::assert_answers_agree();
    let answer = answer();
    let mut encoder = ours::Encoder::default();
    let pdu = encoder.encode(CALL, 0, &answer).to_vec();
    let mut group = c.benchmark_group("wire/encode_answer");
    group.throughput(bytes(pdu.len()));
    group.bench_function("kms-wire", |b| {
        b.iter(|| {
            let (call, context) = black_box((CALL, 0));
            let encoder = black_box(&mut encoder);
            black_box(encoder.encode(call, context, black_box(&answer)));
        });
    });
    encode(&mut group, "hand-written", hand_written::encode);
    encode(&mut group, "zerocopy", zerocopy::encode);
    encode(&mut group, "binrw", binrw::encode);
    encode(&mut group, "deku", deku::encode);
    let template = pdu.first_chunk().unwrap();
    encode(
        &mut group,
        "limit-fixed-offsets",
        |call, context, answer, out| {
            limits::put_answer(black_box(template), call, context, answer, out)
        },
    );
    let mut to = vec![0; pdu.len()];
    group.bench_function("limit-copy", |b| {
        b.iter(|| limits::copy(black_box(&pdu), black_box(&mut to)));
    });
    group.finish();
}

fn encode<T>(group: &mut Group<'_>, who: &str, encode: impl Fn(u32, u16, &Answer, &mut [u8]) -> T) {
    let answer = Aligned(Answer::from(&answer()));
    let mut out = Aligned([0; 256]);
    group.bench_function(who, |b| {
        b.iter(|| {
            let (call, context) = black_box((CALL.0, 0));
            let (answer, out) = (black_box(&answer.0), black_box(&mut out.0));
            black_box(encode(call, context, answer, out));
        });
    });
}

pub(crate) fn decode_request_and_encode_answer(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/decode_request_and_encode_answer");
    for name in NAMES {
        let pdu = request_pdu(name);
        let mut encoder = ours::Encoder::default();
        let mut granted = answer();
        let answer_pdu = encoder.answer(&pdu, &mut granted).unwrap().to_vec();
        group.throughput(bytes(pdu.len() + answer_pdu.len()));
        group.bench_function(BenchmarkId::new("kms-wire", pdu.len()), |b| {
            b.iter(|| {
                let (encoder, granted) = (black_box(&mut encoder), black_box(&mut granted));
                black_box(encoder.answer(black_box(&pdu), granted));
            });
        });
        let Aligned(request) = &mut Aligned(Request::EMPTY);
        both(&mut group, "hand-written", &pdu, |pdu, answer, out| {
            hand_written::decode(pdu, request)?;
            answer.cmid = black_box(&*request).cmid;
            hand_written::encode(request.call_id, request.context_id, answer, out)
        });
        both(&mut group, "zerocopy", &pdu, |pdu, answer, out| {
            let request = &zerocopy::decode(pdu)?;
            answer.cmid = black_box(request).cmid();
            zerocopy::encode(request.call_id, request.context_id, answer, out)
        });
        both(&mut group, "binrw", &pdu, |pdu, answer, out| {
            let request = &binrw::decode(pdu)?.body;
            answer.cmid = black_box(request).message.cmid.to_be_bytes();
            binrw::encode(request.call_id, request.context_id, answer, out)
        });
        both(&mut group, "deku", &pdu, |pdu, answer, out| {
            let request = &deku::decode(pdu)?.body;
            answer.cmid = black_box(request).message.cmid.to_be_bytes();
            deku::encode(request.call_id, request.context_id, answer, out)
        });
        let template = answer_pdu.first_chunk().unwrap();
        both(
            &mut group,
            "limit-fixed-offsets",
            &pdu,
            |pdu, answer, out| {
                limits::request_fields(pdu, request)?;
                answer.cmid = black_box(&*request).cmid;
                let (call, context) = (request.call_id, request.context_id);
                limits::put_answer(black_box(template), call, context, answer, out)
            },
        );
        let (mut inward, mut outward) = (vec![0; pdu.len()], vec![0; answer_pdu.len()]);
        group.bench_function(BenchmarkId::new("limit-copy", pdu.len()), |b| {
            b.iter(|| {
                limits::copy(black_box(&pdu), black_box(&mut inward));
                limits::copy(black_box(&answer_pdu), black_box(&mut outward));
            });
        });
    }
    group.finish();
}

/// Each `both` shows all that the request says before it goes on, as kms-wire's does.
fn both<T>(
    group: &mut Group<'_>,
    who: &str,
    pdu: &[u8],
    mut both: impl FnMut(&[u8], &mut Answer, &mut [u8]) -> Option<T>,
) {
    let mut answer = Aligned(Answer::from(&answer()));
    let mut out = Aligned([0; 256]);
    assert!(both(pdu, &mut answer.0, &mut out.0).is_some());
    group.bench_function(BenchmarkId::new(who, pdu.len()), |b| {
        b.iter(|| {
            let (answer, out) = (black_box(&mut answer.0), black_box(&mut out.0));
            black_box(both(black_box(pdu), answer, out));
        });
    });
}

/// For the throughput.
pub(crate) fn bytes(len: usize) -> Throughput {
    Throughput::Bytes(u64::try_from(len).unwrap())
}
