//! The TCP server: sockets around the connection engine, with limits.

use crate::{Caller, HostReply, HostService, Limits, Store};
use core::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    task::Poll,
    time::Duration,
};
use kms_core::{Clock, Entropy};
use kms_wire::server::{Call, Config, Connection, Event, Reply};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long connections may go on after the server was told to stop.
pub const DRAIN: Duration = Duration::from_secs(10);

/// How long the server rests when it cannot accept, as when it has no file descriptors left:
/// doubled each time from the first to the last.
const ACCEPT_REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Far beyond any use, and near enough to be added to a clock.
const LONGEST_EXCHANGE: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long a peer that broke a rule may take to read what it is told about that.
const LINGER: Duration = Duration::from_secs(1);

/// How often refused connections are told of, at most.
const REFUSALS_TOLD: Duration = Duration::from_secs(10);

const BACKLOG: u32 = 1024;

/// How much is read at once: many requests, and little memory for a connection that sends none.
const READ_SIZE: usize = 4096;

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
            socket.listen(BACKLOG)
        };
        let listeners = addresses
            .iter()
            .map(|&address| listen(address).map_err(|source| BindError { address, source }))
            .collect::<Result<_, _>>()?;
        Ok(Self { listeners })
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
    /// peers wait in the system's queue; beyond
    /// `limits.connections_per_source` they are closed as soon as they are accepted. Dropping the
    /// future ends every connection at once. The runtime must have I/O and time.
    pub async fn run<S: Store, C: Clock + Send + Sync + 'static>(
        self,
        service: Arc<HostService<S, C>>,
        limits: Limits,
        entropy: &mut impl Entropy,
        stop: CancellationToken,
    ) {
        let shared = Arc::new(Shared {
            service,
            limits,
            association_group: association_group(entropy),
            sources: Mutex::default(),
        });
        let listening = shared.service.metrics().listening();
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        // Whoever drops this future means the connections too.
        let _end = end.clone().drop_guard();
        accept(self.listeners, &shared, &tasks, &stop, &end).await;
        drop(listening);
        tasks.close();
        if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
            end.cancel();
            tasks.wait().await;
        }
    }
}

struct Shared<S, C> {
    service: Arc<HostService<S, C>>,
    limits: Limits,
    association_group: NonZeroU32,
    // INVARIANT: no entry is 0, so the map is never larger than the number of open connections.
    sources: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place in the limits; dropping it frees the place.
struct Admitted<S, C> {
    shared: Arc<Shared<S, C>>,
    source: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl<S, C> Shared<S, C> {
    /// When an exchange that begins now must have ended.
    fn deadline(&self) -> Instant {
        Instant::now() + self.limits.exchange.min(LONGEST_EXCHANGE)
    }

    fn admit(
        self: &Arc<Self>,
        peer: IpAddr,
        permit: OwnedSemaphorePermit,
    ) -> Option<Admitted<S, C>> {
        let source = source_of(peer);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let open = sources.get(&source).copied().unwrap_or(0);
        if open >= self.limits.connections_per_source {
            return None;
        }
        sources.insert(source, open + 1);
        Some(Admitted {
            shared: Arc::clone(self),
            source,
            _permit: permit,
        })
    }
}

impl<S, C> Drop for Admitted<S, C> {
    fn drop(&mut self) {
        let mut sources = self
            .shared
            .sources
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = sources.get_mut(&self.source) {
            *open -= 1;
            if *open == 0 {
                sources.remove(&self.source);
            }
        }
    }
}

/// A whole /64 is one source: whoever has one IPv6 address has them all.
fn source_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Every connection belongs to the one group of this process, whose number peers cannot guess.
fn association_group(entropy: &mut impl Entropy) -> NonZeroU32 {
    let number = entropy.below(u32::MAX.into());
    u32::try_from(number)
        .ok()
        .and_then(|n| NonZeroU32::new(n + 1))
        .unwrap_or(NonZeroU32::MIN)
}

/// Accepts connections until `stop`, and then closes the listening sockets.
async fn accept<S: Store, C: Clock + Send + Sync + 'static>(
    listeners: Vec<TcpListener>,
    shared: &Arc<Shared<S, C>>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    end: &CancellationToken,
) {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let places = affordable(shared.limits.connections, files);
    if places < shared.limits.connections {
        tracing::warn!(
            "{} connections are configured and at most {places} are taken, because this process may \
             open few files: raise the limit (ulimit -n, LimitNOFILE), or lower limits.connections",
            shared.limits.connections
        );
    }
    let places = Arc::new(Semaphore::new(places));
    let (mut turn, mut rest) = (0, ACCEPT_REST.0);
    let mut refusals = Refusals::default();
    loop {
        let next = async {
            // With no place left, peers wait in the backlog and cost this process nothing.
            let permit = Arc::clone(&places).acquire_owned().await;
            (permit, next_connection(&listeners, turn).await)
        };
        let (permit, (at, accepted)) = tokio::select! {
            () = stop.cancelled() => return,
            next = next => next,
        };
        let Ok(permit) = permit else { return };
        turn = at + 1;
        match accepted {
            Ok((stream, peer)) => {
                rest = ACCEPT_REST.0;
                let Some(admitted) = shared.admit(peer.ip(), permit) else {
                    refusals.tell(peer);
                    continue;
                };
                let (stop, end) = (stop.clone(), end.clone());
                tasks.spawn(async move {
                    tokio::select! {
                        () = end.cancelled() => {}
                        served = serve(stream, &admitted.shared, &stop) => match served {
                            Ok(()) => {}
                            Err(error) => tracing::debug!(%peer, %error, "connection ended"),
                        },
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(rest) => rest = (rest * 2).min(ACCEPT_REST.1),
                }
            }
        }
    }
}

/// How many of the connections that are `wanted` can be had when so many `files` may be open: half
/// of those at most, because the store, DNS and logs need files too.
fn affordable(wanted: usize, files: Option<u64>) -> usize {
    let half = files.and_then(|files| usize::try_from(files / 2).ok());
    wanted
        .min(half.unwrap_or(usize::MAX))
        .min(Semaphore::MAX_PERMITS)
}

/// Tells of refused connections now and then: who is refused can come again at once, and must not
/// fill the log.
#[derive(Default)]
struct Refusals {
    told: Option<Instant>,
    since: u64,
}

impl Refusals {
    fn tell(&mut self, peer: SocketAddr) {
        self.since = self.since.saturating_add(1);
        if self.told.is_none_or(|told| told.elapsed() >= REFUSALS_TOLD) {
            tracing::warn!(
                %peer,
                refused = self.since,
                "too many connections from one source: closed; \
                 raise limits.connections_per_source if this is a network behind one address"
            );
            *self = Self {
                told: Some(Instant::now()),
                since: 0,
            };
        }
    }
}

/// The next connection to any of the listeners, and to which. `first` is asked first, so that none
/// has to wait for the others.
async fn next_connection(
    listeners: &[TcpListener],
    first: usize,
) -> (usize, io::Result<(TcpStream, SocketAddr)>) {
    poll_fn(|context| {
        let rotated = listeners.iter().enumerate().cycle();
        for (at, listener) in rotated
            .skip(first % listeners.len().max(1))
            .take(listeners.len())
        {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready((at, accepted));
            }
        }
        Poll::Pending
    })
    .await
}

async fn serve<S: Store, C: Clock>(
    mut stream: TcpStream,
    shared: &Shared<S, C>,
    stop: &CancellationToken,
) -> io::Result<()> {
    // An answer is one small write: waiting to fill a segment would only delay it.
    stream.set_nodelay(true)?;
    let config = Config {
        port: stream.local_addr()?.port(),
        association_group: shared.association_group,
    };
    let mut connection = Connection::new(config);
    let mut caller = Caller::new(stream.peer_addr()?.ip());
    let mut input = [0; READ_SIZE];
    // Absolute: bytes that trickle in do not extend it, only a whole answered call does.
    let mut deadline = shared.deadline();
    // Whether the peer has begun something since it connected or was answered.
    let mut begun = false;
    while !connection.is_closed() {
        let room = connection.input_room().min(READ_SIZE);
        let room = input.get_mut(..room).unwrap_or_default();
        let read = tokio::select! {
            biased;
            read = within(deadline, stream.read(room)) => read,
            // A peer that is in the middle of nothing need not be waited for.
            () = stop.cancelled(), if !begun => None,
        };
        let Some(read) = read else {
            return Ok(());
        };
        let bytes = match read? {
            0 => return Ok(()),
            read => room.get(..read).unwrap_or_default(),
        };
        connection.handle_input(bytes);
        begun = true;
        // Sending makes room for input that waited, which may hold another call: so go on until
        // there is neither a call nor anything to send.
        loop {
            let mut done = true;
            loop {
                let call = next_call(&mut connection, &shared.service, &mut caller);
                let Some(call) = within(deadline, call).await else {
                    return Ok(());
                };
                let Some((call, reply)) = call else { break };
                done = false;
                let reply = match &reply {
                    HostReply::Answer(bytes) => Reply::Bytes(bytes),
                    HostReply::Refused(code) => Reply::Refused(*code),
                    HostReply::Disconnect => Reply::TooBusy,
                };
                if let Err(error) = connection.respond(call, reply) {
                    tracing::error!(%error, "an answer could not be given");
                    return Ok(());
                }
                if send(&mut connection, &mut stream, deadline)
                    .await?
                    .is_none()
                {
                    return Ok(());
                }
                deadline = shared.deadline();
                begun = false;
            }
            match send(&mut connection, &mut stream, deadline).await? {
                None => return Ok(()),
                Some(0) if done => break,
                Some(_) => {}
            }
        }
    }
    linger(&mut stream, &mut input, deadline).await
}

/// Closes our side and waits for the peer to close its own: a socket that is closed with bytes
/// unread resets the connection, and the reset overtakes what was sent last.
async fn linger(stream: &mut TcpStream, waste: &mut [u8], deadline: Instant) -> io::Result<()> {
    stream.shutdown().await?;
    let deadline = deadline.min(Instant::now() + LINGER);
    while let Some(Ok(1..)) = within(deadline, stream.read(waste)).await {}
    Ok(())
}

/// Sends what waits, and gives its length; `None` when it did not go out in time.
async fn send(
    connection: &mut Connection,
    stream: &mut TcpStream,
    deadline: Instant,
) -> io::Result<Option<usize>> {
    let mut sent = 0;
    while let Some(bytes) = connection.poll_transmit() {
        match within(deadline, stream.write_all(bytes)).await {
            Some(written) => written?,
            None => return Ok(None),
        }
        sent += bytes.len();
    }
    Ok(Some(sent))
}

/// What a future gives, unless the deadline comes first.
///
/// The clock is looked at first: tokio's timeout asks the future first, and a peer that never stops
/// sending keeps that ready for ever.
async fn within<T>(deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    if Instant::now() >= deadline {
        return None;
    }
    timeout_at(deadline, future).await.ok()
}

/// The next complete call with its answer.
async fn next_call<S: Store, C: Clock>(
    connection: &mut Connection,
    service: &HostService<S, C>,
    caller: &mut Caller,
) -> Option<(Call, HostReply)> {
    loop {
        return Some(match connection.poll_event()? {
            Event::RequestActivation { call, message } => {
                (call, service.request_activation(message, caller).await)
            }
            Event::GetHostCertificate { call } => (call, service.host_certificate()),
            Event::Closed { violation } => {
                tracing::debug!(%violation, "the peer broke a rule");
                continue;
            }
            _ => continue,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::future::ready;
    use kms_core::SeededEntropy;

    #[tokio::test]
    async fn limit_exchange_holds_for_a_peer_that_is_always_ready() {
        let past = Instant::now();
        assert_eq!(within(past, ready(())).await, None);
        let hour = Duration::from_secs(3600);
        assert_eq!(within(past + hour, ready(())).await, Some(()));
    }

    #[test]
    fn limit_connections_per_source_takes_a_whole_v6_network_for_one_source() {
        let source = |text: &str| source_of(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        // A socket that takes both shows IPv4 peers so.
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }

    #[test]
    fn limit_connections_leaves_half_of_the_files_to_others() {
        assert_eq!(affordable(4096, Some(1024)), 512);
        assert_eq!(affordable(4096, Some(20_000)), 4096);
        assert_eq!(affordable(4096, None), 4096);
        assert_eq!(affordable(usize::MAX, None), Semaphore::MAX_PERMITS);
    }

    #[test]
    fn association_groups_differ_between_processes() {
        let group = |seed| association_group(&mut SeededEntropy::new(seed));
        assert_ne!(group(1), group(2));
    }
}
