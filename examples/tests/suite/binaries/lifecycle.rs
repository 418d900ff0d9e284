//! How the binaries start, end, and treat what they print to.

use crate::support::{AUTHORITY, CLIENT, Folder, HOST, LAB, LONG, command, run, start};
use kms_testkit::process::Stream;
use kms_wire::client::{Config, Connection};
use rustix::process::Signal;
use std::{
    fs, io,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Stdio,
};

#[tokio::test]
async fn a_host_ends_with_0_when_it_is_told_to() {
    let folder = Folder::with_host().await;
    for signal in [Signal::TERM, Signal::INT] {
        let mut host = folder.serve().await;
        host.signal(signal);
        host.logs("stopping").await;
        assert_eq!(
            host.child.wait(LONG).await.unwrap().code(),
            Some(0),
            "{signal:?}"
        );
        assert!(TcpStream::connect(host.address).is_err());
    }
}

#[tokio::test]
async fn a_second_signal_ends_a_host_before_an_open_call_is_done() {
    let folder = Folder::with_host().await;
    let mut host = folder.serve().await;
    // Bound, and a request of which the end does not come.
    let mut stream = TcpStream::connect(host.address).unwrap();
    let mut connection = Connection::new(Config::default());
    stream
        .write_all(connection.poll_transmit().unwrap())
        .unwrap();
    let mut bind_ack = [0; 16];
    stream.read_exact(&mut bind_ack).unwrap();
    assert_eq!(bind_ack[2], 12, "bind_ack");
    let header = [5, 0, 0, 3, 0x10, 0, 0, 0, 200, 0, 0, 0, 2, 0, 0, 0];
    stream.write_all(&header).unwrap();

    host.signal(Signal::TERM);
    host.logs("stopping").await;
    host.signal(Signal::INT);
    let ended = host.child.wait(kms_host::DRAIN).await;
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[tokio::test]
async fn nobody_reading_is_no_failure() {
    let folder = Folder::with_host().await;
    folder.client("one", crate::support::SERVER, ([127, 0, 0, 1], 1).into());
    for (binary, arguments) in [
        (HOST, "catalogue --json"),
        (HOST, "catalogue"),
        (HOST, "--help"),
        (HOST, "--config host.toml check"),
        (CLIENT, "--config one.toml status --json"),
        (CLIENT, "--config one.toml status"),
        (AUTHORITY, "init --dir another"),
        (LAB, "--scenario mixed-groups"),
    ] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let ended = folder
            .command(binary, arguments)
            .stdin(Stdio::null())
            .stdout(writer)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(
            ended.status.code(),
            Some(0),
            "{binary} {arguments}: {stderr}"
        );
        assert!(
            !stderr.contains("panicked"),
            "{binary} {arguments}: {stderr}"
        );
    }
}

#[tokio::test]
async fn help_has_examples_and_every_exit_code() {
    let few: &[&str] = &["  1  ", "  2  "];
    let sysexits: &[&str] = &[
        "  64  ", "  65  ", "  66  ", "  69  ", "  70  ", "  71  ", "  74  ", "  75  ", "  77  ",
        "  78  ",
    ];
    for (binary, codes) in [
        (AUTHORITY, few),
        (HOST, sysexits),
        (CLIENT, few),
        (LAB, few),
    ] {
        let mut help = command(binary);
        help.arg("--help");
        run(help)
            .await
            .exits(0)
            .says(&["Usage:", "Examples:", "Exit codes:", "  0  "])
            .says(codes);
        let mut version = command(binary);
        version.arg("--version");
        run(version)
            .await
            .exits(0)
            .says(&[env!("CARGO_PKG_VERSION")]);
    }
}

#[tokio::test]
async fn a_host_logs_to_standard_error_alone() {
    let folder = Folder::with_host().await;
    let mut command = folder.command(HOST, "--config host.toml");
    command.env("RUST_LOG", "trace");
    let mut child = start(command);
    let line = child
        .wait_for_line(LONG, |line| line.stream == Stream::Stdout)
        .await
        .unwrap();
    assert!(line.text.contains("listening on"), "{line:?}");
    child.terminate().unwrap();
    let more = child
        .wait_for_line(LONG, |line| line.stream == Stream::Stdout)
        .await;
    assert!(more.is_err(), "{more:?}");
    assert_eq!(child.wait(LONG).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_lab_that_is_ended_leaves_nothing() {
    let mut lab = command(LAB);
    lab.args(["--scenario", "global"]);
    let mut child = start(lab);
    let prefix = format!("kms-lab-{}-", child.id());
    let folders = || {
        let places = [Path::new("/dev/shm").to_owned(), std::env::temp_dir()];
        let names = places
            .iter()
            .filter_map(|place| fs::read_dir(place).ok())
            .flatten();
        names
            .filter(|entry| {
                entry
                    .as_ref()
                    .is_ok_and(|e| e.file_name().to_string_lossy().starts_with(&prefix))
            })
            .count()
    };
    let mut ticks = tokio::time::interval(core::time::Duration::from_millis(5));
    let appeared = async {
        while folders() == 0 {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(LONG, appeared).await.unwrap();
    child.terminate().unwrap();
    child
        .wait_for_line(LONG, |line| line.text.contains("ended by SIGTERM"))
        .await
        .unwrap();
    assert_eq!(child.wait(LONG).await.unwrap().code(), Some(1));
    assert_eq!(folders(), 0);
}
