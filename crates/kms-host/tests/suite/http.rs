//! Metrics and health over HTTP: what is answered, to whom, and what one peer may hold.

use crate::{
    fixture::Fixture,
    peer::{Running, soon},
};
use core::net::{Ipv4Addr, SocketAddr};
use kms_host::{HostService, HttpServer, MemoryStore, Store};
use kms_testkit::clock::ManualClock;
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// An HTTP server that runs.
pub(crate) struct Http {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What it replied.
#[derive(Debug)]
pub(crate) struct HttpReply {
    pub(crate) status: u16,
    /// In lower case, with the lines' ends.
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Http {
    pub(crate) fn start<S: Store>(service: &Arc<HostService<S, ManualClock>>) -> Self {
        let server = HttpServer::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let (address, stop) = (server.local_address().unwrap(), CancellationToken::new());
        let task = tokio::spawn(server.run(Arc::clone(service), stop.clone()));
        Self {
            address,
            stop,
            task,
        }
    }

    /// Sends these bytes, and reads until the server closes.
    pub(crate) async fn send(&self, request: &str) -> HttpReply {
        let mut stream = soon(TcpStream::connect(self.address)).await.unwrap();
        soon(stream.write_all(request.as_bytes())).await.unwrap();
        let mut reply = String::new();
        soon(stream.read_to_string(&mut reply)).await.unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        let status = status.strip_prefix("HTTP/1.1 ").unwrap();
        let status = status.split(' ').next().unwrap().parse();
        HttpReply {
            status: status.unwrap(),
            headers: format!("{headers}\r\n").to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) async fn ask(&self, method: &str, target: &str, more: &str) -> HttpReply {
        let request = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
        self.send(&request).await
    }

    pub(crate) async fn get(&self, target: &str) -> HttpReply {
        self.ask("GET", target, "").await
    }

    /// Stops the server, and waits until it has ended.
    async fn end(self) {
        self.stop.cancel();
        soon(self.task).await.unwrap();
    }
}

fn http(fixture: &Fixture) -> Http {
    Http::start(&Arc::new(fixture.service(MemoryStore)))
}

#[tokio::test]
async fn get_and_head_of_three_paths_are_answered_and_nothing_else() {
    let http = http(&Fixture::new());
    for (method, target, status) in [
        ("GET", "/metrics", 200),
        ("GET", "/metrics?name=x", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 503),
        ("HEAD", "/metrics", 200),
        ("HEAD", "/healthz", 200),
        ("HEAD", "/readyz", 503),
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("GET", "//metrics", 404),
        ("POST", "/elsewhere", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/healthz", 405),
        ("OPTIONS", "/readyz", 405),
        ("MAKE-COFFEE", "/metrics", 405),
    ] {
        let reply = http.ask(method, target, "").await;
        assert_eq!(reply.status, status, "{method} {target}");
        let allow = reply.headers.contains("allow: get, head\r\n");
        assert_eq!(allow, status == 405, "{method} {target}");
        assert_eq!(reply.body.is_empty(), method == "HEAD", "{method} {target}");
        assert!(reply.headers.contains("cache-control: no-store\r\n"));
        assert!(reply.headers.contains("connection: close\r\n"));
    }
    http.end().await;
}

#[tokio::test]
async fn head_tells_the_length_of_what_get_brings() {
    let http = http(&Fixture::new());
    let (get, head) = (http.get("/healthz").await, http.ask("HEAD", "/healthz", ""));
    assert_eq!(get.body, "serving\n");
    let length = format!("content-length: {}\r\n", get.body.len());
    assert!(get.headers.contains(&length) && head.await.headers.contains(&length));
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_server_goes_on() {
    let http = http(&Fixture::new());
    for nonsense in [
        "\u{0}\r\n\r\n",
        "GET\r\n\r\n",
        "GET /metrics HTTP/9.9\r\n\r\n",
    ] {
        assert_eq!(http.send(nonsense).await.status, 400, "{nonsense:?}");
    }
    assert_eq!(http.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn only_a_free_loopback_address_is_listened_on() {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let error = HttpServer::bind(address.parse().unwrap()).unwrap_err();
        let wanted =
            format!("cannot listen on {address}: metrics and health are served on a loopback");
        assert!(error.to_string().starts_with(&wanted), "{error}");
    }
    let first = HttpServer::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let taken = first.local_address().unwrap();
    let error = HttpServer::bind(taken).unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_stop_ends_the_server_whoever_is_connected() {
    let http = http(&Fixture::new());
    let mut half = TcpStream::connect(http.address).await.unwrap();
    half.write_all(b"GET /metrics HT").await.unwrap();
    // Answered after the other connection was accepted.
    http.get("/healthz").await;
    let address = http.address;
    http.end().await;
    let mut rest = Vec::new();
    // Closed or reset: the server has not read all that was sent.
    let _ = soon(half.read_to_end(&mut rest)).await;
    assert_eq!(rest, [0_u8; 0]);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn limit_http_headers() {
    let http = http(&Fixture::new());
    let (begin, end) = (
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ",
        "\r\n\r\n",
    );
    let most = HttpServer::MAX_HEADERS - begin.len() - end.len();
    let padded = |length| format!("{begin}{}{end}", "x".repeat(length));
    assert_eq!(padded(most).len(), 8192);
    assert_eq!(http.send(&padded(most)).await.status, 200);
    assert_eq!(http.send(&padded(most + 1)).await.status, 431);
}

#[tokio::test]
async fn limit_http_body_is_none() {
    let http = http(&Fixture::new());
    for (headers, status) in [
        ("content-length: 0\r\n", 200),
        ("content-length: 1\r\n", 413),
        ("transfer-encoding: chunked\r\n", 413),
    ] {
        let reply = http.ask("GET", "/healthz", headers).await;
        assert_eq!(reply.status, status, "{headers}");
    }
}

#[tokio::test]
async fn limit_http_header_timeout() {
    let http = http(&Fixture::new());
    let mut half = soon(TcpStream::connect(http.address)).await.unwrap();
    half.write_all(b"GET /metrics HT").await.unwrap();
    let mut rest = Vec::new();
    soon(half.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, [0_u8; 0]);
}

#[tokio::test]
async fn metrics_come_in_prometheus_own_form() {
    let fixture = Fixture::new();
    let host = Running::start(&fixture, MemoryStore);
    let http = Http::start(&host.service);
    let reply = http.get("/metrics").await;
    let media_type = "content-type: text/plain; version=0.0.4; charset=utf-8\r\n";
    assert!(reply.headers.contains(media_type), "{}", reply.headers);
    assert!(reply.body.starts_with("# HELP kms_host_build_info "));
}
