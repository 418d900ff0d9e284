use super::*;
use crate::{DnsConfig, HostConfig};
use core::{cell::RefCell, future::Future, net::SocketAddr};
use kms_core::{Now, Timestamp};
use std::{
    collections::VecDeque,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    rc::Rc,
    sync::Mutex,
};
use tokio::{
    task::LocalSet,
    time::{Instant, advance},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Both clocks go with the paused time of the runtime.
#[derive(Clone, Copy)]
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Now {
        let now = Now::new(
            Tick::from_millis(7_000),
            Timestamp::from_millis(1_700_000_000_000),
        );
        now.after(self.0.elapsed())
    }
}

/// Something that the loop did, and when, in seconds from its start.
type Done = (u64, String);

/// Work whose results the test gives; without any it succeeds, and finds the record.
struct Script {
    start: Instant,
    done: Rc<RefCell<Vec<Done>>>,
    codes: VecDeque<StatusCode>,
    failing: Option<&'static str>,
    seen: VecDeque<Seen>,
}

impl Script {
    fn note(&self, what: String) {
        let entry = (self.start.elapsed().as_secs(), what);
        self.done.borrow_mut().push(entry);
    }
}

impl Work for Script {
    async fn publish(&mut self, _: &Setup, domain: &mut Domain) -> StatusCode {
        let before = if domain.look_before { "look and " } else { "" };
        let record = domain.wanted.srv_record();
        let addresses = domain.wanted.addresses().len();
        self.note(format!(
            "{before}publish {} {record} {addresses}",
            domain.name
        ));
        domain.look_before = false;
        if self.failing == Some(domain.name.as_str()) {
            return StatusCode::DNS_REFUSED;
        }
        self.codes.pop_front().unwrap_or(StatusCode::OK)
    }

    async fn look(&mut self, _: &Setup, domain: &mut Domain) -> Seen {
        self.note(format!("look {}", domain.name));
        self.seen.pop_front().unwrap_or(Seen::Present)
    }
}

struct Bench {
    folder: tempfile::TempDir,
    setups: watch::Sender<Arc<Setup>>,
    addresses: Arc<Mutex<io::Result<Vec<IpAddr>>>>,
    done: Rc<RefCell<Vec<Done>>>,
    events: Rc<RefCell<Vec<String>>>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

fn dns(folder: &Path, more: &str) -> DnsConfig {
    let text = format!(
        "listen = \"127.0.0.1:1\"\nidentity = \"k\"\n[dns]\nkey_file = \"kms.key\"\n{more}"
    );
    let config = HostConfig::parse(&text, &folder.join("host.toml"));
    config.unwrap().dns.unwrap()
}

fn setup(folder: &Path, listening: &str, more: &str) -> Arc<Setup> {
    let listening: SocketAddr = listening.parse().unwrap();
    let setup = Setup::new(&dns(folder, more), &[listening], Some("kms1.a.test"));
    Arc::new(setup.unwrap())
}

fn write_key(folder: &Path, name: &str) {
    let path = folder.join("kms.key");
    let secret = "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgb2s=";
    let text = format!("key \"{name}\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};\n");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

impl Bench {
    fn new(listening: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_key(folder.path(), "kms-hosts");
        Self {
            setups: watch::Sender::new(setup(folder.path(), listening, more)),
            folder,
            addresses: Arc::new(Mutex::new(Ok(vec![[192, 0, 2, 7].into()]))),
            done: Rc::default(),
            events: Rc::default(),
            metrics: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    fn change(&self, listening: &str, more: &str) {
        let setup = setup(self.folder.path(), listening, more);
        self.setups.send_replace(setup);
    }

    /// Lets the loop run beside a test.
    async fn run<T>(
        &self,
        codes: &[StatusCode],
        seen: &[Seen],
        failing: Option<&'static str>,
        test: impl Future<Output = T>,
    ) -> T {
        let start = Instant::now();
        let clock = TestClock(start);
        let work = Script {
            start,
            done: Rc::clone(&self.done),
            codes: codes.iter().copied().collect(),
            failing,
            seen: seen.iter().copied().collect(),
        };
        let (events, own) = (Rc::clone(&self.events), Arc::clone(&self.addresses));
        let (metrics, setups) = (Arc::clone(&self.metrics), self.setups.subscribe());
        let stop = self.stop.clone();
        let local = LocalSet::new();
        let task = local.spawn_local(async move {
            let tell = move |setup: &Setup| {
                let own = || match &*own.lock().unwrap() {
                    Ok(addresses) => Ok(addresses.clone()),
                    Err(error) => Err(error.kind().into()),
                };
                setup.addresses.now(&own)
            };
            let run = Run {
                clock: &clock,
                work,
                record: |event: HostEvent| {
                    events.borrow_mut().push(format!("{} {event}", event.id()));
                },
                metrics: &metrics,
                addresses: &tell,
            };
            run.run(setups, stop).await;
        });
        let result = local.run_until(test).await;
        self.stop.cancel();
        local.run_until(task).await.unwrap();
        result
    }

    /// What was done since the last question.
    fn done(&self) -> Vec<Done> {
        core::mem::take(&mut *self.done.borrow_mut())
    }

    fn publications(&self) -> Vec<u64> {
        let done = self.done();
        let publications = done.iter().filter(|(_, what)| what.contains("publish"));
        publications.map(|(at, _)| *at).collect()
    }
}

/// Lets time pass, and everything happen that is due until then.
async fn pass(time: Duration) {
    let until = Instant::now() + time;
    // The runtime goes from timer to timer by itself.
    tokio::time::sleep_until(until).await;
    advance(Duration::from_millis(5)).await;
    tokio::task::yield_now().await;
}

const FIXED: &str = "192.0.2.7:1688";
const ANY: &str = "0.0.0.0:1688";

#[tokio::test(start_paused = true)]
async fn deploy_kms_a_host_is_published_at_its_start_and_every_24_hours() {
    let bench = Bench::new(FIXED, "look = 86400");
    bench.run(&[], &[], None, pass(3 * DAY + MINUTE)).await;
    assert_eq!(bench.publications(), [0, 86_400, 172_800, 259_200]);
    assert_eq!(bench.events.borrow()[..], ["12294 a.test"; 4]);
}

#[tokio::test(start_paused = true)]
async fn after_failures_the_wait_doubles_from_a_minute_to_an_hour_and_begins_anew_after_a_success()
{
    let bench = Bench::new(FIXED, "look = 86400");
    let mut codes = vec![StatusCode::TIMEOUT; 9];
    codes.extend([StatusCode::OK, StatusCode::DNS_REFUSED]);
    let test = pass(2 * DAY);
    bench.run(&codes, &[], None, test).await;
    let minutes: Vec<u64> = bench.publications().iter().map(|at| at / 60).collect();
    let tenth = 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60 + 60;
    assert_eq!(
        minutes,
        [
            0,
            1,
            3,
            7,
            15,
            31,
            63,
            123,
            183,
            tenth,
            tenth + 1440,
            tenth + 1441
        ]
    );
    let events = bench.events.borrow();
    assert_eq!(events[0], "12293 0x800705B4, a.test");
    assert_eq!(
        events[9..],
        ["12294 a.test", "12293 0x8007232D, a.test", "12294 a.test"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_fails_holds_up_no_other_and_its_back_off_is_its_own() {
    let bench = Bench::new(FIXED, "domains = [\"a.test\", \"b.test\"]\nlook = 86400");
    bench.run(&[], &[], Some("a.test"), pass(30 * MINUTE)).await;
    let done = bench.done();
    let of = |domain: &str| -> Vec<u64> {
        let of = done
            .iter()
            .filter(|(_, what)| what.contains(&format!("publish {domain}")));
        of.map(|(at, _)| *at).collect()
    };
    assert_eq!(of("a.test"), [0, 60, 180, 420, 900]);
    assert_eq!(of("b.test"), [0]);
}

#[tokio::test(start_paused = true)]
async fn the_primary_is_looked_at_every_15_minutes_and_looks_are_counted() {
    let bench = Bench::new(FIXED, "");
    bench
        .run(
            &[],
            &[Seen::Present, Seen::Unknown],
            None,
            pass(HOUR + MINUTE),
        )
        .await;
    let looks: Vec<u64> = bench.done().iter().skip(1).map(|(at, _)| *at).collect();
    assert_eq!(looks, [900, 1800, 2700, 3600]);
    assert_eq!(
        bench.events.borrow()[..],
        ["12294 a.test"],
        "a look is no event"
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_gone_is_published_again_at_once() {
    let bench = Bench::new(FIXED, "");
    bench
        .run(&[], &[Seen::Absent], None, pass(20 * MINUTE))
        .await;
    let done = bench.done();
    assert_eq!(done[1], (900, "look a.test".to_owned()));
    assert_eq!(
        (done[2].0, done[2].1.starts_with("look and publish")),
        (900, true)
    );
    assert_eq!(done.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn three_removals_in_an_hour_are_a_fight_which_stops_with_one_alert_until_a_change() {
    let bench = Bench::new(FIXED, "");
    let test = async {
        pass(2 * DAY).await;
        let before = bench.done();
        let events = bench.events.borrow().clone();
        bench.change("192.0.2.7:1689", "");
        pass(MINUTE).await;
        (before, events)
    };
    let (before, events) = bench.run(&[], &[Seen::Absent; 9], None, test).await;
    let publications = before.iter().filter(|(_, what)| what.contains("publish"));
    assert_eq!(
        publications.map(|(at, _)| *at).collect::<Vec<_>>(),
        [0, 900, 1800]
    );
    assert_eq!(
        before.last().unwrap(),
        &(2700, "look a.test".to_owned()),
        "and nothing after it"
    );
    assert_eq!(
        events,
        [
            "12294 a.test",
            "12294 a.test",
            "12294 a.test",
            "20010 a.test, 3, 60"
        ]
    );
    let after = bench.done();
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(after[0].1.contains(" 1689 "), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn removals_that_three_rare_looks_find_are_a_fight_too() {
    for (look, told) in [(1200, "60"), (1801, "90"), (7200, "360"), (80_000, "4000")] {
        let bench = Bench::new(FIXED, &format!("look = {look}"));
        let test = async {
            pass(DAY * 5).await;
            (bench.done(), bench.events.borrow().clone())
        };
        let (done, events) = bench.run(&[], &[Seen::Absent; 9], None, test).await;
        let alert = format!("20010 a.test, 3, {told}");
        assert_eq!(events.last(), Some(&alert), "{look}");
        assert_eq!(done.last(), Some(&(3 * look, "look a.test".to_owned())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_name_port_priority_or_weight_is_published_at_once_and_a_reload_alone_is_not() {
    let bench = Bench::new(FIXED, "look = 86400");
    let steps = [
        (FIXED, "look = 86400", None),
        (
            "192.0.2.7:1689",
            "look = 86400",
            Some("0 0 1689 kms1.a.test. 1"),
        ),
        (
            FIXED,
            "look = 86400\nhost_name = \"kms9.a.test\"",
            Some("0 0 1688 kms9.a.test. 1"),
        ),
        (
            FIXED,
            "look = 86400\ndomains = [\"a.test, 5\"]",
            Some("5 0 1688 kms1.a.test. 1"),
        ),
        (
            FIXED,
            "look = 86400\ndomains = [\"a.test, 5, 7\"]",
            Some("5 7 1688 kms1.a.test. 1"),
        ),
        (
            FIXED,
            "look = 86400\ndomains = [\"a.test, 5, 7\"]\naddresses = [\"192.0.2.8\", \"192.0.2.9\"]",
            Some("5 7 1688 kms1.a.test. 2"),
        ),
    ];
    let test = async {
        for (listening, more, wanted) in steps {
            pass(HOUR).await;
            bench.done();
            bench.change(listening, more);
            let changed = bench.done.borrow().len();
            assert_eq!(changed, 0);
            pass(Duration::from_secs(1)).await;
            let done: Vec<String> = bench.done().into_iter().map(|(_, what)| what).collect();
            let wanted: Vec<String> = wanted
                .iter()
                .map(|record| format!("look and publish a.test {record}"))
                .collect();
            assert_eq!(done, wanted, "{more}");
        }
    };
    bench.run(&[], &[], None, test).await;
}

#[tokio::test(start_paused = true)]
async fn changes_are_not_published_more_often_than_once_a_minute() {
    let bench = Bench::new(FIXED, "look = 86400");
    let test = async {
        for port in 2000..2300 {
            bench.change(&format!("192.0.2.7:{port}"), "look = 86400");
            pass(Duration::from_secs(1)).await;
        }
        pass(2 * MINUTE).await;
    };
    bench.run(&[], &[], None, test).await;
    let done = bench.done();
    assert!(done.len() <= 7, "{done:?}");
    assert!(
        done.last().unwrap().1.contains(" 2299 "),
        "the last is never lost"
    );
    let apart = done.windows(2).map(|two| two[1].0 - two[0].0);
    assert!(apart.min().unwrap() >= 59, "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn another_key_is_tried_at_once_while_the_back_off_goes_on_and_domains_come_and_go() {
    let bench = Bench::new(FIXED, "look = 86400");
    let test = async {
        // Between two tries of which the second is minutes away.
        pass(10 * MINUTE).await;
        assert_eq!(bench.publications(), [0, 60, 180, 420]);
        write_key(bench.folder.path(), "other-hosts");
        bench.change(FIXED, "look = 86400");
        pass(Duration::from_secs(1)).await;
        assert_eq!(bench.publications(), [600]);
        bench.change(FIXED, "look = 86400\ndomains = [\"b.test\"]");
        pass(HOUR).await;
        let done = bench.done();
        assert_eq!(done.len(), 1);
        assert!(done[0].1.contains("publish b.test"), "{done:?}");
    };
    bench.run(&[], &[], Some("a.test"), test).await;
}

#[tokio::test(start_paused = true)]
async fn the_machines_own_addresses_are_followed_within_5_seconds() {
    let bench = Bench::new(ANY, "look = 86400");
    let test = async {
        pass(HOUR).await;
        let done = bench.done();
        assert_eq!(
            done,
            [(
                0,
                "look and publish a.test 0 0 1688 kms1.a.test. 1".to_owned()
            )]
        );
        let two = vec![[192, 0, 2, 8].into(), [192, 0, 2, 9].into()];
        *bench.addresses.lock().unwrap() = Ok(two);
        pass(Duration::from_secs(5)).await;
        let done = bench.done();
        assert_eq!(done.len(), 1);
        assert!(
            done[0].1.ends_with("kms1.a.test. 2") && done[0].0 <= 3605,
            "{done:?}"
        );
        // What cannot be read changes nothing.
        *bench.addresses.lock().unwrap() = Err(io::ErrorKind::Other.into());
        pass(MINUTE).await;
        assert_eq!(bench.done(), []);
    };
    bench.run(&[], &[], None, test).await;
}

#[tokio::test(start_paused = true)]
async fn configured_addresses_are_not_looked_for() {
    let bench = Bench::new(FIXED, "look = 86400");
    let test = async {
        *bench.addresses.lock().unwrap() = Ok(vec![[192, 0, 2, 8].into()]);
        pass(HOUR).await;
    };
    bench.run(&[], &[], None, test).await;
    assert_eq!(bench.publications(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_loop_while_it_works() {
    struct Stuck;
    impl Work for Stuck {
        async fn publish(&mut self, _: &Setup, _: &mut Domain) -> StatusCode {
            core::future::pending().await
        }
        async fn look(&mut self, _: &Setup, _: &mut Domain) -> Seen {
            Seen::Unknown
        }
    }
    let bench = Bench::new(FIXED, "");
    let clock = TestClock(Instant::now());
    let run = Run {
        clock: &clock,
        work: Stuck,
        record: |_| {},
        metrics: &bench.metrics,
        addresses: &|setup: &Setup| setup.addresses.now(&|| Ok(Vec::new())),
    };
    let stop = async {
        pass(HOUR).await;
        bench.stop.cancel();
    };
    tokio::join!(run.run(bench.setups.subscribe(), bench.stop.clone()), stop);
}
