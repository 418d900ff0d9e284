//! One connection, from its first byte to its close.

use super::{
    Shared,
    deadlines::Deadlines,
    gate::Asked,
    memory::Part,
    places::{PlaceId, Wait},
};
use crate::{Caller, HostReply, Metrics, Refusal, Store};
use core::{
    cell::RefCell,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};
use kms_core::{Clock, Tick};
use kms_count::Source;
use kms_wire::{
    MAX_BUFFERED_INPUT,
    server::{Call, Config, Connection, Event, Reply},
};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

/// How long a peer that broke a rule may take to read what it is told about that.
const LINGER: Duration = Duration::from_secs(1);

/// How much is read at once: many requests.
const READ_SIZE: usize = 4096;

thread_local! {
    // One for each worker, in which nothing stays: a connection that waits holds no buffer.
    static INPUT: RefCell<[u8; READ_SIZE]> = const { RefCell::new([0; READ_SIZE]) };
}

/// One connection's place in the limits; dropping it frees the place.
pub(super) struct Admitted<S, C> {
    pub(super) shared: Arc<Shared<S, C>>,
    pub(super) place: PlaceId,
    pub(super) source: Source,
    pub(super) memory: Part,
}

impl<S, C> Drop for Admitted<S, C> {
    fn drop(&mut self) {
        // Less is never refused.
        let _ = self.shared.budget.hold(&mut self.memory, 0);
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
                None => return Ok(refuse(&self.admitted.shared.metrics, Refusal::Deadline)),
            };
            let now = self.admitted.shared.gate.now();
            self.deadlines.begin(&self.admitted.shared.limits, now);
            let memory = self.connection.memory();
            let fits = self
                .admitted
                .shared
                .budget
                .hold(&mut self.admitted.memory, memory);
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
                            self.admitted.shared.metrics.refused(Refusal::Protocol);
                            continue;
                        }
                        _ => continue,
                    };
                    let exchange = match self.deadlines.exchange() {
                        Some(exchange) => exchange,
                        None => {
                            let now = self.admitted.shared.gate.now();
                            self.deadlines.begin(&self.admitted.shared.limits, now)
                        }
                    };
                    let asked = self
                        .admitted
                        .shared
                        .gate
                        .ask(self.admitted.place, self.admitted.source);
                    let refusal = match asked {
                        Asked::Closed => return Ok(Ended::Silently),
                        Asked::TooBusy => Some(Refusal::RequestRate),
                        Asked::Answer if !fits => Some(Refusal::Memory),
                        Asked::Answer => None,
                    };
                    let reply = match (refusal, message) {
                        (Some(_), _) => HostReply::Disconnect,
                        (None, Some(message)) => {
                            let service = &self.admitted.shared.service;
                            let reply = pin!(service.request_activation(message, &mut self.caller));
                            let exchange = Some(exchange);
                            match within(&self.admitted.shared, timer.as_mut(), exchange, reply)
                                .await
                            {
                                Some(reply) => reply,
                                None => {
                                    return Ok(refuse(
                                        &self.admitted.shared.metrics,
                                        Refusal::Deadline,
                                    ));
                                }
                            }
                        }
                        (None, None) => self.admitted.shared.service.host_certificate(),
                    };
                    if !self.respond(call, &reply) || self.send(timer.as_mut()).await?.is_none() {
                        return Ok(Ended::Silently);
                    }
                    if reply == HostReply::Disconnect {
                        let why = refusal.unwrap_or(Refusal::SecondCmid);
                        self.admitted.shared.metrics.refused(why);
                        return Ok(Ended::WithWords);
                    }
                    self.deadlines.answered();
                    (done, answered) = (false, true);
                }
                match self.send(timer.as_mut()).await? {
                    None => return Ok(Ended::Silently),
                    Some(0) if done => break,
                    Some(_) => {}
                }
            }
            if self.connection.is_closed() {
                return Ok(Ended::WithWords);
            }
            if !fits {
                return Ok(refuse(&self.admitted.shared.metrics, Refusal::Memory));
            }
            let held = held(&self.connection);
            self.deadlines
                .settle(&self.admitted.shared.limits, read, held, now);
            // An answer may have made the connection hold more, which nobody is refused for.
            let memory = self.connection.memory();
            let _ = self
                .admitted
                .shared
                .budget
                .hold(&mut self.admitted.memory, memory);
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
                                self.admitted.shared.metrics.refused(Refusal::Deadline);
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

/// A peer is refused without a word.
fn refuse(metrics: &Metrics, why: Refusal) -> Ended {
    metrics.refused(why);
    Ended::Silently
}

/// How many bytes wait in the engine for the rest of their PDU.
fn held(connection: &Connection) -> usize {
    MAX_BUFFERED_INPUT.saturating_sub(connection.input_room())
}

/// Reads once and hands it to the engine; gives how many bytes there were, 0 at the peer's end.
fn receive(
    stream: &TcpStream,
    connection: &mut Connection,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        let mut received = None;
        let read = INPUT.with_borrow_mut(|input| {
            let room = connection.input_room().min(READ_SIZE);
            let room = input.get_mut(..room).unwrap_or_default();
            stream.try_io(Interest::READABLE, || {
                let read = rustix::io::retry_on_intr(|| rustix::io::read(stream, &mut *room))?;
                let bytes = room.get(..read).unwrap_or_default();
                connection.handle_input(bytes);
                received = Some(read);
                // A read that leaves room has emptied the socket, so that there is nothing to try
                // again for; but urgent bytes end a read too, and the rest of a PDU may stand behind.
                if (1..room.len()).contains(&read) && held(connection) == 0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(())
            })
        });
        match (received, read) {
            (Some(received), _) => return Poll::Ready(Ok(received)),
            (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                return Poll::Ready(Err(error));
            }
            // Somebody said that there was something to read, and there was not.
            (None, _) => {}
        }
    }
}

/// Reads once and forgets it.
fn discard(stream: &TcpStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        match INPUT.with_borrow_mut(|input| stream.try_read(input)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return Poll::Ready(read),
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

/// What a future gives, unless the deadline comes first.
///
/// The clock is looked at first: tokio's timeout asks the future first, and a peer that never stops
/// sending keeps that ready for ever. The timer is set only when the future is not ready.
async fn until<T>(
    deadline: Instant,
    mut timer: Pin<&mut Option<Sleep>>,
    mut future: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    if Instant::now() >= deadline {
        return None;
    }
    let output = poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        if timer.is_none() {
            timer.set(Some(sleep_until(deadline)));
        }
        match timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(context).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await;
    timer.set(None);
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use core::future::{pending, ready};
    use kms_service::SystemClock;

    const MOST: usize = 1536;

    #[tokio::test]
    async fn limit_exchange_holds_for_a_peer_that_is_always_ready() {
        let (past, hour) = (Instant::now(), Duration::from_secs(3600));
        let mut timer = pin!(None);
        assert_eq!(until(past, timer.as_mut(), pin!(ready(()))).await, None);
        let later = past + hour;
        let done = until(later, timer.as_mut(), pin!(ready(()))).await;
        assert_eq!(done, Some(()));
    }

    #[tokio::test]
    async fn a_timer_is_set_for_each_wait_anew() {
        let mut timer = pin!(None);
        for _ in 0..2 {
            let soon = Instant::now() + Duration::from_millis(5);
            let ended = until(soon, timer.as_mut(), pin!(pending::<()>())).await;
            assert_eq!(ended, None);
            assert!(timer.is_none() && Instant::now() >= soon);
        }
    }

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
