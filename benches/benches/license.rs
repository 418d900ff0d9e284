//! A renewal, from its timer to the last event, with a proof that nobody had to verify.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

use benches::{criterion, entropy, now, product, terms};
use core::hint::black_box;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kms_core::{
    ActivationId, AnswerTerms, KeyId, LicenseStatus, Now, RenewalInterval, SeededEntropy,
    VerifiedTerms,
};
use kms_license::{Event, License, Policy, RequestFields};

const SERVER: &str = "kms01.contoso.com:1688";

fn renew(c: &mut Criterion) {
    let mut client = Client::licensed();
    let mut events = Vec::new();
    let (answer, fields) = client.renew(&mut events);
    assert_eq!(client.license.status(), LicenseStatus::Licensed);
    assert_eq!(events.len(), 5, "{events:?}");

    let mut group = c.benchmark_group("license/renew");
    group.throughput(Throughput::Elements(1));
    let mut polled = Vec::new();
    group.bench_function("renew", |b| {
        b.iter(|| {
            polled.clear();
            client.renew(&mut polled)
        });
    });
    let mut polled = Vec::new();
    group.bench_function("limit-copy", |b| {
        b.iter(|| {
            polled.clear();
            polled.extend_from_slice(black_box(&events));
            (*black_box(&answer), *black_box(&fields))
        });
    });
    group.finish();
}

/// A licensed machine that renews on the day.
struct Client {
    license: License<Answer>,
    entropy: SeededEntropy,
    now: Now,
}

impl Client {
    fn licensed() -> Self {
        let (mut entropy, now) = (entropy(), now());
        let mut license = License::new(Policy::default(), product(), &mut entropy, now);
        license.install_key(now);
        let mut client = Self {
            license,
            entropy,
            now,
        };
        client.attempt(&mut Vec::new());
        client
    }

    /// The renewal interval is over: the timer, a request, its answer. A driver looks at each event.
    fn renew(&mut self, events: &mut Vec<Event>) -> (Answer, RequestFields) {
        self.now = self.now.after(RenewalInterval::default().duration());
        self.license.handle_timeout(self.now, &mut self.entropy);
        self.attempt(events)
    }

    fn attempt(&mut self, events: &mut Vec<Event>) -> (Answer, RequestFields) {
        let Self {
            license,
            entropy,
            now,
        } = self;
        events.extend(core::iter::from_fn(|| license.poll_event()));
        let fields = license.begin_attempt(SERVER, false, *now).unwrap();
        let answer = Answer(AnswerTerms {
            cmid: fields.cmid,
            host_time: now.wall,
            ..terms(KeyId([7; 8]))
        });
        license
            .handle_answer(black_box(answer), *now, entropy)
            .unwrap();
        events.extend(core::iter::from_fn(|| license.poll_event()));
        (answer, fields)
    }
}

#[derive(Clone, Copy)]
struct Answer(AnswerTerms);

impl VerifiedTerms for Answer {
    fn terms(&self) -> &AnswerTerms {
        &self.0
    }

    fn activation_id(&self) -> ActivationId {
        product()
    }
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = renew
}
criterion_main!(benches);
