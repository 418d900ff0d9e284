//! A publisher that runs: changes while it does, and looks at a primary.

use crate::{
    exposition::Scrape,
    fixture::{Fixture, HOUR},
    peer::soon,
    publisher::{LISTENING, dns_config, dns_server, published, publisher, records, srv, with_key},
};
use core::{net::SocketAddr, time::Duration};
use kms_core::{Clock, Now};
use kms_host::{DnsConfig, HostEvent, MemoryStore, Publisher, PublisherHandle};
use kms_service::{OsEntropy, SystemClock};
use kms_testkit::{
    clock::ManualClock,
    dns::{DnsServer, RecordData, RecordType},
};
use std::sync::Arc;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const OWNER: &str = "_vlmcs._tcp.contoso.test";
const NAME: Option<&str> = Some("kms1.contoso.test");
const LOOK: Duration = Duration::from_secs(900);

/// Its ticks are the test's; its calendar is right, since signatures carry the time.
#[derive(Clone)]
struct TestClock(ManualClock);

impl Clock for TestClock {
    fn now(&self) -> Now {
        Now::new(self.0.now().tick, SystemClock.now().wall)
    }
}

struct Running {
    fixture: Fixture,
    server: DnsServer,
    config: DnsConfig,
    clock: ManualClock,
    handle: PublisherHandle,
    events: mpsc::UnboundedReceiver<String>,
    scrape: Box<dyn Fn() -> Scrape>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        let fixture = with_key();
        let server = dns_server(&["contoso.test"]).await;
        let service = Arc::new(fixture.service(MemoryStore));
        let config = dns_config(&fixture, server.address(), "");
        let publisher = Publisher::new(&config, &[address(LISTENING)], NAME)
            .unwrap()
            .with_metrics(Arc::clone(service.metrics()));
        let clock = ManualClock::default();
        let (handle, stop) = (publisher.handle(), CancellationToken::new());
        let (record, events) = mpsc::unbounded_channel();
        let task = tokio::spawn({
            let (service, stop) = (Arc::clone(&service), stop.clone());
            let clock = TestClock(clock.clone());
            async move {
                let record = |event: HostEvent| {
                    service.record(event.clone());
                    let _ = record.send(format!("{} {event}", event.id()));
                };
                publisher.run(&clock, &mut OsEntropy, record, stop).await;
            }
        });
        Self {
            fixture,
            server,
            config,
            clock,
            handle,
            events,
            scrape: Box::new(move || Scrape::read(&service.metrics_text().unwrap())),
            stop,
            task,
        }
    }

    /// Lets ticks pass, and wakes the publisher without changing anything.
    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.change(LISTENING);
    }

    fn change(&self, listening: &str) {
        let listening = [address(listening)];
        self.handle.change(&self.config, &listening, NAME).unwrap();
    }

    async fn event(&mut self) -> String {
        soon(self.events.recv()).await.unwrap()
    }

    async fn there(&self) -> Vec<RecordData> {
        let records = records(&self.server, OWNER, RecordType::Srv).await;
        records.into_iter().map(|(_, data)| data).collect()
    }

    async fn end(self) {
        self.stop.cancel();
        soon(self.task).await.unwrap();
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn another_port_is_published_at_once_in_the_place_of_the_older_one() {
    let mut running = Running::start().await;
    assert_eq!(running.event().await, "12294 contoso.test");
    running.clock.advance(HOUR);
    running.change("10.1.2.3:1700");
    assert_eq!(running.event().await, "12294 contoso.test");
    assert_eq!(
        running.there().await,
        [srv(0, 0, 1700, "kms1.contoso.test")]
    );
    running.end().await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_leaves_everything_as_it_was() {
    let mut running = Running::start().await;
    running.event().await;
    let error = running
        .handle
        .change(&running.config, &[address("10.1.2.3:0")], NAME);
    assert!(error.unwrap_err().to_string().contains("no port"));
    running.pass(HOUR * 24);
    assert_eq!(running.event().await, "12294 contoso.test");
    assert_eq!(
        running.there().await,
        [srv(0, 0, 1688, "kms1.contoso.test")]
    );
    running.end().await;
}

#[tokio::test]
async fn a_record_that_is_removed_again_and_again_is_fought_for_twice_and_then_given_up() {
    let mut running = Running::start().await;
    let remover = publisher(&running.fixture, running.server.address(), LISTENING, "");
    for wanted in [
        "12294 contoso.test",
        "12294 contoso.test",
        "12294 contoso.test",
    ] {
        assert_eq!(running.event().await, wanted);
        assert_eq!(running.there().await.len(), 1);
        soon(remover.withdraw(&SystemClock, &mut OsEntropy)).await;
        assert_eq!(running.there().await, []);
        running.pass(LOOK);
    }
    assert_eq!(running.event().await, "20010 contoso.test, 3, 60");
    let scrape = (running.scrape)();
    for (sample, wanted) in [
        ("alerts_total{pattern=\"publish_fight\"}", 1.0),
        ("publishing_fights_total{domain=\"contoso.test\"}", 1.0),
        (
            "publishing_looks_total{domain=\"contoso.test\",seen=\"absent\"}",
            3.0,
        ),
        (
            "publishing_looks_total{domain=\"contoso.test\",seen=\"present\"}",
            0.0,
        ),
        (
            "publishing_attempts_total{domain=\"contoso.test\",result=\"S_OK\"}",
            3.0,
        ),
    ] {
        assert_eq!(
            scrape.value(&format!("kms_host_{sample}")),
            wanted,
            "{sample}"
        );
    }

    // Nothing more, until the configuration is another.
    running.pass(HOUR * 48);
    assert_eq!(running.there().await, []);
    running.change("10.1.2.3:1700");
    assert_eq!(running.event().await, "12294 contoso.test");
    assert_eq!(
        running.there().await,
        [srv(0, 0, 1700, "kms1.contoso.test")]
    );
    running.end().await;
}

#[tokio::test]
async fn a_record_that_somebody_gave_another_priority_is_put_right_and_another_hosts_is_left() {
    let mut running = Running::start().await;
    running.event().await;
    let address = running.server.address();
    for more in [
        "domains = [\"contoso.test, 9, 9\"]",
        "host_name = \"kms2.contoso.test\"",
    ] {
        let other = publisher(&running.fixture, address, LISTENING, more);
        assert_eq!(published(&other).await, ["12294 contoso.test"]);
    }
    let two = [
        srv(0, 0, 1688, "kms2.contoso.test"),
        srv(9, 9, 1688, "kms1.contoso.test"),
    ];
    assert_eq!(running.there().await, two);
    running.pass(LOOK);
    assert_eq!(running.event().await, "12294 contoso.test");
    let two = [
        srv(0, 0, 1688, "kms1.contoso.test"),
        srv(0, 0, 1688, "kms2.contoso.test"),
    ];
    assert_eq!(running.there().await, two);
    running.end().await;
}

#[tokio::test]
async fn a_primary_that_is_away_is_no_removal() {
    let mut running = Running::start().await;
    running.event().await;
    let Running { server, .. } = running;
    server.shutdown().await.unwrap();
    running.clock.advance(LOOK);
    let listening = [address(LISTENING)];
    running
        .handle
        .change(&running.config, &listening, NAME)
        .unwrap();
    let unknown = "kms_host_publishing_looks_total{domain=\"contoso.test\",seen=\"unknown\"}";
    soon(async {
        while (running.scrape)().find(unknown) != Some(1.0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(running.events.try_recv().is_err(), "no event");
    running.stop.cancel();
    soon(running.task).await.unwrap();
}
