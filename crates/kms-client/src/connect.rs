//! A connection to the first of a host's addresses that takes one.

use core::{net::SocketAddr, time::Duration};
use std::io;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

/// The longest that one address may take.
const LONGEST: Duration = Duration::from_secs(5);

/// Tries the addresses one after the other. Each gets a share of what is left until the deadline,
/// and one share is for talking, so that a silent address does not use up the time of the host.
pub(crate) async fn connect(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::other("its name has no addresses");
    for (at, &address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let time = share(left, addresses.len() - at);
        match timeout(time, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
            Err(_) => {
                let reason = format!("{address}: no answer within {} ms", time.as_millis());
                last = io::Error::new(io::ErrorKind::TimedOut, reason);
            }
        }
    }
    Err(last)
}

fn share(left: Duration, addresses: usize) -> Duration {
    let shares = u32::try_from(addresses)
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    (left / shares).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn every_address_gets_its_share_and_talking_gets_one() {
        let seconds = Duration::from_secs;
        assert_eq!(share(seconds(15), 1), seconds(5));
        assert_eq!(share(seconds(15), 2), seconds(5));
        assert_eq!(share(seconds(4), 1), seconds(2));
        let mut left = seconds(15);
        for addresses in (1..=kms_srv::MAX_ADDRESSES).rev() {
            left -= share(left, addresses);
        }
        assert!(left >= seconds(15) / 17, "{left:?} for talking");
        assert_eq!(share(Duration::ZERO, 3), Duration::ZERO);
    }

    #[tokio::test]
    async fn the_next_address_is_tried_and_the_last_error_names_its_own() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = closed.local_addr().unwrap();
        drop(closed);
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = open.local_addr().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let stream = connect(&[refused, address], deadline).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        let error = connect(&[refused], deadline).await.unwrap_err();
        assert!(
            error.to_string().starts_with(&refused.to_string()),
            "{error}"
        );
        let error = connect(&[], deadline).await.unwrap_err();
        assert_eq!(error.to_string(), "its name has no addresses");
    }
}
