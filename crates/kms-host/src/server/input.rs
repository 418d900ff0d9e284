//! Reading from sockets, with one buffer for each worker.

use core::{
    cell::RefCell,
    task::{Context, Poll, ready},
};
use kms_wire::{MAX_BUFFERED_INPUT, server::Connection};
use std::io;
use tokio::{io::Interest, net::TcpStream};

/// How much is read at once: many requests.
const READ_SIZE: usize = 4096;

thread_local! {
    // One for each worker, in which nothing stays: a connection that waits holds no buffer.
    static INPUT: RefCell<[u8; READ_SIZE]> = const { RefCell::new([0; READ_SIZE]) };
}

/// Reads once and hands it to the engine; gives how many bytes there were, 0 at the peer's end.
pub(super) fn receive(
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
pub(super) fn discard(stream: &TcpStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        match INPUT.with_borrow_mut(|input| stream.try_read(input)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return Poll::Ready(read),
        }
    }
}

/// How many bytes wait in the engine for the rest of their PDU.
pub(super) fn held(connection: &Connection) -> usize {
    MAX_BUFFERED_INPUT.saturating_sub(connection.input_room())
}
