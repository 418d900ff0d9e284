//! The service: identity, store, clock and events around the engine.

use crate::{
    fixture::{DAY, Fixture, START, answer},
    stores::{FailingStore, HeldStore, MendedStore, UnreadableStore, failure},
};
use core::{
    pin::pin,
    sync::atomic::Ordering,
    task::{Context, Poll, Waker},
};
use kms_core::{Cmid, StatusCode};
use kms_count::{Counters, FamilySnapshot, Record, Snapshot};
use kms_host::{Caller, Entry, HostEvent, HostReply, HostService, MemoryStore, Store, StoreError};

const NOT_ACTIVATED: HostReply =
    HostReply::Refused(StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED);

fn codes<S: Store, C: kms_core::Clock>(service: &HostService<S, C>) -> Vec<u32> {
    let events = service.events().to_vec().into_iter();
    events
        .map(|(_, event)| match event {
            HostEvent::RequestProcessed(event) => event.code.0,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn an_answer_verifies_against_the_chain_that_the_host_gives() {
    let fixture = Fixture::new();
    let service = fixture.service(MemoryStore);
    let HostReply::Answer(chain) = service.host_certificate() else {
        panic!("no chain");
    };
    let host = fixture.verify_chain(&chain);
    assert_eq!(host.name(), service.identity().unwrap().name());
    for machine in 1..=3 {
        let message = fixture.message(machine);
        let HostReply::Answer(bytes) = service
            .request_activation(&message, &mut Caller::default())
            .await
        else {
            panic!("refused");
        };
        let verified = fixture.verify(&host, &message, &bytes);
        let count = kms_core::VerifiedTerms::terms(&verified).count;
        assert_eq!(u64::from(count), machine);
    }
}

#[test]
fn there_is_no_answer_before_the_store_has_kept_the_request() {
    let fixture = Fixture::new();
    let (store, mut commits) = HeldStore::new();
    let service = fixture.service(store.clone());
    let message = fixture.message(1);
    let mut context = Context::from_waker(Waker::noop());
    let mut asked_caller = Caller::default();
    let mut asked = pin!(service.request_activation(&message, &mut asked_caller));

    assert_eq!(asked.as_mut().poll(&mut context), Poll::Pending);
    assert_eq!(store.entries.lock().unwrap().len(), 1);
    assert_eq!(codes(&service), [0_u32; 0], "the result is not certain yet");
    assert_eq!(asked.as_mut().poll(&mut context), Poll::Pending);

    commits.try_recv().unwrap().send(Ok(())).unwrap();
    let Poll::Ready(reply) = asked.as_mut().poll(&mut context) else {
        panic!("still waiting");
    };
    assert_eq!(answer(&reply).terms.count, 1);
    assert_eq!(codes(&service), [0]);
}

#[test]
fn the_store_gets_entries_in_the_order_of_the_count_whichever_ends_first() {
    let fixture = Fixture::new();
    let (store, mut commits) = HeldStore::new();
    let service = fixture.service(store.clone());
    let messages = [fixture.message(1), fixture.message(2)];
    let mut context = Context::from_waker(Waker::noop());
    let mut first_caller = Caller::default();
    let mut first = pin!(service.request_activation(&messages[0], &mut first_caller));
    let mut second_caller = Caller::default();
    let mut second = pin!(service.request_activation(&messages[1], &mut second_caller));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    let cmids: Vec<Cmid> = {
        let entries = store.entries.lock().unwrap();
        entries
            .iter()
            .map(|entry| match entry {
                Entry::Answered { request, .. } => request.cmid,
                entry => panic!("{entry:?}"),
            })
            .collect()
    };
    assert_eq!(cmids, [fixture.request(1).cmid, fixture.request(2).cmid]);

    let (one, two) = (commits.try_recv().unwrap(), commits.try_recv().unwrap());
    two.send(Ok(())).unwrap();
    assert!(first.as_mut().poll(&mut context).is_pending());
    let Poll::Ready(reply) = second.as_mut().poll(&mut context) else {
        panic!("still waiting");
    };
    assert_eq!(answer(&reply).terms.count, 2);
    one.send(Ok(())).unwrap();
    let Poll::Ready(reply) = first.as_mut().poll(&mut context) else {
        panic!("still waiting");
    };
    assert_eq!(answer(&reply).terms.count, 1);
}

#[tokio::test]
async fn a_request_that_the_store_cannot_keep_is_refused_for_now() {
    let fixture = Fixture::new();
    let service = fixture.service(FailingStore);
    let reply = service
        .request_activation(&fixture.message(1), &mut Caller::default())
        .await;
    assert_eq!(reply, HostReply::Refused(StatusCode(0x8007_00AA)));
    assert_eq!(codes(&service), [0x8007_00AA], "and the event says so");
}

#[test]
fn a_call_that_is_given_up_leaves_an_event() {
    let fixture = Fixture::new();
    let (store, _commits) = HeldStore::new();
    let service = fixture.service(store);
    let message = fixture.message(1);
    {
        let mut asked_caller = Caller::default();
        let mut asked = pin!(service.request_activation(&message, &mut asked_caller));
        let mut context = Context::from_waker(Waker::noop());
        assert!(asked.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(codes(&service), [0x8007_05B4]);
}

#[tokio::test]
async fn a_refusal_waits_for_no_store() {
    let fixture = Fixture::new();
    let (store, _commits) = HeldStore::new();
    let service = fixture.service(store.clone());
    let reply = service
        .request_activation(b"malformed", &mut Caller::default())
        .await;
    assert_eq!(reply, HostReply::Refused(StatusCode::INVALID_DATA));
    let nothing = Entry::Failed {
        counted_id: None,
        license_status: None,
        source: None,
        at: START.wall,
        event: None,
    };
    assert_eq!(*store.entries.lock().unwrap(), [nothing]);
    let counters = service.counters();
    assert_eq!((counters.total(), counters.failed()), (1, 1));
}

#[tokio::test]
async fn a_host_that_is_not_certified_runs_and_refuses() {
    let fixture = Fixture::uncertified();
    let service = fixture.service(MemoryStore);
    assert!(service.identity().is_none());
    assert_eq!(service.host_certificate(), NOT_ACTIVATED);
    assert_eq!(
        service
            .request_activation(&fixture.message(1), &mut Caller::default())
            .await,
        NOT_ACTIVATED
    );
    assert_eq!(codes(&service), [0xC004_F041]);
}

#[tokio::test]
async fn a_host_whose_certificate_has_expired_refuses_and_still_shows_it() {
    let fixture = Fixture::new();
    let service = fixture.service(MemoryStore);
    fixture.clock.advance(365 * DAY);
    let last = service
        .request_activation(&fixture.message(1), &mut Caller::default())
        .await;
    assert_eq!(answer(&last).terms.count, 1);
    fixture.clock.advance(core::time::Duration::from_millis(1));
    assert_eq!(
        service
            .request_activation(&fixture.message(1), &mut Caller::default())
            .await,
        NOT_ACTIVATED
    );
    assert!(matches!(service.host_certificate(), HostReply::Answer(_)));
}

#[tokio::test]
async fn families_are_shown_by_name_with_counts_as_of_now() {
    let fixture = Fixture::new();
    let service = fixture.service(MemoryStore);
    assert_eq!(service.families(), []);
    for machine in 1..=3 {
        service
            .request_activation(&fixture.message(machine), &mut Caller::default())
            .await;
    }
    let [family] = service.families().try_into().unwrap();
    let named = fixture.catalogue.family(fixture.client().counted_id);
    assert_eq!(family.name, named.unwrap().name);
    assert_eq!(
        (family.count, family.threshold, family.capacity),
        (3, 25, 50)
    );
    assert_eq!(family.counters.total(), 3);
    fixture.clock.advance(30 * DAY);
    assert_eq!(service.families()[0].count, 0);
}

#[tokio::test]
async fn what_is_configured_is_what_answers_say() {
    let fixture = Fixture::new();
    let more = "activation_interval = 15\nrenewal_interval = 43200\nclock_tolerance = 1\n\
                retention = 1\ncount_virtual_machines = false";
    let service = fixture.start(more, MemoryStore).unwrap();
    let terms = answer(
        &service
            .request_activation(&fixture.message(1), &mut Caller::default())
            .await,
    )
    .terms;
    assert_eq!(terms.activation_interval.minutes(), 15);
    assert_eq!(terms.renewal_interval.minutes(), 43_200);
    let mut late = fixture.request(1);
    late.request_time = START
        .wall
        .saturating_sub(core::time::Duration::from_millis(60_001));
    let late = kms_core::Encode::to_vec(&late);
    assert_eq!(
        service
            .request_activation(&late, &mut Caller::default())
            .await,
        HostReply::Refused(StatusCode::VL_INVALID_TIMESTAMP)
    );
    fixture.clock.advance(DAY);
    assert_eq!(service.families()[0].count, 0, "a day of retention");
    let mut virtual_machine = fixture.request(2);
    virtual_machine.virtual_machine = true;
    let virtual_machine = kms_core::Encode::to_vec(&virtual_machine);
    let reply = service
        .request_activation(&virtual_machine, &mut Caller::default())
        .await;
    assert_eq!(answer(&reply).terms.count, 0);
}

#[test]
fn a_host_does_not_start_without_its_store() {
    let error = Fixture::new().start("", UnreadableStore).unwrap_err();
    assert_eq!(error.to_string(), format!("{}", failure()));
}

#[test]
fn a_store_that_contradicts_itself_is_told_with_the_remedy() {
    struct Twice(Snapshot);
    impl Store for Twice {
        fn load(&self) -> Result<Snapshot, StoreError> {
            Ok(self.0.clone())
        }
        fn commit(
            &self,
            _entry: Entry,
        ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
            core::future::ready(Ok(()))
        }
    }
    let fixture = Fixture::new();
    let record = Record {
        cmid: fixture.request(1).cmid,
        last_request: START.wall,
        first_request: START.wall,
        source: None,
    };
    let family = FamilySnapshot {
        counted_id: fixture.client().counted_id,
        threshold: fixture.client().threshold,
        counters: Counters::default(),
        records: vec![record, record],
    };
    let snapshot = Snapshot {
        families: vec![family],
        ..Snapshot::default()
    };
    let error = fixture.start("", Twice(snapshot)).unwrap_err().to_string();
    assert!(
        error.starts_with("what the store holds contradicts itself: ")
            && error.contains("bring back a copy"),
        "{error}"
    );
}

#[test]
fn a_catalogue_at_fault_is_named() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("products.toml");
    std::fs::write(&path, "[[family]]\nnam = 1\n").unwrap();
    for (line, wanted) in [
        ("catalogue = \"products.toml\"", "products.toml"),
        ("catalogue = \"none.toml\"", "none.toml"),
    ] {
        let error = fixture.start(line, MemoryStore).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn after_a_store_was_opened_anew_the_count_is_what_it_holds() {
    let fixture = Fixture::new();
    let store = MendedStore::default();
    let service = fixture.service(store.clone());
    let ask = async |machine| {
        let message = fixture.message(machine);
        service
            .request_activation(&message, &mut Caller::default())
            .await
    };
    assert_eq!(answer(&ask(1).await).terms.count, 1);
    store.fails.store(true, Ordering::Relaxed);
    let busy = HostReply::Refused(StatusCode::BUSY);
    for machine in 2..10 {
        assert_eq!(ask(machine).await, busy);
    }
    // Only the first machine was kept.
    let kept = Snapshot {
        families: vec![FamilySnapshot {
            counted_id: fixture.client().counted_id,
            threshold: fixture.client().threshold,
            counters: Counters::default(),
            records: service_records(&fixture, &[1]),
        }],
        ..Snapshot::default()
    };
    store.fails.store(false, Ordering::Relaxed);
    *store.recovered.lock().unwrap() = Some(kept.clone());
    assert_eq!(answer(&ask(2).await).terms.count, 2);
    assert_eq!(answer(&ask(1).await).terms.count, 2);

    // A store that gives back what is no count is not counted from.
    let mut twice = kept;
    twice.families.push(twice.families[0].clone());
    *store.recovered.lock().unwrap() = Some(twice);
    assert_eq!(ask(3).await, busy);
    assert_eq!(ask(1).await, busy);
}

fn service_records(fixture: &Fixture, machines: &[u64]) -> Vec<Record> {
    let record = |&machine| Record {
        cmid: fixture.request(machine).cmid,
        first_request: START.wall,
        last_request: START.wall,
        source: None,
    };
    machines.iter().map(record).collect()
}
