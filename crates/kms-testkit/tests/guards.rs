//! Waiting for ports, and for what children print.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use core::{net::SocketAddr, time::Duration};
use kms_testkit::{
    net::wait_for_port,
    process::{ChildGuard, ProcessError, Stream},
};
use rustix::process::{Pid, test_kill_process};
use std::process::{Command, Stdio};
use tokio::net::TcpSocket;

/// Longer than any of it takes.
const LONG: Duration = Duration::from_secs(60);
/// For what never comes.
const SHORT: Duration = Duration::from_millis(20);

/// A shell whose standard input stays open and empty, so that `read` and `cat` wait for ever.
fn shell(script: &str) -> ChildGuard {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::piped());
    ChildGuard::start(command).unwrap()
}

/// A port that is taken, so that no other test gets it, but refuses connections.
fn silent_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_an_error_after_the_deadline() {
    let (_socket, address) = silent_port();
    let error = wait_for_port(address, SHORT).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("nothing listens on {address} after 20ms")
    );
    assert!(error.source.is_some());
}

#[tokio::test]
async fn a_port_is_waited_for_until_somebody_listens() {
    let (socket, address) = silent_port();
    // The first future is polled first, so that its first attempt is refused.
    let (waited, _listener) = tokio::join!(wait_for_port(address, LONG), async move {
        socket.listen(1).unwrap()
    });
    waited.unwrap();
}

#[tokio::test]
async fn lines_of_both_streams_are_found_in_order() {
    let mut child = shell("echo one; echo two; echo three; cat >&2");
    for text in ["one", "three"] {
        let line = child
            .wait_for_line(LONG, |line| line.text == text)
            .await
            .unwrap();
        assert_eq!(line.stream, Stream::Stdout);
    }
    let mut child = shell("printf 'ready\\r\\n' >&2; cat");
    let line = child.wait_for_line(LONG, |_| true).await.unwrap();
    assert_eq!((line.stream, line.text.as_str()), (Stream::Stderr, "ready"));
}

#[tokio::test]
async fn a_line_that_does_not_come_by_the_deadline_is_an_error_with_the_last_lines() {
    let mut child = shell("echo starting; cat");
    child.wait_for_line(LONG, |_| true).await.unwrap();
    let error = child
        .wait_for_line(SHORT, |line| line.text == "ready")
        .await
        .unwrap_err();
    assert!(matches!(error, ProcessError::Deadline { .. }), "{error}");
    assert!(error.to_string().ends_with("\nstarting"), "{error}");
}

#[tokio::test]
async fn a_child_that_ends_before_the_line_is_an_error_with_the_last_lines() {
    let mut child = shell("echo 'cannot bind' >&2; exit 1");
    let error = child
        .wait_for_line(LONG, |line| line.text == "ready")
        .await
        .unwrap_err();
    assert!(matches!(error, ProcessError::OutputEnded { .. }), "{error}");
    assert!(error.to_string().ends_with("\ncannot bind"), "{error}");
}

#[tokio::test]
async fn a_child_does_not_block_on_output_that_nobody_waits_for() {
    let mut child = shell("yes | head -n 200000; echo done >&2");
    assert!(child.wait(LONG).await.unwrap().success());
    child
        .wait_for_line(LONG, |line| line.text == "done")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_child_that_runs_on_is_an_error_after_the_deadline() {
    let error = shell("cat").wait(SHORT).await.unwrap_err();
    assert!(matches!(error, ProcessError::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn a_child_asked_to_end_may_do_so_in_its_own_way() {
    let mut child = shell("trap 'echo drained; exit 3' TERM; echo ready; read line");
    child
        .wait_for_line(LONG, |line| line.text == "ready")
        .await
        .unwrap();
    child.terminate().unwrap();
    child
        .wait_for_line(LONG, |line| line.text == "drained")
        .await
        .unwrap();
    assert_eq!(child.wait(LONG).await.unwrap().code(), Some(3));
    child.terminate().unwrap();
}

#[tokio::test]
async fn a_child_is_gone_when_its_guard_is_dropped() {
    // It ignores the polite signal.
    let mut child = shell("trap '' TERM; echo ready; exec cat");
    child.wait_for_line(LONG, |_| true).await.unwrap();
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    test_kill_process(id).unwrap();
    drop(child);
    assert_eq!(test_kill_process(id), Err(rustix::io::Errno::SRCH));
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let error = ChildGuard::start(Command::new("./no-such-program")).unwrap_err();
    assert_eq!(error.to_string(), "cannot start ./no-such-program");
}
