//! Taking connections in, and putting those out whose time is over.

use super::{
    Shared,
    alarm::Alarm,
    connection::{Admitted, serve},
    gate::Entered,
    memory::Part,
    refusals::{Refusals, remedy},
    spare::Spare,
};
use crate::Store;
use core::{
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use kms_core::{Clock, Tick};
use kms_count::Source;
use std::{io, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long the server rests when it cannot accept, as when it has no file descriptors left:
/// doubled each time from the first to the last.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// The listening sockets, while they are served.
struct Acceptor<'a, S, C> {
    listeners: Vec<(TcpListener, u16)>,
    // Which listener is asked first, so that none has to wait for the others.
    turn: usize,
    shared: &'a Arc<Shared<S, C>>,
    tasks: &'a TaskTracker,
    refusals: Refusals,
    spare: Spare,
    rest: Duration,
}

/// Accepts connections until `stop`, and then closes the listening sockets.
pub(super) async fn accept<S: Store, C: Clock + Send + Sync + 'static>(
    listeners: Vec<TcpListener>,
    shared: &Arc<Shared<S, C>>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let with_port = |listener: TcpListener| {
        let port = listener.local_addr().map_or(0, |address| address.port());
        (listener, port)
    };
    let mut acceptor = Acceptor {
        listeners: listeners.into_iter().map(with_port).collect(),
        turn: 0,
        shared,
        tasks,
        refusals: Refusals::default(),
        spare: Spare::new(),
        rest: REST.0,
    };
    let gate = &shared.gate;
    let mut stopped = pin!(stop.cancelled());
    let (mut sweeper, mut resting) = (Alarm::new(), Alarm::new());
    let set = |sweeper: &mut Alarm, next: Option<Tick>| {
        sweeper.set_no_later(next.and_then(|next| gate.instant(next)));
    };
    // While there is no place, peers wait in the backlog and cost this process nothing.
    let mut full = gate.is_full();
    loop {
        tokio::select! {
            biased;
            () = stopped.as_mut() => return,
            () = sweeper.rings() => {
                let next = gate.sweep(|why| shared.metrics.refused(why));
                set(&mut sweeper, next);
                shared.service.events().lines().tell_suppressed();
            }
            () = resting.rings() => {}
            () = gate.freed(), if full => full = gate.is_full(),
            accepted = poll_fn(|context| acceptor.poll_accept(context)),
                if !full && !resting.is_set() =>
            {
                match accepted {
                    Ok((stream, port, peer)) => {
                        acceptor.rest = REST.0;
                        if let Some((next, last)) = acceptor.take_in(stream, port, peer) {
                            full = last;
                            set(&mut sweeper, Some(next));
                        }
                    }
                    Err(error) => {
                        let rest = acceptor.failed(&error);
                        resting.set_no_later(rest.map(|rest| Instant::now() + rest));
                    }
                }
            }
        }
    }
}

impl<S: Store, C: Clock + Send + Sync + 'static> Acceptor<'_, S, C> {
    /// The next connection to any of the listeners, and the port of that.
    fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, u16, SocketAddr)>> {
        let count = self.listeners.len();
        let first = self.turn.checked_rem(count).unwrap_or(0);
        let rotated = self.listeners.iter().enumerate().cycle();
        for (at, (listener, port)) in rotated.skip(first).take(count) {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                self.turn = at + 1;
                return Poll::Ready(accepted.map(|(stream, peer)| (stream, *port, peer)));
            }
        }
        Poll::Pending
    }

    /// Gives a connection its place and its task, unless its source is refused. Then: when to sweep,
    /// and whether that was the last place.
    fn take_in(&mut self, stream: TcpStream, port: u16, peer: SocketAddr) -> Option<(Tick, bool)> {
        let (shared, source) = (self.shared, Source::of(peer.ip()));
        match shared.gate.enter(source) {
            Entered::In {
                place,
                next_sweep,
                full,
            } => {
                shared.metrics.connection_opened();
                let admitted = Admitted {
                    shared: Arc::clone(shared),
                    place,
                    source,
                    memory: Part::default(),
                };
                let task = self.tasks.spawn(serve(stream, port, admitted));
                shared.gate.attach(place, task.abort_handle());
                Some((next_sweep, full))
            }
            Entered::Refused(why) => {
                shared.metrics.refused(why);
                if let Some(refused) = self.refusals.count(shared.gate.now())
                    && shared.service.events().lines().allow()
                {
                    tracing::warn!(%source, refused, "{}", remedy(why));
                }
                None
            }
        }
    }

    /// What to do when a connection cannot be accepted: for how long to rest, if at all.
    fn failed(&mut self, error: &io::Error) -> Option<Duration> {
        if is_of_the_peer(error) {
            return None;
        }
        tracing::warn!(%error, "cannot accept connections");
        if is_out_of_files(error) {
            // A file that is kept idle is had sooner than one that the rest of the process gives up.
            if let Some(why) = self.shared.gate.make_room() {
                self.shared.metrics.refused(why);
            } else {
                let listeners = &self.listeners;
                self.spare.turn_away(|| {
                    // Nobody waits for these: each is asked again after the rest.
                    let mut context = Context::from_waker(Waker::noop());
                    for (listener, _) in listeners {
                        if let Poll::Ready(Ok(accepted)) = listener.poll_accept(&mut context) {
                            drop(accepted);
                            break;
                        }
                    }
                });
            }
        }
        let rest = self.rest;
        self.rest = (rest * 2).min(REST.1);
        Some(rest)
    }
}

/// Whether one connection was lost before it was accepted, and the next is not concerned.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Whether the process or the system has no file descriptor left.
fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let error = Errno::from_io_error(error);
    error.is_some_and(|error| [Errno::MFILE, Errno::NFILE].contains(&error))
}
