//! Metrics and health over HTTP, for this machine alone.

use crate::{BindError, HostService, Store};
use core::{convert::Infallible, net::SocketAddr, pin::pin, time::Duration};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Incoming},
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use kms_core::Clock;
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// A listening socket for metrics and health that is not served yet.
///
/// It answers GET and HEAD of
/// - `/metrics` with all metrics in the text form of Prometheus,
/// - `/healthz` with 200 while the process serves,
/// - `/readyz` with 200 while the host can do its work, else with 503 and the reasons.
#[derive(Debug)]
pub struct HttpServer {
    listener: TcpListener,
}

/// How long the server rests when it cannot accept, as when it has no file descriptors left.
const ACCEPT_REST: Duration = Duration::from_millis(500);

const BACKLOG: u32 = 64;

/// The media type of Prometheus' own text form.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// How long one connection may take over what.
#[derive(Clone, Copy, Debug)]
struct Deadlines {
    headers: Duration,
    request: Duration,
}

impl HttpServer {
    /// The most connections at once; more peers wait in the system's queue.
    pub const CONNECTIONS: usize = 16;
    /// The longest request line and headers together, in bytes.
    pub const MAX_HEADERS: usize = 8 * 1024;
    /// How long a peer may take to send its headers, which nothing extends.
    pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
    /// How long a connection may last in all, the reading of the answer included. It serves one
    /// request.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long connections may go on after the server was told to stop.
    pub const DRAIN: Duration = Duration::from_secs(1);

    /// Listens on a loopback address: what is told here is for this machine, and is not encrypted.
    ///
    /// # Errors
    /// When the address is taken, not this machine's, or no loopback address.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O, which is tokio's rule for making sockets.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        listen(address)
            .map(|listener| Self { listener })
            .map_err(|source| BindError { address, source })
    }

    /// The address listened on, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves until `stop`, then ends: no new connections, [`DRAIN`](Self::DRAIN) for those that are
    /// open. Dropping the future ends every connection at once. The runtime must have I/O and time.
    pub async fn run<S: Store, C: Clock + Send + Sync + 'static>(
        self,
        service: Arc<HostService<S, C>>,
        stop: CancellationToken,
    ) {
        let deadlines = Deadlines {
            headers: Self::HEADER_TIMEOUT,
            request: Self::REQUEST_TIMEOUT,
        };
        let respond = Arc::new(move |request: &_| respond(&service, request));
        accept(self.listener, respond, deadlines, stop).await;
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if !is_loopback(address) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "metrics and health are served on a loopback address only",
        ));
    }
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether only this machine can reach an address.
pub(crate) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Accepts connections until `stop`, and then waits for those that are open, but not for long.
async fn accept(
    listener: TcpListener,
    respond: Arc<impl Fn(&Request<Incoming>) -> Response<Full<Bytes>> + Send + Sync + 'static>,
    deadlines: Deadlines,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        let free = connections.len() < HttpServer::CONNECTIONS;
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if free => match accepted {
                Ok((stream, _)) => {
                    let (respond, stop) = (Arc::clone(&respond), stop.clone());
                    connections.spawn(serve(stream, respond, deadlines, stop));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections for metrics");
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = sleep(ACCEPT_REST) => {}
                    }
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is still open then ends with the set that holds it.
    let _ = timeout(HttpServer::DRAIN, drained).await;
}

/// Serves one request.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    respond: Arc<impl Fn(&Request<Incoming>) -> Response<Full<Bytes>>>,
    deadlines: Deadlines,
    stop: CancellationToken,
) {
    let connection = http1::Builder::new()
        // Without a timer there would be no deadline, and nothing would say so.
        .timer(TokioTimer::new())
        .header_read_timeout(deadlines.headers)
        .max_header_size(HttpServer::MAX_HEADERS)
        .max_buf_size(HttpServer::MAX_HEADERS)
        // A scrape comes a few times a minute, and places are few.
        .keep_alive(false)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| {
                let response = respond(&request);
                async { Ok::<_, Infallible>(response) }
            }),
        );
    let mut connection = pin!(connection);
    let served = timeout(deadlines.request, async {
        tokio::select! {
            served = connection.as_mut() => served,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        }
    });
    match served.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection for metrics ended"),
        Err(_) => tracing::debug!("a connection for metrics took too long"),
    }
}

fn respond<S: Store, C: Clock>(
    service: &HostService<S, C>,
    request: &Request<impl Body>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
        let what = "there are /metrics, /healthz and /readyz\n";
        return response(StatusCode::NOT_FOUND, TEXT_TYPE, what.to_owned());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let what = "only GET and HEAD are answered\n".to_owned();
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, TEXT_TYPE, what);
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    if !request.body().is_end_stream() {
        let what = "a request has no body here\n".to_owned();
        return response(StatusCode::PAYLOAD_TOO_LARGE, TEXT_TYPE, what);
    }
    match path {
        "/metrics" => match service.metrics_text() {
            Ok(text) => response(StatusCode::OK, METRICS_TYPE, text),
            Err(error) => {
                tracing::error!(%error, "the metrics could not be written");
                let what = "the metrics could not be written\n".to_owned();
                response(StatusCode::INTERNAL_SERVER_ERROR, TEXT_TYPE, what)
            }
        },
        "/readyz" => {
            let readiness = service.readiness();
            let status = if readiness.is_ready() {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            response(status, TEXT_TYPE, readiness.to_string())
        }
        _ => response(StatusCode::OK, TEXT_TYPE, "serving\n".to_owned()),
    }
}

fn response(status: StatusCode, media_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        net::TcpStream,
    };

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(50);
    const PATIENT: Deadlines = Deadlines {
        headers: LONG,
        request: LONG,
    };
    /// Longer than anything here takes, unless it hangs.
    const HANGS: Duration = Duration::from_secs(60);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    fn long_response(_: &Request<Incoming>) -> Response<Full<Bytes>> {
        response(StatusCode::OK, TEXT_TYPE, "x".repeat(10_000))
    }

    async fn soon<T>(what: impl Future<Output = T>) -> T {
        timeout(HANGS, what).await.expect("it hangs")
    }

    /// A peer, and a server of it that holds so many bytes back.
    fn connected(
        bytes: usize,
        deadlines: Deadlines,
    ) -> (DuplexStream, impl Future<Output = ()>, CancellationToken) {
        let (peer, stream) = duplex(bytes);
        let stop = CancellationToken::new();
        let served = serve(stream, Arc::new(long_response), deadlines, stop.clone());
        (peer, soon(served), stop)
    }

    #[tokio::test]
    async fn limit_http_header_timeout_is_not_extended_by_bytes() {
        let deadlines = Deadlines {
            headers: SHORT,
            ..PATIENT
        };
        let (mut peer, served, _stop) = connected(64, deadlines);
        peer.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        let trickle = async {
            while peer.write_all(b"x").await.is_ok() {
                sleep(SHORT / 10).await;
            }
        };
        tokio::join!(served, trickle);
    }

    #[tokio::test]
    async fn limit_http_request_timeout_holds_for_a_peer_that_does_not_read() {
        let deadlines = Deadlines {
            request: SHORT,
            ..PATIENT
        };
        let (mut peer, served, _stop) = connected(64, deadlines);
        peer.write_all(REQUEST).await.unwrap();
        served.await;
        let mut read = Vec::new();
        peer.read_to_end(&mut read).await.unwrap();
        assert!(read.starts_with(b"HTTP/1.1 200 OK\r\n") && read.len() == 64);
    }

    #[tokio::test]
    async fn a_peer_that_reads_in_time_is_answered_once_and_closed() {
        let (mut peer, served, _stop) = connected(64, PATIENT);
        let ask = async {
            // The second is not taken, so it may find the connection closed.
            let _ = peer.write_all(&REQUEST.repeat(2)).await;
            let mut read = String::new();
            peer.read_to_string(&mut read).await.unwrap();
            read
        };
        let ((), read) = tokio::join!(served, ask);
        assert_eq!(read.matches("HTTP/1.1 200 OK").count(), 1);
        assert!(read.ends_with(&"x".repeat(10_000)));
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_a_peer_that_asks_nothing() {
        let (_peer, served, stop) = connected(64, PATIENT);
        stop.cancel();
        served.await;
    }

    async fn ask(peer: &mut TcpStream) {
        soon(peer.write_all(REQUEST)).await.unwrap();
    }

    async fn is_answered(mut peer: TcpStream) {
        let mut read = String::new();
        soon(peer.read_to_string(&mut read)).await.unwrap();
        assert!(read.starts_with("HTTP/1.1 200 OK"), "{read}");
    }

    #[tokio::test]
    async fn limit_http_connections() {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let respond = Arc::new(long_response);
        let serving = tokio::spawn(accept(listener, respond, PATIENT, stop.clone()));
        let connect = || async { soon(TcpStream::connect(address)).await.unwrap() };
        let mut silent = Vec::new();
        for _ in 0..HttpServer::CONNECTIONS - 1 {
            silent.push(connect().await);
        }
        // The last place serves one after the other.
        for _ in 0..20 {
            let mut peer = connect().await;
            ask(&mut peer).await;
            is_answered(peer).await;
        }
        let mut last = connect().await;
        let mut beyond = connect().await;
        ask(&mut beyond).await;
        // The server has its turns meanwhile, and does not turn to this one.
        for _ in 0..20 {
            last.write_all(b"x").await.unwrap();
            tokio::task::yield_now().await;
        }
        assert!(beyond.try_read(&mut [0]).is_err(), "it waits");
        drop(last);
        is_answered(beyond).await;
        stop.cancel();
        soon(serving).await.unwrap();
    }
}
