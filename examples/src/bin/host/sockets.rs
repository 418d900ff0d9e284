//! The sockets to serve: those that a service manager passes, or else those of the configuration.

use crate::exit;
use core::net::SocketAddr;
use examples::{cli::Ended, sysexits};
use kms_host::Server;
use listenfd::ListenFd;
use std::{
    io,
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
};

/// The sockets that a service manager passes to this process (`LISTEN_FDS`), if it passes any.
///
/// It changes the environment, so no other thread may run yet.
///
/// # Errors
/// When one of them is no socket that listens on TCP.
pub(crate) fn passed() -> Result<Vec<TcpListener>, Ended> {
    let mut passed = ListenFd::from_env();
    let mut listeners = Vec::with_capacity(passed.len());
    for index in 0..passed.len() {
        let taken = passed.take_tcp_listener(index).and_then(listening);
        let listener = taken.map_err(|error| {
            Ended::new(
                sysexits::CONFIGURATION,
                format_args!(
                    "LISTEN_FDS: socket {index} is not one that listens on TCP: {error}; \
                     the socket unit needs ListenStream=1688 and Accept=no"
                ),
            )
        })?;
        listeners.extend(listener);
    }
    Ok(listeners)
}

/// Refuses a socket that is connected to a peer, as a unit with `Accept=yes` passes it.
fn listening(listener: Option<TcpListener>) -> io::Result<Option<TcpListener>> {
    let Some(listener) = listener else {
        return Ok(None);
    };
    let stream = TcpStream::from(OwnedFd::from(listener));
    if let Ok(peer) = stream.peer_addr() {
        return Err(io::Error::other(format!("it is a connection of {peer}")));
    }
    Ok(Some(OwnedFd::from(stream).into()))
}

/// Serves `passed`, or listens where the configuration says, on `port` if an administrator set one.
///
/// # Errors
/// When an address cannot be listened on.
pub(crate) fn listen(
    passed: Vec<TcpListener>,
    configured: &[SocketAddr],
    port: Option<u16>,
) -> Result<Server, Ended> {
    if passed.is_empty() {
        return Server::bind(&with_port(configured, port)).map_err(exit::with);
    }
    tracing::info!(
        sockets = passed.len(),
        "serving the sockets of the service manager; the port of the configuration is not used"
    );
    Server::from_listeners(passed).map_err(|error| Ended::new(sysexits::OS, error))
}

/// The addresses of the configuration with the port that an administrator set.
pub(crate) fn with_port(configured: &[SocketAddr], port: Option<u16>) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = Vec::with_capacity(configured.len());
    for &address in configured {
        let address = SocketAddr::new(address.ip(), port.unwrap_or_else(|| address.port()));
        // One address on two ports becomes one address twice.
        if port.is_none() || !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}
