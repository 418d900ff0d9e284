//! The engines: bytes in, bytes out, on a connection that has been used before, and on a new one.

use crate::{
    agreement, limits,
    messages::{Aligned, bytes},
    ours::{self, Client, Host},
    peers::{Answer, Request, binrw_bind, deku_bind, hand_written_bind, zerocopy_bind},
    samples::{
        CALL, NAMES, alter_context_pdu, answer, answer_pdu, bind_pdu, client_bind_ack,
        client_bind_pdu, request_pdu,
    },
};
use benches::request;
use core::hint::black_box;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, measurement::WallTime};
use kms_core::ByteOrder;
use kms_wire::pdu::PfcFlags;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

pub(crate) fn bind(c: &mut Criterion) {
    agreement::assert_binds_agree();
    let bind = bind_pdu(ByteOrder::Little, PfcFlags::WHOLE);
    let ack = ours::bind_ack(&bind).unwrap();
    assert_eq!((bind.len(), ack.len()), (160, 108));

    let mut group = c.benchmark_group("wire/bind");
    group.throughput(bytes(bind.len() + ack.len()));
    group.bench_function("connection", |b| {
        b.iter(|| {
            ours::host_bind(black_box(&bind), |ack| {
                black_box(ack);
            });
        });
    });
    let mut codec = ours::BindCodec::new();
    group.bench_function("kms-wire", |b| {
        b.iter(|| {
            black_box(&black_box(&mut codec).answer(black_box(&bind)));
        });
    });
    bind_peer(&mut group, "hand-written", &bind, hand_written_bind::answer);
    bind_peer(&mut group, "zerocopy", &bind, zerocopy_bind::answer);
    bind_peer(&mut group, "binrw", &bind, binrw_bind::answer);
    bind_peer(&mut group, "deku", &bind, deku_bind::answer);
    let mut outward = vec![0; ack.len()];
    group.bench_function("limit-fixed-offsets", |b| {
        b.iter(|| {
            black_box(&limits::bind_fields(black_box(&bind)));
            limits::copy(black_box(&ack), black_box(&mut outward));
        });
    });
    limit_copy(&mut group, "limit-copy", &bind, &ack);
    group.finish();
}

fn bind_peer<T>(
    group: &mut Group<'_>,
    who: &str,
    bind: &[u8],
    answer: impl Fn(&[u8], &mut [u8]) -> T,
) {
    let mut out = Aligned([0; 512]);
    group.bench_function(who, |b| {
        b.iter(|| {
            black_box(&answer(black_box(bind), black_box(&mut out.0)));
        });
    });
}

pub(crate) fn alter_context(c: &mut Criterion) {
    let alter = alter_context_pdu();
    let mut host = Host::bound();
    let response = host.alter_context(&alter).unwrap().to_vec();
    assert_eq!((alter.len(), response.len()), (160, 104));

    let mut group = c.benchmark_group("wire/alter_context");
    group.throughput(bytes(alter.len() + response.len()));
    group.bench_function("connection", |b| {
        b.iter(|| {
            black_box(black_box(&mut host).alter_context(black_box(&alter)));
        });
    });
    limit_copy(&mut group, "limit-copy", &alter, &response);
    group.finish();
}

pub(crate) fn call(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/call");
    for name in NAMES {
        let request = request_pdu(name);
        let mut host = Host::bound();
        let sent = host.call(&request).unwrap().to_vec();
        assert_eq!(sent, answer_pdu());
        let len = request.len();
        group.throughput(bytes(len + sent.len()));
        group.bench_function(BenchmarkId::new("connection", len), |b| {
            b.iter(|| {
                black_box(black_box(&mut host).call(black_box(&request)));
            });
        });
        let plain = Aligned(Answer::from(&answer()));
        let template = sent.first_chunk().unwrap();
        let (mut fields, mut out) = (Aligned(Request::EMPTY), Aligned([0; 256]));
        group.bench_function(BenchmarkId::new("limit-fixed-offsets", len), |b| {
            b.iter(|| {
                let to = black_box(&mut fields.0);
                black_box(limits::request_fields(black_box(&request), to));
                let (call, context) = black_box((CALL.0, 0));
                let (template, answer) = (black_box(template), black_box(&plain.0));
                let out = black_box(&mut out.0);
                black_box(limits::put_answer(template, call, context, answer, out));
            });
        });
        limit_copy(&mut group, &format!("limit-copy/{len}"), &request, &sent);
    }
    group.finish();
}

pub(crate) fn client_call(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/client_call");
    let ack = client_bind_ack();
    for name in NAMES {
        let asked = request(name);
        let (request, mut received) = (request_pdu(name), answer_pdu());
        let mut client = Client::bound(&ack);
        assert_eq!(client.call(&asked, &mut received), Some(answer()));
        let len = request.len();
        group.throughput(bytes(len + received.len()));
        group.bench_function(BenchmarkId::new("connection", len), |b| {
            b.iter(|| {
                let client = black_box(&mut client);
                black_box(&client.call(black_box(&asked), &mut received));
            });
        });
        let mut outward = vec![0; len];
        group.bench_function(BenchmarkId::new("limit-fixed-offsets", len), |b| {
            b.iter(|| {
                limits::copy(black_box(&request), black_box(&mut outward));
                black_box(&limits::answer_fields(black_box(&received)));
            });
        });
        limit_copy(
            &mut group,
            &format!("limit-copy/{len}"),
            &request,
            &received,
        );
    }
    group.finish();
}

pub(crate) fn client_bind(c: &mut Criterion) {
    let (bind, ack) = (client_bind_pdu(), client_bind_ack());
    assert!(ours::client_bind(&ack));
    assert_eq!((bind.len(), ack.len()), (72, 60));
    let mut group = c.benchmark_group("wire/client_bind");
    group.throughput(bytes(bind.len() + ack.len()));
    group.bench_function("connection", |b| {
        b.iter(|| {
            black_box(ours::client_bind(black_box(&ack)));
        });
    });
    limit_copy(&mut group, "limit-copy", &bind, &ack);
    group.finish();
}

/// Both ways.
fn limit_copy(group: &mut Group<'_>, id: &str, came: &[u8], went: &[u8]) {
    let (mut inward, mut outward) = (vec![0; came.len()], vec![0; went.len()]);
    group.bench_function(id, |b| {
        b.iter(|| {
            limits::copy(black_box(came), black_box(&mut inward));
            limits::copy(black_box(went), black_box(&mut outward));
        });
    });
}
