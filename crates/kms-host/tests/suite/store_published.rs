//! What was published survives with the store.

use crate::store_fixture::Place;
use core::{net::IpAddr, num::NonZeroU16};
use kms_core::Timestamp;
use kms_host::{
    PublishedRecords, SqliteStore,
    store::sqlite::{HostState, OpenError, RunningHost, StoreReader, StoreRecords, check, repair},
};
use kms_srv::{DomainName, Registration, ServiceName};
use rusqlite::Connection;

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

fn registration(domain: &str, port: u16) -> Registration {
    let addresses: [IpAddr; 2] = [[192, 0, 2, 7].into(), "2001:db8::7".parse().unwrap()];
    Registration::new(
        &ServiceName::default(),
        &name(domain),
        name("kms1.contoso.test"),
    )
    .unwrap()
    .with_port(NonZeroU16::new(port).unwrap())
    .with_priority_and_weight(3, 4)
    .with_addresses(addresses)
    .unwrap()
}

fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn set(records: &impl PublishedRecords, domain: &str, ports: &[u16]) {
    let all = ports.iter().map(|&port| registration(domain, port));
    now(records.set_published(&name(domain), all.collect())).unwrap();
}

fn ports(records: &impl PublishedRecords) -> Vec<(String, Vec<u16>)> {
    let port = |registration: &Registration| registration.srv_record().port;
    let all = records.published().unwrap();
    all.iter()
        .map(|(domain, all)| (domain.to_string(), all.iter().map(port).collect()))
        .collect()
}

fn one(domain: &str, ports: &[u16]) -> (String, Vec<u16>) {
    (domain.to_owned(), ports.to_vec())
}

#[test]
fn what_was_published_comes_back_after_a_restart_as_it_was_and_in_its_order() {
    let place = Place::new();
    let store = place.open();
    assert_eq!(store.published().unwrap(), []);
    set(&store, "fabrikam.test", &[1688]);
    set(&store, "contoso.test", &[9, 8, 7]);
    set(&store, "Contoso.TEST", &[1700, 1688]);
    drop(store);
    let store = place.open();
    let wanted = [
        one("contoso.test", &[1700, 1688]),
        one("fabrikam.test", &[1688]),
    ];
    assert_eq!(ports(&store), wanted);
    let all = store.published().unwrap();
    assert_eq!(all[1].1, [registration("fabrikam.test", 1688)]);
    set(&store, "contoso.test", &[]);
    assert_eq!(ports(&store), [one("fabrikam.test", &[1688])]);
}

#[test]
fn commands_beside_the_running_host_read_and_change_it() {
    let place = Place::new();
    let beside = StoreRecords::new(&place.path());
    assert!(beside.published().unwrap_err().reason.contains("host.db"));
    assert!(now(beside.set_published(&name("contoso.test"), Vec::new())).is_err());
    let store = place.open();
    set(&store, "contoso.test", &[1688]);
    assert_eq!(ports(&beside), [one("contoso.test", &[1688])]);
    set(&beside, "contoso.test", &[1700]);
    assert_eq!(ports(&store), [one("contoso.test", &[1700])]);
    drop(store);
    set(&beside, "contoso.test", &[]);
    assert_eq!(beside.published().unwrap(), []);
}

#[test]
fn what_the_host_says_of_itself_leaves_it_alone() {
    let place = Place::new();
    let store = place.open();
    set(&store, "contoso.test", &[1688]);
    let host = RunningHost {
        pid: 1,
        started: Timestamp::EPOCH,
        name: "kms1".to_owned(),
        addresses: Vec::new(),
        state: HostState::Serving,
        low_priority: false,
        dns_publishing: true,
        published: Vec::new(),
    };
    now(store.set_host(host.clone())).unwrap();
    assert_eq!(ports(&store), [one("contoso.test", &[1688])]);
    let reader = StoreReader::open(&place.path()).unwrap();
    assert_eq!(reader.host().unwrap().unwrap().host, host);
}

#[test]
fn a_store_of_the_second_version_is_brought_up_to_date() {
    let place = Place::new();
    drop(place.open());
    let other = Connection::open(place.path()).unwrap();
    other
        .execute_batch("DROP TABLE published; PRAGMA user_version = 2")
        .unwrap();
    drop(other);
    let error = StoreRecords::new(&place.path()).published().unwrap_err();
    assert!(error.reason.contains("start the host once"), "{error}");
    let store = place.open();
    assert!(place.folder.path().join("host.db.version-2").exists());
    assert_eq!(store.published().unwrap(), []);
    set(&store, "contoso.test", &[1688]);
    drop(store);
    assert_eq!(check(&place.path()).unwrap().version, 3);
}

fn execute(place: &Place, statements: &str) {
    let other = Connection::open(place.path()).unwrap();
    other.execute_batch(statements).unwrap();
}

#[test]
fn a_row_that_is_no_registration_is_found_and_a_repair_says_what_it_means() {
    let place = Place::new();
    let store = place.open();
    set(&store, "contoso.test", &[1688]);
    drop(store);
    // A repair of something else keeps it.
    execute(&place, "UPDATE totals SET failed = total + 1");
    repair(&place.path()).unwrap();
    let store = place.open();
    assert_eq!(ports(&store), [one("contoso.test", &[1688])]);
    drop(store);

    execute(&place, "UPDATE published SET registration = 'kms1'");
    let error = check(&place.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("\"kms1\""), "{error}");
    let repaired = repair(&place.path()).unwrap();
    let said = repaired
        .lost
        .iter()
        .any(|lost| lost.starts_with("published: "));
    assert!(said, "{:?}", repaired.lost);
    assert_eq!(place.open().published().unwrap(), []);
}

#[test]
fn a_store_that_is_closed_keeps_what_was_given_to_it_before() {
    let place = Place::new();
    let store: SqliteStore = place.open();
    let domain = name("contoso.test");
    // Nobody waits for it.
    drop(store.set_published(&domain, vec![registration("contoso.test", 1688)]));
    drop(store);
    assert_eq!(ports(&place.open()), [one("contoso.test", &[1688])]);
}
