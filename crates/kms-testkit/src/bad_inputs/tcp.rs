//! Sockets as a way to a host.

use super::{Link, Network, Patience, Received};
use core::{net::SocketAddr, time::Duration};
use socket2::{SockRef, Socket};
use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    time::{SystemTime, UNIX_EPOCH},
};

/// Longer than any host may take to answer or to close.
const LONG: Duration = Duration::from_secs(60);

/// A host that listens on an address of this machine, whose clock it shares.
#[derive(Clone, Copy, Debug)]
pub struct TcpNetwork {
    address: SocketAddr,
}

impl TcpNetwork {
    /// The host that listens on `address`.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self { address }
    }
}

impl Network for TcpNetwork {
    type Link = TcpLink;

    fn connect(&mut self) -> io::Result<TcpLink> {
        let stream = TcpStream::connect_timeout(&self.address, LONG)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(LONG))?;
        Ok(TcpLink {
            stream: Some(stream),
        })
    }

    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    fn port(&self) -> u16 {
        self.address.port()
    }
}

/// A connection over TCP.
#[derive(Debug)]
pub struct TcpLink {
    // None once it was reset.
    stream: Option<TcpStream>,
}

impl TcpLink {
    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        self.stream
            .as_mut()
            .ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

impl Link for TcpLink {
    fn send(&mut self, bytes: &[u8]) -> io::Result<bool> {
        match self.stream()?.write_all(bytes) {
            Ok(()) => Ok(true),
            Err(error) if is_end(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn receive(&mut self, into: &mut Vec<u8>, patience: Patience) -> io::Result<Received> {
        let stream = self.stream()?;
        match patience {
            Patience::None => stream.set_nonblocking(true)?,
            Patience::Millis(millis) => {
                stream.set_read_timeout(Some(Duration::from_millis(millis.max(1))))?;
            }
            Patience::Long => stream.set_read_timeout(Some(LONG))?,
        }
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer);
        if patience == Patience::None {
            stream.set_nonblocking(false)?;
        }
        match read {
            Ok(0) => Ok(Received::End),
            Ok(read) => {
                into.extend_from_slice(buffer.get(..read).unwrap_or_default());
                Ok(Received::Bytes)
            }
            Err(error) if is_end(&error) => Ok(Received::End),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(Received::Silence)
            }
            Err(error) => Err(error),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self.stream()?.shutdown(Shutdown::Write) {
            // The host was faster.
            Err(error) if is_end(&error) => Ok(()),
            done => done,
        }
    }

    fn reset(&mut self) -> io::Result<()> {
        if let Some(stream) = self.stream.take() {
            let socket = Socket::from(stream);
            socket.set_linger(Some(Duration::ZERO))?;
        }
        Ok(())
    }

    fn urgent(&mut self, byte: u8) -> io::Result<()> {
        let stream = self.stream()?;
        SockRef::from(&*stream).send_out_of_band(&[byte]).map(drop)
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof
    )
}
