//! Thousands of peers that send half a bind and wait, and what that costs the host and its clients.

use crate::{
    foreign_peers::messages,
    support::{Folder, LONG, start},
};
use core::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use kms_core::Encode as _;
use kms_wire::{
    Operation,
    client::{Config, Connection, Event},
};
use std::{env, fs, io, process::Command, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

/// How many peers there are of that kind, from how many sources, and for how long.
const HALF_SENT: u32 = 15_000;
const SOURCES: u32 = 300;
const TIME: Duration = Duration::from_secs(60);

/// What the host may grow by, and how many of the clients must be answered.
const MOST_GROWTH_KIB: u64 = 32 * 1024;
const LEAST_ANSWERED: f64 = 0.999;

/// How often a client asks, each from an address of its own, and how long it waits.
const ASKING: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a peer that was closed takes to come again.
const PAUSE: Duration = Duration::from_secs(2);

/// The host that the peers go to: they are in a process of their own.
const HOST: &str = "KMS_HALF_SENT_HOST";

#[derive(Default)]
struct Figures {
    asked: AtomicU64,
    answered: AtomicU64,
    slowest_millis: AtomicU64,
}

async fn connect(source: Ipv4Addr, host: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    socket.connect(host).await
}

/// Sends half a bind, waits to be closed, and comes again.
async fn half_sent(number: u32, host: SocketAddr) {
    let source = Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(127, 10, 0, 0)) + number % SOURCES);
    let mut bind = Connection::new(Config::default());
    let bind = bind.poll_transmit().unwrap().to_vec();
    loop {
        if let Ok(mut stream) = connect(source, host).await
            && stream.write_all(&bind[..bind.len() / 2]).await.is_ok()
        {
            let _ = stream.read(&mut [0; 64]).await;
        }
        sleep(PAUSE).await;
    }
}

#[tokio::test]
#[ignore = "the tests below run it in a process of its own"]
async fn the_peers_of_the_tests_below() {
    let host = env::var(HOST).unwrap().parse().unwrap();
    let peers: JoinSet<()> = (0..HALF_SENT)
        .map(|number| half_sent(number, host))
        .collect();
    peers.join_all().await;
}

/// One client with a connection of its own, until it is answered.
async fn ask(number: u32, host: SocketAddr) -> io::Result<()> {
    let source = Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(127, 20, 0, 0)) + number);
    let mut stream = connect(source, host).await?;
    let mut client = Connection::new(Config::default());
    let message = messages::request().to_vec();
    loop {
        while let Some(bytes) = client.poll_transmit() {
            stream.write_all(bytes).await?;
        }
        match client.poll_event() {
            Some(Event::Bound) => {
                let message = &message;
                let call = client.call(Operation::RequestActivation { message });
                call.map_err(io::Error::other)?;
                continue;
            }
            Some(Event::Answered { .. }) => return Ok(()),
            Some(other) => return Err(io::Error::other(format!("{other:?}"))),
            None => {}
        }
        let mut input = [0; 1024];
        match stream.read(&mut input).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => client.handle_input(&input[..read]),
        }
    }
}

#[expect(clippy::print_stdout, reason = "why a client failed")]
async fn ask_in_time(number: u32, host: SocketAddr, figures: Arc<Figures>) {
    let began = Instant::now();
    figures.asked.fetch_add(1, Ordering::Relaxed);
    match timeout(PATIENCE, ask(number, host)).await {
        Ok(Ok(())) => {
            figures.answered.fetch_add(1, Ordering::Relaxed);
            let took = u64::try_from(began.elapsed().as_millis()).unwrap();
            figures.slowest_millis.fetch_max(took, Ordering::Relaxed);
        }
        failed => println!("client {number} after {:?}: {failed:?}", began.elapsed()),
    }
}

/// The resident memory of a process, in KiB.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let figure = line.unwrap().split_whitespace().nth(1);
    figure.unwrap().parse().unwrap()
}

fn open_files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

#[expect(clippy::print_stdout, reason = "the figures")]
async fn attack(limits: &str) {
    let folder = Folder::with_host().await;
    let config = format!("listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n{limits}");
    folder.write("host.toml", &config);
    let host = folder.serve().await;
    let (address, process) = (host.address, host.child.id());
    let figures = Arc::new(Figures::default());
    // What the host takes for its clients is no part of what the attack costs.
    for number in 0..500 {
        ask(number, address).await.unwrap();
    }
    let before = resident(process);
    let mut peers = Command::new(env::current_exe().unwrap());
    peers
        .env(HOST, address.to_string())
        .args(["--ignored", "--exact"])
        .arg("half_sent::the_peers_of_the_tests_below");
    let peers = start(peers);
    let mut clients = JoinSet::new();
    let (began, mut number, mut most, mut most_files) = (Instant::now(), 500, before, 0);
    let mut ticks = interval(ASKING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while began.elapsed() < TIME {
        ticks.tick().await;
        number += 1;
        clients.spawn(ask_in_time(number, address, Arc::clone(&figures)));
        if number % 50 == 0 {
            most = most.max(resident(process));
            most_files = most_files.max(open_files(process));
        }
    }
    while timeout(LONG, clients.join_next()).await.unwrap().is_some() {}
    most = most.max(resident(process));
    let get = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let (asked, answered) = (get(&figures.asked), get(&figures.answered));
    let growth = most - before;
    println!(
        "{HALF_SENT} peers, at most {most_files} files open in the host; \
         resident {before} KiB before, at most {most}, growth {growth} KiB; \
         {answered} of {asked} clients answered, the slowest after {} ms",
        get(&figures.slowest_millis),
    );
    drop(peers);
    host.stop().await;
    assert!(growth <= MOST_GROWTH_KIB, "{growth} KiB");
    let share = answered as f64 / asked as f64;
    assert!(share >= LEAST_ANSWERED, "{share}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and 20,000 open files; `ulimit -n` shows how many are allowed"]
async fn limit_memory_of_half_sent_connections_with_the_default_limits() {
    attack("").await;
}

/// Nobody is closed for the time that he takes, so that as many as there are places for stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and 20,000 open files; `ulimit -n` shows how many are allowed"]
async fn limit_memory_of_half_sent_connections_that_stay() {
    attack(
        "[limits]\nconnections = 20000\nfirst_byte_seconds = 3600\npdu_seconds = 3600\n\
         exchange_seconds = 3600\nidle_seconds = 3600\n",
    )
    .await;
}
