//! The two lookups of a name's addresses, made at once.

use core::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};
use kms_srv::{AddressAnswer, LookupError};
use tokio::time::sleep;

type Answer = Result<AddressAnswer, LookupError>;

/// How long the other family is waited for when the first has addresses: some networks swallow
/// the one kind of question. A datagram that was lost is sent again within it.
const PATIENCE: Duration = Duration::from_millis(1200);

/// The answers of both families; a [`LookupError::Timeout`] stands for one that is given up.
pub(crate) async fn both(
    v6: impl Future<Output = Answer>,
    v4: impl Future<Output = Answer>,
) -> (Answer, Answer) {
    let (mut v6, mut v4) = (pin!(v6), pin!(v4));
    let (mut six, mut four) = (None, None);
    poll_fn(|cx| {
        poll_once(&mut six, |cx| v6.as_mut().poll(cx), cx);
        poll_once(&mut four, |cx| v4.as_mut().poll(cx), cx);
        if has_addresses(six.as_ref())
            || has_addresses(four.as_ref())
            || (six.is_some() && four.is_some())
        {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    let mut patience = pin!(sleep(PATIENCE));
    poll_fn(|cx| {
        poll_once(&mut six, |cx| v6.as_mut().poll(cx), cx);
        poll_once(&mut four, |cx| v4.as_mut().poll(cx), cx);
        if six.is_some() && four.is_some() {
            Poll::Ready(())
        } else {
            patience.as_mut().poll(cx)
        }
    })
    .await;
    let given_up = || Err(LookupError::Timeout);
    (six.unwrap_or_else(given_up), four.unwrap_or_else(given_up))
}

/// An alias without addresses is none: those of the other family are all that it may have.
fn has_addresses(answer: Option<&Answer>) -> bool {
    matches!(answer, Some(Ok(answer)) if !answer.addresses.is_empty())
}

fn poll_once(
    answer: &mut Option<Answer>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<Answer>,
    cx: &mut Context<'_>,
) {
    if answer.is_none()
        && let Poll::Ready(ready) = poll(cx)
    {
        *answer = Some(ready);
    }
}

/// One answer of two: the addresses of both; an alias of either; else the error that says more.
pub(crate) fn join(v6: Answer, v4: Answer) -> Answer {
    match (v6, v4) {
        (Ok(mut answer), Ok(other)) => {
            answer.addresses.extend(other.addresses);
            answer.alias_of = answer.alias_of.or(other.alias_of);
            Ok(answer)
        }
        (Ok(answer), Err(error)) | (Err(error), Ok(answer)) => {
            // An alias without addresses says nothing about those of the other family.
            if answer.addresses.is_empty() && error.leaves_open() {
                Err(error)
            } else {
                Ok(answer)
            }
        }
        (Err(error), Err(other)) => Err(other.or_worse(Some(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::{future::pending, future::ready, net::IpAddr};

    fn found(addresses: &[[u8; 4]], alias_of: Option<&str>) -> Answer {
        Ok(AddressAnswer {
            addresses: addresses.iter().map(|ip| IpAddr::from(*ip)).collect(),
            alias_of: alias_of.map(|name| name.parse().unwrap()),
        })
    }

    #[test]
    fn one_family_is_enough_and_what_leaves_more_open_is_told() {
        use LookupError::{NoRecords, NoSuchName, ServerFailure, Timeout};
        let one = || found(&[[192, 0, 2, 1]], None);
        for (v6, v4, wanted) in [
            (
                one(),
                found(&[[192, 0, 2, 2]], None),
                found(&[[192, 0, 2, 1], [192, 0, 2, 2]], None),
            ),
            (Err(NoRecords), one(), one()),
            (one(), Err(ServerFailure), one()),
            (Err(NoRecords), Err(NoSuchName), Err(NoRecords)),
            (Err(NoRecords), Err(ServerFailure), Err(ServerFailure)),
            (Err(Timeout), Err(ServerFailure), Err(Timeout)),
            (
                found(&[], Some("x")),
                one(),
                found(&[[192, 0, 2, 1]], Some("x")),
            ),
            (
                found(&[], Some("x")),
                found(&[], Some("x")),
                found(&[], Some("x")),
            ),
            (found(&[], Some("x")), Err(NoRecords), found(&[], Some("x"))),
            (found(&[], Some("x")), Err(Timeout), Err(Timeout)),
        ] {
            assert_eq!(join(v6, v4), wanted);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_without_an_answer_does_not_hold_the_other_up() {
        let one = || found(&[[192, 0, 2, 1]], None);
        assert_eq!(
            both(pending(), ready(one())).await,
            (Err(LookupError::Timeout), one())
        );
        assert_eq!(
            both(ready(one()), pending()).await,
            (one(), Err(LookupError::Timeout))
        );
        // Nothing found yet: both are waited for, as long as they take.
        let late = async {
            sleep(PATIENCE * 4).await;
            one()
        };
        let none = || Err(LookupError::NoRecords);
        assert_eq!(both(ready(none()), late).await, (none(), one()));
        let late = async {
            sleep(PATIENCE * 4).await;
            one()
        };
        let alias = || found(&[], Some("x"));
        assert_eq!(both(ready(alias()), late).await, (alias(), one()));
        let soon = async {
            sleep(PATIENCE / 2).await;
            one()
        };
        assert_eq!(both(ready(one()), soon).await, (one(), one()));
    }
}
