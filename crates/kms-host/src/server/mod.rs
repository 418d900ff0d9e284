//! The TCP server: sockets around the connection engine, with limits.

mod accept;
mod alarm;
mod connection;
mod deadlines;
mod gate;
mod input;
mod memory;
mod places;
mod refusals;
mod sources;
mod spare;
mod timer;

use crate::{HostService, Limits, Metrics, Store};
use core::{net::SocketAddr, num::NonZeroU32, time::Duration};
use gate::Gate;
use kms_core::{Clock, Entropy};
use memory::Budget;
use socket2::SockRef;
use std::{io, sync::Arc};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long connections may go on after the server was told to stop.
pub const DRAIN: Duration = Duration::from_secs(10);

/// How many peers wait in the system's queue; the system may take fewer (net.core.somaxconn).
const BACKLOG: u32 = 4096;

/// Listening sockets that are not served yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
}

/// An address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", remedy(.source))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// What to do about an address that cannot be listened on, as the end of a sentence.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; stop what listens there, and beside [::] leave 0.0.0.0 out, since [::] takes both"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; name an address of this machine, or 0.0.0.0 or [::] for all of them"
        }
        io::ErrorKind::PermissionDenied => "; choose a port above 1023",
        _ => "",
    }
}

impl Server {
    /// Listens on every address. `[::]` takes IPv4 connections too, unless the system is set
    /// otherwise.
    ///
    /// # Errors
    /// When one of them is taken or not this machine's.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O, which is tokio's rule for making sockets.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let listen = |address: SocketAddr| {
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            // An answer is one small write: waiting to fill a segment would only delay it. The
            // connections have it from here, which costs nothing for each of them.
            SockRef::from(&socket).set_tcp_nodelay(true)?;
            socket.listen(BACKLOG)
        };
        let listeners = addresses
            .iter()
            .map(|&address| listen(address).map_err(|source| BindError { address, source }))
            .collect::<Result<_, _>>()?;
        Ok(Self { listeners })
    }

    /// Takes over sockets that are listened on already, as those that a service manager passes.
    ///
    /// # Errors
    /// When the system does not let them be watched.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O, which is tokio's rule for making sockets.
    pub fn from_listeners(listeners: Vec<std::net::TcpListener>) -> io::Result<Self> {
        let listeners = listeners.into_iter().map(|listener| {
            // Whoever passes a socket may have left it blocking, which would stop a whole worker.
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        });
        Ok(Self {
            listeners: listeners.collect::<io::Result<_>>()?,
        })
    }

    /// The addresses listened on, with the ports that the system chose where 0 was asked for.
    #[must_use]
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }

    /// Serves until `stop`, then ends: no new connections, [`DRAIN`] for calls that have begun.
    ///
    /// Beyond `limits.connections`, or half of the files that the process may open if that is less,
    /// peers wait in the system's queue; beyond the limits of their source they are closed as soon
    /// as they are accepted. Dropping the future ends every connection at once. The runtime must
    /// have I/O and time.
    pub async fn run<S: Store, C: Clock + Send + Sync + 'static>(
        self,
        service: Arc<HostService<S, C>>,
        limits: Limits,
        entropy: &mut impl Entropy,
        stop: CancellationToken,
    ) {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let places = affordable(limits.connections, files);
        if places < limits.connections {
            tracing::warn!(
                "{} connections are configured and at most {places} are taken, because this \
                 process may open few files: raise the limit (ulimit -n, LimitNOFILE), or lower \
                 limits.connections",
                limits.connections
            );
        }
        let shared = Arc::new(Shared {
            metrics: Arc::clone(service.metrics()),
            service,
            gate: Gate::new(&limits, places),
            budget: Budget::new(limits.memory_bytes),
            association_group: association_group(entropy),
            limits,
        });
        let listening = shared.metrics.listening();
        let tasks = TaskTracker::new();
        // Whoever drops this future means the connections too.
        let _end = End(&shared.gate);
        accept::accept(self.listeners, &shared, &tasks, &stop).await;
        drop(listening);
        shared.gate.stop();
        tasks.close();
        if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
            shared.gate.end();
            tasks.wait().await;
        }
    }
}

/// What the connections share.
struct Shared<S, C> {
    service: Arc<HostService<S, C>>,
    metrics: Arc<Metrics>,
    limits: Limits,
    gate: Gate,
    budget: Budget,
    association_group: NonZeroU32,
}

/// Ends every connection when it is dropped.
struct End<'a>(&'a Gate);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// How many of the connections that are `wanted` can be had when so many `files` may be open: half
/// of those at most, because the store, DNS and logs need files too.
fn affordable(wanted: usize, files: Option<u64>) -> usize {
    let half = files.and_then(|files| usize::try_from(files / 2).ok());
    wanted.min(half.unwrap_or(usize::MAX))
}

/// Every connection belongs to the one group of this process, whose number peers cannot guess.
fn association_group(entropy: &mut impl Entropy) -> NonZeroU32 {
    let number = entropy.below(u32::MAX.into());
    u32::try_from(number)
        .ok()
        .and_then(|n| NonZeroU32::new(n + 1))
        .unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::SeededEntropy;

    #[test]
    fn limit_connections_leaves_half_of_the_files_to_others() {
        assert_eq!(affordable(10_000, Some(1024)), 512);
        assert_eq!(affordable(10_000, Some(20_000)), 10_000);
        assert_eq!(affordable(10_000, Some(19_998)), 9999);
        assert_eq!(affordable(10_000, None), 10_000);
    }

    #[test]
    fn association_groups_differ_between_processes() {
        let group = |seed| association_group(&mut SeededEntropy::new(seed));
        assert_ne!(group(1), group(2));
    }

    #[tokio::test]
    async fn connections_do_not_wait_to_fill_a_segment() {
        let server = Server::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let listener = &server.listeners[0];
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, _client) = tokio::join!(listener.accept(), client);
        let (accepted, _) = accepted.unwrap();
        assert!(accepted.nodelay().unwrap());
    }
}
