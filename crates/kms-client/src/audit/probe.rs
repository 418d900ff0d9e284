//! Looking at one address of a host, and asking a host for activation.

use super::{
    Answered, AskFailure, CertificateInfo, Probe, Question,
    wire::{Conversation, Reply},
};
use core::{net::SocketAddr, time::Duration};
use kms_core::{Clock, Decode as _, StatusCode, VerifiedTerms as _};
use kms_trust::{CertificateFault, VerifiedHost, Verifier, VerifyError};
use kms_wire::{ActivationAnswer, CertificateChain, Operation};
use std::io::ErrorKind;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

/// Connects, binds, fetches the certificate and verifies it, all within `time`. It is counted by no host.
pub(super) async fn probe(
    address: SocketAddr,
    time: Duration,
    verifier: &Verifier,
    clock: &impl Clock,
) -> (Probe, Option<VerifiedHost>) {
    let start = Instant::now();
    let deadline = start + time;
    let silence = || format!("no answer within {} s", time.as_secs());
    let stream = match timeout_at(deadline, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let reason = error.to_string();
            let probe = match error.kind() {
                ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
                    Probe::NoRoute { reason }
                }
                _ => Probe::NoAnswer { reason },
            };
            return (probe, None);
        }
        Err(_) => return (Probe::NoAnswer { reason: silence() }, None),
    };
    let connected = start.elapsed();
    let not_rpc = |reason| (Probe::NotRpc { connected, reason }, None);
    // It only saves time, and what is wrong with the socket shows when it is used.
    let _ = stream.set_nodelay(true);
    let mut conversation = match timeout_at(deadline, Conversation::bind(stream)).await {
        Ok(Ok(conversation)) => conversation,
        Ok(Err(reason)) => return not_rpc(reason),
        Err(_) => return not_rpc(silence()),
    };
    let no_certificate = |status, reason| {
        let probe = Probe::NoCertificate {
            connected,
            status,
            reason,
        };
        (probe, None)
    };
    let call = conversation.call(Operation::GetHostCertificate);
    let bytes = match timeout_at(deadline, call).await {
        Ok(Reply::Answered(bytes)) => bytes,
        Ok(Reply::Refused(status)) => {
            return no_certificate(Some(status), format!("it refused with {status}"));
        }
        Ok(Reply::Failed(reason)) => return no_certificate(None, reason),
        Err(_) => return no_certificate(None, silence()),
    };
    let verified = CertificateChain::decode_all(&bytes)
        .map_err(|error| (false, format!("the chain cannot be read: {error}")))
        .and_then(|chain| {
            verifier
                .verify_chain(chain.certificates(), clock.now().wall)
                .map_err(|error| (has_expired(&error), error.to_string()))
        });
    match verified {
        Ok(host) => {
            let certificate = info(&host);
            let probe = Probe::Sound {
                connected,
                certificate,
            };
            (probe, Some(host))
        }
        Err((expired, reason)) => {
            let probe = Probe::Untrusted {
                connected,
                expired,
                reason,
            };
            (probe, None)
        }
    }
}

/// Asks a host whose certificate is known, within `time`. The host counts this machine for it.
pub(super) async fn ask(
    address: SocketAddr,
    time: Duration,
    question: &Question,
    nonce: [u8; 16],
    host: &VerifiedHost,
    verifier: &Verifier,
    clock: &impl Clock,
) -> Result<Answered, AskFailure> {
    timeout(
        time,
        exchange(address, question, nonce, host, verifier, clock),
    )
    .await
    .unwrap_or_else(|_| {
        Err(broken(format_args!(
            "no answer within {} s",
            time.as_secs()
        )))
    })
}

async fn exchange(
    address: SocketAddr,
    question: &Question,
    nonce: [u8; 16],
    host: &VerifiedHost,
    verifier: &Verifier,
    clock: &impl Clock,
) -> Result<Answered, AskFailure> {
    let stream = TcpStream::connect(address).await.map_err(broken)?;
    let mut conversation = Conversation::bind(stream).await.map_err(broken)?;
    let message = question.message(clock.now().wall, nonce);
    let answer = match conversation
        .call(Operation::RequestActivation { message: &message })
        .await
    {
        Reply::Answered(bytes) => ActivationAnswer::decode_all(&bytes).map_err(broken)?,
        Reply::Refused(status) => return Err(AskFailure::Refused { status }),
        Reply::Failed(reason) => return Err(broken(reason)),
    };
    let now = clock.now().wall;
    let other;
    // One address may stand for several machines.
    let host = if answer.terms.key_id == host.key_id() {
        host
    } else {
        let bytes = match conversation.call(Operation::GetHostCertificate).await {
            Reply::Answered(bytes) => bytes,
            Reply::Refused(status) => return Err(AskFailure::Refused { status }),
            Reply::Failed(reason) => return Err(broken(reason)),
        };
        let chain = CertificateChain::decode_all(&bytes).map_err(broken)?;
        other = verifier
            .verify_chain(chain.certificates(), now)
            .map_err(broken)?;
        &other
    };
    let expected = question.expected(&message);
    let verified = verifier
        .verify_answer(host, expected, &answer.terms, &answer.signature, now)
        .map_err(|error| match error {
            VerifyError::Clock {
                host_time,
                now,
                tolerance,
                ..
            } => AskFailure::Clock {
                clock_offset: host_time.as_millis().saturating_sub(now.as_millis()),
                tolerance,
            },
            VerifyError::Scope { group, .. } => AskFailure::NotForProduct { group },
            error => broken(error),
        })?;
    let terms = verified.terms();
    Ok(Answered {
        count: terms.count,
        needed: question.needed(),
        clock_offset: terms.host_time.as_millis().saturating_sub(now.as_millis()),
    })
}

/// The code of a host that is not activated, which is told apart from other refusals.
pub(super) const NOT_ACTIVATED: StatusCode = StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED;

fn info(host: &VerifiedHost) -> CertificateInfo {
    CertificateInfo {
        name: host.name().to_owned(),
        groups: host.scope().clone(),
        not_before: host.not_before(),
        not_after: host.not_after(),
        key_id: host.key_id(),
    }
}

const fn has_expired(error: &VerifyError) -> bool {
    matches!(
        error,
        VerifyError::Certificate {
            fault: CertificateFault::Expired { .. },
            ..
        } | VerifyError::Root(CertificateFault::Expired { .. })
    )
}

fn broken(reason: impl core::fmt::Display) -> AskFailure {
    AskFailure::Broken {
        reason: reason.to_string(),
    }
}
