//! One published host: its addresses, what is there, and what it answers.

use super::{
    AddressAudit, Asked, HostAudit, Probe, Question,
    lookup::{Dns, first_addresses},
    probe,
};
use core::{net::SocketAddr, time::Duration};
use kms_core::Clock;
use kms_srv::{AddressRule, DomainName, HostAddress};
use kms_trust::Verifier;
use std::sync::Arc;
use tokio::task::JoinSet;

/// What all hosts of an audit are looked at with.
pub(super) struct Tools<C> {
    pub(super) dns: Dns,
    pub(super) verifier: Verifier,
    pub(super) question: Option<Question>,
    pub(super) clock: C,
    pub(super) host_timeout: Duration,
    pub(super) allow_loopback: bool,
}

/// Looks at a host at all its addresses at once, and asks it if there is a question.
pub(super) async fn look_at<C: Clock + Send + Sync + 'static>(
    tools: Arc<Tools<C>>,
    host: HostAddress,
    name: DomainName,
    nonce: [u8; 16],
) -> HostAudit {
    let found = tools.dns.addresses(&name).await;
    let v6 = found.v6.as_deref().unwrap_or_default();
    let v4 = found.v4.as_deref().unwrap_or_default();
    let addresses: Vec<SocketAddr> = first_addresses(v6, v4)
        .into_iter()
        .map(|ip| SocketAddr::new(ip, host.port()))
        .collect();

    let mut probes = JoinSet::new();
    for (at, &address) in addresses.iter().enumerate() {
        let tools = Arc::clone(&tools);
        probes.spawn(async move {
            let rule = AddressRule::Found {
                allow_loopback: tools.allow_loopback,
            };
            let seen = match rule.check(address.ip()) {
                Err(fault) => (Probe::Skipped(fault), None),
                Ok(()) => {
                    let time = tools.host_timeout;
                    probe::probe(address, time, &tools.verifier, &tools.clock).await
                }
            };
            (at, address, seen)
        });
    }
    let mut seen = Vec::with_capacity(addresses.len());
    while let Some(done) = probes.join_next().await {
        match done {
            Ok(done) => seen.push(done),
            Err(error) => super::run::continue_panic(error),
        }
    }
    seen.sort_by_key(|(at, ..)| *at);

    let answering = seen
        .iter()
        .find_map(|(_, address, (_, host))| Some((*address, host.as_ref()?)));
    let asked = match (&tools.question, answering) {
        (Some(question), Some((address, host))) => Some(Asked {
            address,
            result: probe::ask(
                address,
                tools.host_timeout,
                question,
                nonce,
                host,
                &tools.verifier,
                &tools.clock,
            )
            .await,
        }),
        _ => None,
    };
    HostAudit {
        host,
        alias_of: found.alias_of,
        v6: found.v6,
        v4: found.v4,
        addresses: seen
            .into_iter()
            .map(|(_, address, (probe, _))| AddressAudit { address, probe })
            .collect(),
        asked,
    }
}
