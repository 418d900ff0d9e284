//! Waiting with a deadline.

use core::{future::poll_fn, pin::Pin, task::Poll};
use tokio::time::{Instant, Sleep, sleep_until};

/// What a future gives, unless the deadline comes first.
///
/// The clock is looked at first: tokio's timeout asks the future first, and a peer that never stops
/// sending keeps that ready for ever. The timer is set only when the future is not ready.
pub(super) async fn until<T>(
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
    use core::{
        future::{pending, ready},
        pin::pin,
        time::Duration,
    };

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
}
