//! The guarded admission, from the configuration to the wire.

use crate::{
    fixture::{Fixture, HOUR, START, answer},
    peer::{Outcome, Peer, Running},
    stores::HeldStore,
};
use core::net::{IpAddr, Ipv4Addr};
use kms_core::{Encode as _, StatusCode};
use kms_count::{Change, Record, Snapshot, Source};
use kms_host::{
    Alert, Caller, Entry, HostEvent, HostReply, HostService, MemoryStore, Store, StoreError,
};
use kms_testkit::clock::ManualClock;
use kms_wire::pdu::FaultStatus;

fn guarded(fixture: &Fixture, more: &str) -> HostService<MemoryStore, ManualClock> {
    fixture.start(more, MemoryStore).unwrap()
}

fn caller(last: u8) -> Caller {
    Caller::new(IpAddr::from(Ipv4Addr::new(10, 1, 0, last)))
}

async fn count<S: Store>(
    fixture: &Fixture,
    service: &HostService<S, ManualClock>,
    machine: u64,
    last: u8,
) -> u32 {
    let message = fixture.message(machine);
    let reply = service
        .request_activation(&message, &mut caller(last))
        .await;
    answer(&reply).terms.count
}

fn alerts<S: Store>(service: &HostService<S, ManualClock>) -> Vec<Alert> {
    let alert = |(_, event)| match event {
        HostEvent::Alert(alert) => Some(alert),
        _ => None,
    };
    service
        .events()
        .to_vec()
        .into_iter()
        .filter_map(alert)
        .collect()
}

#[tokio::test]
async fn a_host_is_guarded_unless_configured_and_all_are_answered() {
    let fixture = Fixture::new();
    let service = guarded(&fixture, "");
    let mut counts = Vec::new();
    for machine in 1..=8 {
        counts.push(count(&fixture, &service, machine, 1).await);
    }
    assert_eq!(counts, [1, 2, 3, 4, 5, 5, 5, 5]);
    assert_eq!(count(&fixture, &service, 9, 2).await, 6);
    let told = alerts(&service);
    assert!(
        matches!(&told[..], [Alert::OverQuota { source, .. }] if *source == caller(1).source),
        "{told:?}"
    );
}

#[tokio::test]
async fn quotas_are_as_configured_for_all_sources_and_for_networks() {
    let fixture = Fixture::new();
    let lines = "[admission]\nquota = 2\n\
                 [[admission.source]]\nnetwork = \"10.1.0.1\"\nquota = 4\n\
                 [[admission.source]]\nnetwork = \"10.1.0.64/26\"\nquota = 0\n";
    let service = guarded(&fixture, lines);
    for machine in 1..=6 {
        count(&fixture, &service, machine, 1).await;
    }
    assert_eq!(service.families()[0].count, 4);
    for machine in 11..=16 {
        count(&fixture, &service, machine, 2).await;
    }
    assert_eq!(service.families()[0].count, 6);
    assert_eq!(count(&fixture, &service, 21, 70).await, 6);
}

#[tokio::test]
async fn established_machines_stay_by_the_configured_time() {
    let fixture = Fixture::new();
    let service = guarded(&fixture, "[admission]\nestablished_minutes = 120\n");
    for round in 0..2 {
        for machine in 1..=2 {
            count(&fixture, &service, machine, u8::try_from(machine).unwrap()).await;
            fixture.clock.advance(HOUR / 2);
        }
        if round == 0 {
            fixture.clock.advance(HOUR / 2);
            count(&fixture, &service, 1, 1).await;
            fixture.clock.advance(HOUR / 2);
        }
    }
    for machine in 10..160 {
        count(&fixture, &service, machine, u8::try_from(machine).unwrap()).await;
    }
    assert_eq!(service.families()[0].count, 50);
    // Both asked twice, at least two hours apart, and are renewed and not new.
    assert_eq!(count(&fixture, &service, 1, 1).await, 50);
    assert!(alerts(&service).iter().all(|alert| alert.id() != 20003));
}

#[test]
fn a_second_machine_on_a_connection_is_disconnected_and_told() {
    let fixture = Fixture::new();
    let (store, _commits) = HeldStore::new();
    let service = fixture.start("", store.clone()).unwrap();
    let mut caller = caller(1);
    let mut ask = |machine| {
        let message = fixture.message(machine);
        let mut asked = core::pin::pin!(service.request_activation(&message, &mut caller));
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        asked.as_mut().poll(&mut context)
    };
    assert!(ask(1).is_pending(), "on its way to the store");
    assert!(ask(1).is_pending(), "a renewal");
    assert_eq!(ask(2), core::task::Poll::Ready(HostReply::Disconnect));
    let entries = store.entries.lock().unwrap();
    let [
        Entry::Answered { .. },
        Entry::Answered { change, .. },
        failed,
        told,
    ] = &entries[..]
    else {
        panic!("{entries:?}");
    };
    assert_eq!(*change, Change::Renewed);
    let Entry::Failed {
        counted_id: Some(_),
        license_status: Some(_),
        source,
        at,
        event: Some(event),
    } = failed
    else {
        panic!("{failed:?}");
    };
    assert_eq!((*at, event.code), (START.wall, StatusCode::BUSY));
    assert_eq!(source.map(Source::address), Some([10, 1, 0, 1].into()));
    let alert = Alert::SecondCmid {
        source: *source,
        cmids: [fixture.request(1).cmid, fixture.request(2).cmid],
        machine_name: fixture.request(2).machine_name,
    };
    let event = HostEvent::Alert(alert.clone());
    assert_eq!(
        *told,
        Entry::Event {
            at: START.wall,
            event
        }
    );
    assert_eq!(alerts(&service), [alert]);
    let counters = service.counters();
    assert_eq!((counters.total(), counters.failed()), (3, 1));
}

#[tokio::test]
async fn a_machine_may_ask_for_several_products_and_tell_its_last_id_on_a_connection() {
    let fixture = Fixture::new();
    let service = guarded(&fixture, "");
    let mut caller = caller(1);
    let mut request = fixture.request(1);
    for previous in [None, Some(fixture.request(2).cmid)] {
        request.previous_cmid = previous;
        let reply = service
            .request_activation(&request.to_vec(), &mut caller)
            .await;
        assert_eq!(answer(&reply).terms.count, 1);
    }
}

#[tokio::test]
async fn more_machines_on_a_connection_are_answered_where_that_is_configured() {
    let fixture = Fixture::new();
    for (lines, told) in [
        ("[admission]\none_cmid_per_connection = false\n", 0),
        ("[admission]\npolicy = \"compat\"\n", 1),
    ] {
        let service = guarded(&fixture, lines);
        let mut caller = caller(1);
        for machine in 1..=3 {
            let message = fixture.message(machine);
            let reply = service.request_activation(&message, &mut caller).await;
            assert_eq!(u64::from(answer(&reply).terms.count), machine);
        }
        assert_eq!(alerts(&service).len(), told, "{lines}");
    }
}

#[tokio::test]
async fn p5_a_second_machine_on_a_connection_gets_the_fault_that_the_host_is_too_busy() {
    let fixture = Fixture::new();
    let service = fixture.start("", MemoryStore).unwrap();
    let host = Running::serve(service);
    let mut peer = Peer::connect(host.address()).await;
    peer.activate(&fixture.message(1)).await.bytes();
    peer.activate(&fixture.message(1)).await.bytes();
    let outcome = peer.activate(&fixture.message(2)).await;
    assert_eq!(outcome, Outcome::Fault(FaultStatus::SERVER_TOO_BUSY));
    peer.closed().await;
    // On a connection of its own it is answered.
    let mut peer = Peer::connect(host.address()).await;
    peer.activate(&fixture.message(2)).await.bytes();
    host.end().await;
}

#[tokio::test]
async fn machines_that_the_store_knows_are_not_new_after_a_restart() {
    struct Knowing(Vec<Record>);
    impl Store for Knowing {
        fn load(&self) -> Result<Snapshot, StoreError> {
            Ok(Snapshot::default())
        }
        fn known_machines(&self, most: usize) -> Result<Vec<Record>, StoreError> {
            Ok(self.0.iter().take(most).copied().collect())
        }
        fn commit(
            &self,
            _entry: Entry,
        ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
            core::future::ready(Ok(()))
        }
    }
    let fixture = Fixture::new();
    let known = |machine| Record {
        cmid: fixture.request(machine).cmid,
        last_request: START.wall,
        first_request: START.wall,
        source: None,
    };
    for (known_machines, told) in [(60, false), (0, true)] {
        let store = Knowing((1..=known_machines).map(known).collect());
        let service = fixture.start("", store).unwrap();
        for machine in 1..=60 {
            count(&fixture, &service, machine, u8::try_from(machine).unwrap()).await;
        }
        let is_told = alerts(&service).iter().any(|alert| alert.id() == 20002);
        assert_eq!(is_told, told, "{known_machines}");
    }
}
