//! Waiting for servers to listen.

use core::{net::SocketAddr, time::Duration};
use std::io;
use tokio::{
    net::TcpStream,
    time::{self, MissedTickBehavior},
};

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A TCP port that nobody listened on until the deadline.
#[derive(Debug, thiserror::Error)]
#[error("nothing listens on {address} after {waited:?}")]
#[non_exhaustive]
pub struct PortError {
    /// The address tried.
    pub address: SocketAddr,
    /// How long.
    pub waited: Duration,
    /// Why the last attempt to connect failed, if one ended before the deadline.
    pub source: Option<io::Error>,
}

/// Waits until a TCP connection to `address` succeeds, which is closed again at once.
///
/// # Errors
///
/// [`PortError`] when `deadline` has passed first.
pub async fn wait_for_port(address: SocketAddr, deadline: Duration) -> Result<(), PortError> {
    let mut last = None;
    let connect = async {
        let mut ticks = time::interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match TcpStream::connect(address).await {
                Ok(_) => return,
                Err(error) => last = Some(error),
            }
        }
    };
    match time::timeout(deadline, connect).await {
        Ok(()) => Ok(()),
        Err(_) => Err(PortError {
            address,
            waited: deadline,
            source: last,
        }),
    }
}
