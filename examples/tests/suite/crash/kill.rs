//! `kill -9` at random moments, under load from several connections.

use super::{THRESHOLD, model::Model, store, vendor};
use crate::{
    peer::{Peer, Said},
    support::{Folder, HOST, LONG, RunningHost, start},
};
use core::{net::SocketAddr, time::Duration};
use kms_core::{Cmid, Entropy as _, LicenseStatus, SeededEntropy};
use kms_host::store::sqlite::EventFilter;
use kms_keys::Product;
use rustix::process::{Pid, Signal, kill_process};
use std::time::Instant;
use tokio::{sync::mpsc, time::timeout};

/// Connections that have a family of their own each.
const ALONE: usize = 6;
/// Connections that share one more family.
const TOGETHER: usize = 2;
/// More machines than a family keeps, so that they drop each other.
const MACHINES: u64 = 3 * THRESHOLD as u64;
/// The most answers that a host gives before it is killed.
const ANSWERS: u64 = 150;

/// A request of which no answer came.
type Open = Option<(Cmid, LicenseStatus)>;

/// A connection's requests of one round.
struct Asker {
    /// What is known to be answered, with the store's state before.
    model: Model,
    open: Open,
}

fn random_request(
    asker: usize,
    machines: u64,
    entropy: &mut SeededEntropy,
) -> (Cmid, LicenseStatus) {
    let seed = 1000 * asker as u64 + entropy.below(machines);
    let status = LicenseStatus::ALL[usize::try_from(entropy.below(7)).unwrap()];
    (Cmid::random(&mut SeededEntropy::new(seed)), status)
}

/// Asks on and on until the host is gone. `exact` says that nobody else asks for the family, so that
/// the model knows each count.
async fn ask_on(
    host: SocketAddr,
    asker: usize,
    product: Product,
    mut model: Model,
    exact: bool,
    mut entropy: SeededEntropy,
    answered: mpsc::UnboundedSender<()>,
) -> Asker {
    let last = u8::try_from(asker + 2).unwrap();
    let machines = if exact {
        MACHINES
    } else {
        u64::from(THRESHOLD)
    };
    let Ok(mut peer) = Peer::connect_from(last, host).await else {
        return Asker { model, open: None };
    };
    loop {
        let (cmid, status) = random_request(asker, machines, &mut entropy);
        match peer.ask(&product, cmid, status).await {
            Ok(Said::Count(count)) => {
                let expected = model.ask(cmid, status);
                if exact {
                    assert_eq!(count, expected, "{product:?}");
                } else {
                    assert!((expected..=2 * THRESHOLD).contains(&count), "{count}");
                }
                // The receiver is gone once the host was killed.
                let _ = answered.send(());
            }
            Ok(Said::Refused(status)) => panic!("{status}"),
            Err(_) => {
                return Asker {
                    model,
                    open: Some((cmid, status)),
                };
            }
        }
    }
}

struct Harness {
    folder: Folder,
    products: Vec<Product>,
    entropy: SeededEntropy,
    /// What the store held after the last round.
    models: Vec<Model>,
    events: u64,
    answered: u64,
    first_answers: Vec<Duration>,
}

impl Harness {
    async fn new(seed: u64) -> Self {
        let (folder, products) = vendor(ALONE + 1, "host.db").await;
        Self {
            folder,
            models: vec![Model::default(); products.len()],
            products,
            entropy: SeededEntropy::new(seed),
            events: 0,
            answered: 0,
            first_answers: Vec::new(),
        }
    }

    /// Kills a host that has not begun to listen, or has just done so.
    async fn kill_early(&mut self) {
        let mut child = start(self.folder.command(HOST, "--config host.toml"));
        // The moment is what is random here; nothing waits for it.
        let moment = Duration::from_micros(self.entropy.below(40_000));
        tokio::time::sleep(moment).await;
        let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(id, Signal::KILL).unwrap();
        child.wait(LONG).await.unwrap();
    }

    /// One host, from its start until it is killed, and what it left.
    async fn round(&mut self) {
        let begun = Instant::now();
        let host =
            RunningHost::listening(start(self.folder.command(HOST, "--config host.toml"))).await;
        let (answered, mut answers) = mpsc::unbounded_channel();
        let mut askers = Vec::new();
        for asker in 0..ALONE + TOGETHER {
            let family = asker.min(ALONE);
            askers.push(tokio::spawn(ask_on(
                host.address,
                asker,
                self.products[family].clone(),
                self.models[family].clone(),
                asker < ALONE,
                SeededEntropy::new(self.entropy.below(u64::MAX)),
                answered.clone(),
            )));
        }
        drop(answered);
        for answer in 0..=self.entropy.below(ANSWERS) {
            let some = timeout(LONG, answers.recv()).await.unwrap();
            // Nothing: every connection ended, which only a failed assertion does before the end.
            if some.is_none() {
                break;
            }
            if answer == 0 {
                self.first_answers.push(begun.elapsed());
            }
        }
        host.kill().await;
        let mut ended = Vec::new();
        for asker in askers {
            ended.push(asker.await.unwrap());
        }
        self.check(&ended);
    }

    /// Compares what the store holds with what was answered.
    fn check(&mut self, askers: &[Asker]) {
        let reader = store(&self.folder, "host.db");
        let snapshot = reader.snapshot().unwrap();
        let before: u64 = self.models.iter().map(Model::total).sum();
        for (family, product) in self.products.iter().enumerate() {
            let held = Model::of(&snapshot, product);
            if family < ALONE {
                let Asker { model, open } = &askers[family];
                let mut with_open = model.clone();
                if let Some((cmid, status)) = open {
                    with_open.ask(*cmid, *status);
                }
                assert!(
                    held == *model || held == with_open,
                    "answered: {model:?}\nand asked: {open:?}\nheld: {held:?}"
                );
                self.answered += model.total() - self.models[family].total();
            } else {
                let before = self.models[family].total();
                let mut answered = 0;
                let mut open = 0;
                for asker in &askers[ALONE..] {
                    answered += asker.model.total() - before;
                    open += u64::from(asker.open.is_some());
                    for machine in 0..u64::from(THRESHOLD) {
                        for who in ALONE..ALONE + TOGETHER {
                            let seed = 1000 * who as u64 + machine;
                            let cmid = Cmid::random(&mut SeededEntropy::new(seed));
                            assert!(!asker.model.holds(cmid) || held.holds(cmid), "{held:?}");
                        }
                    }
                }
                let grown = held.total() - before;
                assert!((answered..=answered + open).contains(&grown), "{grown}");
                self.answered += answered;
            }
            self.models[family] = held;
        }
        let total: u64 = self.models.iter().map(Model::total).sum();
        assert_eq!(snapshot.counters.total(), total);
        assert_eq!(snapshot.counters.failed(), 0);
        let filter = EventFilter {
            after: Some(self.events),
            id: Some(12290),
            limit: usize::MAX,
            ..EventFilter::default()
        };
        let events = reader.events(&filter).unwrap();
        assert_eq!(
            events.len() as u64,
            total - before,
            "each request has its event"
        );
        let clients = reader.clients(None).unwrap();
        let asked: u64 = clients.iter().map(|client| client.requests).sum();
        assert_eq!(asked, total, "each request has its client");
        self.events = events.last().map_or(self.events, |event| event.sequence);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_answered_is_lost_when_the_host_is_killed() {
    let rounds = std::env::var("KMS_CRASH_ROUNDS").map_or(200, |n| n.parse().unwrap());
    let seed = std::env::var("KMS_CRASH_SEED").map_or(1, |n| n.parse().unwrap());
    let mut harness = Harness::new(seed).await;
    for round in 0..rounds {
        if round % 8 == 7 {
            harness.kill_early().await;
        }
        harness.round().await;
    }
    let mut times = harness.first_answers.clone();
    times.sort();
    println!(
        "{rounds} rounds, seed {seed}: {} answers, none lost; from the start to the first answer: \
         median {:?}, longest {:?}",
        harness.answered,
        times[times.len() / 2],
        times[times.len() - 1]
    );
    assert!(harness.answered >= rounds, "each round has an answer");
    assert!(harness.models.iter().all(|model| model.total() > 0));
}
