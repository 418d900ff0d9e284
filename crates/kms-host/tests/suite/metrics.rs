//! What a host tells of itself: metrics after known events, and readiness.

use crate::{
    exposition::Scrape,
    fixture::{Fixture, HOUR, START},
    http::Http,
    peer::{Outcome, Running, soon},
    stores::{FailingStore, HeldStore},
};
use core::{
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use kms_core::{Encode as _, LicenseStatus, StatusCode, Timestamp};
use kms_count::Snapshot;
use kms_host::{
    Caller, Entry, HostEvent, HostService, MemoryStore, Metrics, Refusal, Store, StoreError,
    StoreHealth,
};
use kms_testkit::clock::ManualClock;
use std::sync::Arc;

async fn scrape(http: &Http) -> Scrape {
    let reply = http.get("/metrics").await;
    assert_eq!(reply.status, 200);
    Scrape::read(&reply.body)
}

pub(crate) fn scrape_of<S: Store>(service: &HostService<S, ManualClock>) -> Scrape {
    Scrape::read(&service.metrics_text().unwrap())
}

fn assert_close(value: f64, wanted: f64) {
    assert!((value - wanted).abs() < 1e-6, "{value} is not {wanted}");
}

#[tokio::test]
async fn requests_are_counted_by_result_and_by_licence_status() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let http = Http::start(&host.service);
    let mut peer = host.connect().await;
    for machine in 1..=3 {
        peer.activate(&fixture.message(machine)).await.bytes();
    }
    let mut renewal = fixture.request(3);
    renewal.license_status = LicenseStatus::Licensed;
    peer.activate(&renewal.to_vec()).await.bytes();
    let mut late = fixture.request(4);
    late.request_time = Timestamp::EPOCH;
    let refused = Outcome::Refused(StatusCode::VL_INVALID_TIMESTAMP);
    assert_eq!(peer.activate(&late.to_vec()).await, refused);
    let malformed = Outcome::Refused(StatusCode::INVALID_DATA);
    assert_eq!(peer.activate(b"who am I").await, malformed);

    let scrape = scrape(&http).await;
    let results = scrape.by_label("kms_host_requests_total");
    assert_eq!(results["S_OK"], 4.0);
    assert_eq!(results["SL_E_VL_INVALID_TIMESTAMP"], 1.0);
    assert_eq!(results["HRESULT_FROM_WIN32(ERROR_INVALID_DATA)"], 1.0);
    assert_eq!(results.values().sum::<f64>(), 6.0);
    assert_eq!(
        results["SL_E_VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED"], 0.0,
        "there from the start"
    );
    let statuses = scrape.by_label("kms_host_requests_by_license_status_total");
    assert_eq!(statuses.len(), 8);
    assert_eq!(statuses["oob_grace"], 4.0);
    assert_eq!(statuses["licensed"], 1.0);
    assert_eq!(statuses["malformed"], 1.0);
    assert_eq!(statuses.values().sum::<f64>(), 6.0);
    assert_eq!(scrape.value("kms_host_answer_duration_seconds_count"), 4.0);
}

#[tokio::test]
async fn the_count_of_each_family_is_as_of_the_scrape() {
    let fixture = Fixture::new();
    let service = fixture.service(MemoryStore);
    assert!(
        scrape_of(&service)
            .by_label("kms_host_counted_machines")
            .is_empty()
    );
    for machine in 1..=3 {
        let mut caller = Caller::new(Ipv4Addr::LOCALHOST.into());
        service
            .request_activation(&fixture.message(machine), &mut caller)
            .await;
    }
    let scrape = scrape_of(&service);
    let family = service.families()[0].name.clone();
    for (name, wanted) in [
        ("kms_host_counted_machines", 3.0),
        ("kms_host_threshold_machines", 25.0),
        ("kms_host_capacity_machines", 50.0),
    ] {
        let values = scrape.by_label(name);
        assert_eq!(values.into_iter().collect::<Vec<_>>(), [(&*family, wanted)]);
    }
    fixture.clock.advance(30 * 24 * HOUR);
    let scrape = scrape_of(&service);
    assert_eq!(scrape.by_label("kms_host_counted_machines")[&*family], 0.0);
}

#[tokio::test]
async fn idle_time_runs_from_the_start_or_the_last_request_that_could_be_read() {
    let fixture = Fixture::new();
    let service = fixture.service(MemoryStore);
    let mut caller = Caller::new(Ipv4Addr::LOCALHOST.into());
    let start = 1_700_000_000.0;
    assert_close(
        scrape_of(&service).value("kms_host_start_timestamp_seconds"),
        start,
    );
    fixture.clock.advance(Duration::from_millis(1500));
    service.request_activation(b"nonsense", &mut caller).await;
    let scrape = scrape_of(&service);
    assert_close(scrape.value("kms_host_idle_seconds"), 1.5);
    assert_eq!(scrape.find("kms_host_last_request_timestamp_seconds"), None);

    service
        .request_activation(&fixture.message(1), &mut caller)
        .await;
    fixture.clock.advance(HOUR);
    let scrape = scrape_of(&service);
    assert_close(scrape.value("kms_host_idle_seconds"), 3600.0);
    let last = scrape.value("kms_host_last_request_timestamp_seconds");
    assert_close(last, start + 1.5);

    fixture.clock.set_wall(START.wall);
    let idle = scrape_of(&service).value("kms_host_idle_seconds");
    assert_close(idle, 0.0);
}

#[tokio::test]
async fn a_request_whose_store_fails_or_whose_peer_leaves_is_no_answer() {
    let fixture = Fixture::new();
    let mut caller = Caller::new(Ipv4Addr::LOCALHOST.into());
    let failing = fixture.service(FailingStore);
    failing
        .request_activation(&fixture.message(1), &mut caller)
        .await;
    let scrape = scrape_of(&failing);
    let results = scrape.by_label("kms_host_requests_total");
    assert_eq!(results["HRESULT_FROM_WIN32(ERROR_BUSY)"], 1.0);
    assert_eq!(scrape.value("kms_host_answer_duration_seconds_count"), 0.0);

    let (store, mut commits) = HeldStore::new();
    let holding = fixture.service(store);
    let message = fixture.message(1);
    tokio::select! {
        biased;
        reply = holding.request_activation(&message, &mut caller) => panic!("{reply:?}"),
        _ = soon(commits.recv()) => {}
    }
    let scrape = scrape_of(&holding);
    let results = scrape.by_label("kms_host_requests_total");
    assert_eq!(results["HRESULT_FROM_WIN32(ERROR_TIMEOUT)"], 1.0);
    assert_eq!(results["S_OK"], 0.0);
}

#[test]
fn connections_and_refusals_are_counted() {
    let fixture = Fixture::new();
    let metrics = Arc::new(Metrics::default());
    let service = fixture
        .service(MemoryStore)
        .with_metrics(Arc::clone(&metrics));
    let reasons = scrape_of(&service)
        .by_label("kms_host_refusals_total")
        .len();
    assert_eq!(reasons, Refusal::ALL.len(), "there from the start");
    for _ in 0..3 {
        metrics.connection_opened();
    }
    metrics.connection_closed();
    for (times, why) in (1..).zip(Refusal::ALL) {
        for _ in 0..times {
            metrics.refused(*why);
        }
    }
    let scrape = scrape_of(&service);
    assert_eq!(scrape.value("kms_host_connections_total"), 3.0);
    assert_eq!(scrape.value("kms_host_open_connections"), 2.0);
    let refusals = scrape.by_label("kms_host_refusals_total");
    assert_eq!(refusals["connections_per_source"], 1.0);
    for (times, why) in (1_u8..).zip(Refusal::ALL) {
        assert_eq!(refusals[why.label()], f64::from(times), "{why:?}");
    }
}

#[test]
fn the_store_tells_of_its_syncs_and_failures() {
    let fixture = Fixture::new();
    let service = fixture.service(MemoryStore);
    let metrics = service.metrics();
    metrics.synced(7, Duration::from_millis(3));
    metrics.synced(1, Duration::from_millis(40));
    metrics.store_failed();
    let scrape = scrape_of(&service);
    assert_eq!(scrape.value("kms_host_store_failures_total"), 1.0);
    assert_eq!(scrape.value("kms_host_store_synced_entries_total"), 8.0);
    let syncs = "kms_host_store_sync_duration_seconds";
    assert_eq!(scrape.value(&format!("{syncs}_count")), 2.0);
    assert_close(scrape.value(&format!("{syncs}_sum")), 0.043);
    for (le, wanted) in [
        ("0.0025", 0.0),
        ("0.005", 1.0),
        ("0.025", 1.0),
        ("0.05", 2.0),
    ] {
        let bucket = format!("{syncs}_bucket{{le=\"{le}\"}}");
        assert_eq!(scrape.value(&bucket), wanted, "{bucket}");
    }
}

#[test]
fn publishing_is_told_for_each_domain_with_its_time() {
    let fixture = Fixture::new();
    let service = fixture.service(MemoryStore);
    let record = |domain: &str, code| {
        let domain = domain.parse().unwrap();
        service.record(match code {
            StatusCode::OK => HostEvent::Published { domain },
            code => HostEvent::PublishFailed { code, domain },
        });
    };
    record("contoso.test", StatusCode::OK);
    record("fabrikam.test", StatusCode::DNS_REFUSED);
    fixture.clock.advance(HOUR);
    record("contoso.test", StatusCode::TIMEOUT);
    record("contoso.test", StatusCode(0x8009_2328));

    let scrape = scrape_of(&service);
    let success = scrape.by_label("kms_host_publishing_success");
    assert_eq!(success["contoso.test"], 0.0);
    assert_eq!(success["fabrikam.test"], 0.0);
    let start = 1_700_000_000.0;
    let attempts = scrape.by_label("kms_host_publishing_last_attempt_timestamp_seconds");
    assert_close(attempts["contoso.test"], start + 3600.0);
    assert_close(attempts["fabrikam.test"], start);
    let successes = scrape.by_label("kms_host_publishing_last_success_timestamp_seconds");
    assert_eq!(successes.len(), 1);
    assert_close(successes["contoso.test"], start);
    for (domain, result) in [
        ("contoso.test", "S_OK"),
        ("contoso.test", "HRESULT_FROM_WIN32(ERROR_TIMEOUT)"),
        ("contoso.test", "0x80092328"),
        (
            "fabrikam.test",
            "HRESULT_FROM_WIN32(DNS_ERROR_RCODE_REFUSED)",
        ),
    ] {
        let attempts = format!(
            "kms_host_publishing_attempts_total{{domain=\"{domain}\",result=\"{result}\"}}"
        );
        assert_eq!(scrape.value(&attempts), 1.0, "{attempts}");
    }

    record("fabrikam.test", StatusCode::OK);
    let scrape = scrape_of(&service);
    assert_eq!(
        scrape.by_label("kms_host_publishing_success")["fabrikam.test"],
        1.0
    );
}

#[test]
fn alerts_are_counted_by_pattern_whatever_its_name() {
    let fixture = Fixture::new();
    let service = fixture.service(MemoryStore);
    let metrics = service.metrics();
    let odd = "a \"name\"\\with\nall";
    for pattern in ["new_cmids", odd, "new_cmids"] {
        metrics.alert(pattern);
    }
    metrics.set_duplicate_cmids(4);
    let scrape = scrape_of(&service);
    let alerts = scrape.by_label("kms_host_alerts_total");
    assert_eq!(alerts["new_cmids"], 2.0);
    assert_eq!(alerts[odd], 1.0);
    assert_eq!(scrape.value("kms_host_duplicate_cmids"), 4.0);
}

/// Works until it is told to fail.
#[derive(Clone, Default)]
struct SwitchedStore(Arc<AtomicBool>);

impl Store for SwitchedStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::default())
    }

    fn commit(
        &self,
        _entry: Entry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        core::future::ready(Ok(()))
    }

    fn health(&self) -> StoreHealth {
        if self.0.load(Ordering::SeqCst) {
            let reason = "the disk is full: make room".to_owned();
            StoreHealth::Failed { reason }
        } else {
            StoreHealth::Working
        }
    }
}

#[tokio::test]
async fn readiness_flips_when_the_store_fails_and_when_the_certificate_expires() {
    let fixture = Fixture::new();
    let store = SwitchedStore::default();
    let host = Running::start(&fixture, store.clone());
    let http = Http::start(&host.service);
    // The server listens once it answers.
    host.connect().await;
    let ready = http.get("/readyz").await;
    assert_eq!((ready.status, &*ready.body), (200, "ready\n"));
    let parts = |scrape: &Scrape| {
        ["activated", "store", "listening"].map(|part| scrape.by_label("kms_host_ready")[part])
    };
    assert_eq!(parts(&scrape(&http).await), [1.0, 1.0, 1.0]);

    store.0.store(true, Ordering::SeqCst);
    let failed = http.get("/readyz").await;
    assert_eq!(
        (failed.status, &*failed.body),
        (503, "store: the disk is full: make room\n")
    );
    assert_eq!(parts(&scrape(&http).await), [1.0, 0.0, 1.0]);
    store.0.store(false, Ordering::SeqCst);
    assert_eq!(http.get("/readyz").await.status, 200);

    let not_after = host.service.identity().unwrap().not_after();
    let expiry = "kms_host_certificate_expiry_timestamp_seconds";
    let seconds = scrape(&http).await.value(expiry);
    let wanted = not_after.saturating_since(Timestamp::EPOCH).as_secs_f64();
    assert_close(seconds, wanted);
    fixture.clock.set_wall(not_after);
    assert_eq!(http.get("/readyz").await.status, 200);
    fixture
        .clock
        .set_wall(not_after.saturating_add(Duration::from_millis(1)));
    let expired = http.get("/readyz").await;
    assert_eq!(expired.status, 503);
    assert!(expired.body.starts_with("activated: ") && expired.body.lines().count() == 1);
    assert_eq!(parts(&scrape(&http).await), [0.0, 1.0, 1.0]);
    assert_eq!(
        http.get("/healthz").await.status,
        200,
        "it serves all the same"
    );
}

#[tokio::test]
async fn a_host_that_stops_or_is_not_certified_is_not_ready() {
    let fixture = Fixture::uncertified();
    let host = Running::start(&fixture, MemoryStore);
    let http = Http::start(&host.service);
    host.connect().await;
    let service = Arc::clone(&host.service);
    assert_eq!(
        scrape_of(&service).find("kms_host_certificate_expiry_timestamp_seconds"),
        None
    );
    let reasons = |body: &str| -> Vec<String> {
        let parts = body.lines().map(|line| line.split_once(": ").unwrap().0);
        parts.map(str::to_owned).collect()
    };
    assert_eq!(reasons(&http.get("/readyz").await.body), ["activated"]);
    host.end().await;
    let stopped = http.get("/readyz").await;
    assert_eq!(stopped.status, 503);
    assert_eq!(reasons(&stopped.body), ["activated", "listening"]);
}
