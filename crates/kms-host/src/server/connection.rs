//! One connection, from its first byte to its close.

use super::{
    Shared,
    deadlines::Deadlines,
    gate::Asked,
    input::{discard, held, receive},
    memory::Part,
    places::{PlaceId, Wait},
    timer::until,
};
use crate::{Caller, HostReply, Refusal, Store};
use core::{
    future::poll_fn,
    pin::{Pin, pin},
    time::Duration,
};
use kms_core::{Clock, Tick};
use kms_count::Source;
use kms_wire::server::{Call, Config, Connection, Event, Reply};
use std::{io, sync::Arc};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, Sleep},
};

/// How long a peer that broke a rule may take to read what it is told about that.
const LINGER: Duration = Duration::from_secs(1);

/// One connection's place in the limits; dropping it frees the place.
pub(super) struct Admitted<S, C> {
    pub(super) shared: Arc<Shared<S, C>>,
    pub(super) place: PlaceId,
    pub(super) source: Source,
    pub(super) memory: Part,
}

impl<S, C> Admitted<S, C> {
    /// Whether the connection may hold so many bytes.
    fn hold(&mut self, bytes: usize) -> bool {
        self.shared.budget.hold(&mut self.memory, bytes)
    }

    fn ask(&self) -> Asked {
        self.shared.gate.ask(self.place, self.source)
    }

    /// Counts a refusal, after which nothing is said unless it was before.
    fn refused(&self, why: Refusal) -> Ended {
        self.shared.metrics.refused(why);
        Ended::Silently
    }
}

impl<S, C> Drop for Admitted<S, C> {
    fn drop(&mut self) {
        // Less is never refused.
        let _ = self.hold(0);
        self.shared.gate.leave(self.place, self.source);
        self.shared.metrics.connection_closed();
    }
}

/// How a conversation has come to its end.
enum Ended {
    /// There is nothing more to say.
    Silently,
    /// What was said last must be read before the socket goes.
    WithWords,
}

/// What came of the bytes that were read.
enum Handled {
    /// The peer is waited for again; whether a call of its was answered.
    Answered(bool),
    /// The conversation is over.
    Ended(Ended),
}

/// What there is of one connection.
struct Peer<S, C> {
    admitted: Admitted<S, C>,
    stream: TcpStream,
    connection: Connection,
    deadlines: Deadlines,
    caller: Caller,
}

/// Serves a connection that was accepted at this port, until it ends.
pub(super) fn serve<S: Store, C: Clock + Send + Sync + 'static>(
    stream: TcpStream,
    port: u16,
    admitted: Admitted<S, C>,
) -> impl Future<Output = ()> + Send + 'static {
    let config = Config {
        port,
        association_group: admitted.shared.association_group,
    };
    // What waits for a peer is this and the future around it, so it stands there once: an async
    // function has room for its arguments twice.
    let mut peer = Peer {
        stream,
        connection: Connection::new(config),
        deadlines: Deadlines::default(),
        caller: Caller::new(admitted.source.address()),
        admitted,
    };
    async move {
        let mut timer = pin!(None);
        let ended = match peer.converse(timer.as_mut()).await {
            Ok(Ended::WithWords) => peer.linger(timer.as_mut()).await,
            Ok(Ended::Silently) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::debug!(source = %peer.admitted.source, %error, "connection ended");
        }
    }
}

impl<S: Store, C: Clock> Peer<S, C> {
    async fn converse(&mut self, mut timer: Pin<&mut Option<Sleep>>) -> io::Result<Ended> {
        // Whether the places know that something has begun.
        let mut begun = false;
        loop {
            let deadline = self.deadlines.next();
            let read = pin!(poll_fn(|context| {
                receive(&self.stream, &mut self.connection, context)
            }));
            let read = match within(&self.admitted.shared, timer.as_mut(), deadline, read).await {
                Some(Ok(0)) => return Ok(Ended::Silently),
                Some(read) => read?,
                None => return Ok(self.admitted.refused(Refusal::Deadline)),
            };
            let now = self.admitted.shared.gate.now();
            self.deadlines.begin(&self.admitted.shared.limits, now);
            let fits = self.admitted.hold(self.connection.memory());
            let answered = match self.handle(timer.as_mut(), fits).await? {
                Handled::Answered(answered) => answered,
                Handled::Ended(ended) => return Ok(ended),
            };
            if self.connection.is_closed() {
                return Ok(Ended::WithWords);
            }
            if !fits {
                return Ok(self.admitted.refused(Refusal::Memory));
            }
            let limits = &self.admitted.shared.limits;
            self.deadlines
                .settle(limits, read, held(&self.connection), now);
            // An answer may have made the connection hold more, which nobody is refused for.
            let _ = self.admitted.hold(self.connection.memory());
            let waits = if self.deadlines.is_begun() {
                Wait::Begun
            } else {
                Wait::Idle
            };
            // What has begun is as old as it was, however many bytes come.
            if (answered || !begun) && !self.admitted.shared.gate.wait(self.admitted.place, waits) {
                return Ok(Ended::Silently);
            }
            begun = waits == Wait::Begun;
        }
    }

    /// Answers all calls that have come, and sends all that there is to send. Who holds too much
    /// memory is not answered.
    async fn handle(
        &mut self,
        mut timer: Pin<&mut Option<Sleep>>,
        fits: bool,
    ) -> io::Result<Handled> {
        let mut answered = false;
        // Sending makes room for input that waited, which may hold another call: so go on until
        // there is neither a call nor anything to send.
        loop {
            let mut done = true;
            while let Some(event) = self.connection.poll_event() {
                let (call, message) = match event {
                    Event::RequestActivation { call, message } => (call, Some(message)),
                    Event::GetHostCertificate { call } => (call, None),
                    Event::Closed { violation } => {
                        tracing::debug!(%violation, "the peer broke a rule");
                        self.admitted.refused(Refusal::Protocol);
                        continue;
                    }
                    _ => continue,
                };
                let refusal = match self.admitted.ask() {
                    Asked::Closed => return Ok(Handled::Ended(Ended::Silently)),
                    Asked::TooBusy => Some(Refusal::RequestRate),
                    Asked::Answer if !fits => Some(Refusal::Memory),
                    Asked::Answer => None,
                };
                let shared = &self.admitted.shared;
                let reply = match (refusal, message) {
                    (Some(_), _) => HostReply::Disconnect,
                    (None, Some(message)) => {
                        let exchange = match self.deadlines.exchange() {
                            Some(exchange) => exchange,
                            None => self.deadlines.begin(&shared.limits, shared.gate.now()),
                        };
                        let caller = &mut self.caller;
                        let reply = pin!(shared.service.request_activation(message, caller));
                        match within(shared, timer.as_mut(), Some(exchange), reply).await {
                            Some(reply) => reply,
                            None => {
                                let ended = self.admitted.refused(Refusal::Deadline);
                                return Ok(Handled::Ended(ended));
                            }
                        }
                    }
                    (None, None) => shared.service.host_certificate(),
                };
                if !self.respond(call, &reply) || self.send(timer.as_mut()).await?.is_none() {
                    return Ok(Handled::Ended(Ended::Silently));
                }
                if reply == HostReply::Disconnect {
                    self.admitted
                        .refused(refusal.unwrap_or(Refusal::SecondCmid));
                    return Ok(Handled::Ended(Ended::WithWords));
                }
                self.deadlines.answered();
                (done, answered) = (false, true);
            }
            match self.send(timer.as_mut()).await? {
                None => return Ok(Handled::Ended(Ended::Silently)),
                Some(0) if done => return Ok(Handled::Answered(answered)),
                Some(_) => {}
            }
        }
    }

    /// Gives a reply to the engine. False when that is not possible any more.
    fn respond(&mut self, call: Call, reply: &HostReply) -> bool {
        let reply = match reply {
            HostReply::Answer(bytes) => Reply::Bytes(bytes),
            HostReply::Refused(code) => Reply::Refused(*code),
            HostReply::Disconnect => Reply::TooBusy,
        };
        let done = self.connection.respond(call, reply);
        if let Err(error) = &done {
            tracing::error!(%error, "an answer could not be given");
        }
        done.is_ok()
    }

    /// Sends what waits, and gives its length; `None` when it did not go out in time.
    async fn send(&mut self, mut timer: Pin<&mut Option<Sleep>>) -> io::Result<Option<usize>> {
        let mut sent = 0;
        while let Some(mut bytes) = self.connection.poll_transmit() {
            let mut deadline = None;
            while !bytes.is_empty() {
                match self.stream.try_write(bytes) {
                    Ok(written) => {
                        bytes = bytes.get(written..).unwrap_or_default();
                        sent += written;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        let deadline = *deadline.get_or_insert_with(|| {
                            let now = self.admitted.shared.gate.now();
                            self.deadlines.write(&self.admitted.shared.limits, now)
                        });
                        let room = pin!(poll_fn(|context| self.stream.poll_write_ready(context)));
                        match within(&self.admitted.shared, timer.as_mut(), Some(deadline), room)
                            .await
                        {
                            Some(ready) => ready?,
                            None => {
                                self.admitted.refused(Refusal::Deadline);
                                return Ok(None);
                            }
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Some(sent))
    }

    /// Closes our side and waits for the peer to close its own: a socket that is closed with bytes
    /// unread resets the connection, and the reset overtakes what was sent last.
    async fn linger(&mut self, mut timer: Pin<&mut Option<Sleep>>) -> io::Result<()> {
        let Admitted { shared, place, .. } = &self.admitted;
        if !shared.gate.wait(*place, Wait::Begun) {
            return Ok(());
        }
        self.stream.shutdown().await?;
        let deadline = Instant::now() + LINGER;
        loop {
            let read = pin!(poll_fn(|context| discard(&self.stream, context)));
            match until(deadline, timer.as_mut(), read).await {
                Some(Ok(1..)) => {}
                _ => return Ok(()),
            }
        }
    }
}

/// What a future gives, unless the deadline comes first.
async fn within<S, C, T>(
    shared: &Shared<S, C>,
    timer: Pin<&mut Option<Sleep>>,
    deadline: Option<Tick>,
    future: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    match deadline.and_then(|deadline| shared.gate.instant(deadline)) {
        Some(deadline) => until(deadline, timer, future).await,
        None => Some(future.await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use kms_service::SystemClock;

    const MOST: usize = 1536;

    const fn size<A, B, C, F: Future>(_: &impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// A connection that waits costs its task, beside what tokio and the system need, and the bytes
    /// that it has sent.
    #[test]
    fn limit_memory_of_a_connection_that_waits() {
        let task = size(&serve::<MemoryStore, SystemClock>);
        println!(
            "a connection's task {task} bytes, of these the engine {}, the timer {}",
            size_of::<Connection>(),
            size_of::<Option<Sleep>>(),
        );
        assert!(task <= MOST, "{task}");
    }
}
