//! An audit from its configuration to its report.

use super::{
    AuditConfig, AuditError, AuditReport, DomainAudit, MAX_DOMAINS, Question,
    host::{Tools, look_at},
    judge::judge,
    lookup::Dns,
    update::try_update,
};
use core::{net::SocketAddr, pin::pin};
use kms_core::{Clock, Entropy};
use kms_srv::{DomainName, HostAddress, HostName, MAX_RECORDS, ServiceName};
use kms_trust::Verifier;
use std::{
    collections::{BTreeMap, VecDeque},
    panic,
    sync::Arc,
};
use tokio::task::{JoinError, JoinSet};

/// The most domains that are looked up, and hosts that are looked at, at one time.
pub const MAX_PROBED_AT_ONCE: usize = 8;

/// How far an audit has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Domains that are done.
    pub domains_done: usize,
    /// All domains.
    pub domains: usize,
    /// Hosts that are done.
    pub hosts_done: usize,
    /// All hosts, once every domain is done; 0 before.
    pub hosts: usize,
}

/// Looks at what is published in the domains of `config`, and at the hosts behind it.
///
/// Certificates are verified with `verifier`. With a `question` every host whose certificate verifies
/// is asked it once, which counts this machine there. `progress` is called whenever a domain or a host
/// is done. At most [`MAX_PROBED_AT_ONCE`] hosts are looked at at one time, each at all its addresses;
/// the order of what is reported does not depend on who answers first. Dropping the future ends it.
///
/// # Errors
/// When there is nothing to look at, or too much, or DNS is not configured on this machine.
pub async fn audit<C: Clock + Send + Sync + 'static>(
    config: &AuditConfig,
    verifier: Verifier,
    question: Option<Question>,
    clock: C,
    entropy: &mut impl Entropy,
    mut progress: impl FnMut(Progress),
) -> Result<AuditReport, AuditError> {
    let dns = Dns::new(&config.nameservers)?;
    let domains = domains(config, dns.search_list())?;
    let tolerance = verifier.tolerance();
    let time = clock.now().wall;
    let tools = Arc::new(Tools {
        dns,
        verifier,
        question,
        clock,
        host_timeout: config.host_timeout,
        allow_loopback: config.allow_loopback,
    });
    let mut state = Progress {
        domains_done: 0,
        domains: domains.len(),
        hosts_done: 0,
        hosts: 0,
    };
    progress(state);

    let lookups = domains.into_iter().map(|(domain, name)| {
        let random = random(entropy);
        let tools = Arc::clone(&tools);
        let trial = config.try_update.then_some((config.primary, random));
        look_up(tools, domain, name, trial)
    });
    let domains = at_most(MAX_PROBED_AT_ONCE, lookups, |done| {
        state.domains_done = done;
        progress(state);
    })
    .await;

    let hosts = hosts(&domains);
    state.hosts = hosts.len();
    progress(state);
    let looks = hosts.into_iter().map(|(host, name)| {
        let nonce = random(entropy);
        look_at(Arc::clone(&tools), host, name, nonce)
    });
    let hosts = at_most(MAX_PROBED_AT_ONCE, looks, |done| {
        state.hosts_done = done;
        progress(state);
    })
    .await;

    let known = config.known.as_deref();
    Ok(AuditReport {
        findings: judge(&domains, &hosts, known, tolerance, time),
        time,
        domains,
        hosts,
    })
}

/// The domains, each once and in order, and the name that is looked up in each.
fn domains(
    config: &AuditConfig,
    search_list: &[DomainName],
) -> Result<Vec<(DomainName, DomainName)>, AuditError> {
    let wanted = if config.domains.is_empty() {
        search_list
    } else {
        &config.domains
    };
    let mut domains = Vec::new();
    for domain in wanted {
        if !domains.iter().any(|(known, _)| known == domain) {
            domains.push((domain.clone(), service_name(&config.service, domain)?));
        }
    }
    match domains.len() {
        0 => Err(AuditError::NoDomain),
        1..=MAX_DOMAINS => Ok(domains),
        more => Err(AuditError::TooManyDomains(more)),
    }
}

fn service_name(service: &ServiceName, domain: &DomainName) -> Result<DomainName, AuditError> {
    service.within(domain).map_err(|source| AuditError::Name {
        domain: domain.clone(),
        source,
    })
}

async fn look_up<C>(
    tools: Arc<Tools<C>>,
    domain: DomainName,
    name: DomainName,
    trial: Option<(Option<SocketAddr>, [u8; 16])>,
) -> DomainAudit {
    let mut records = tools.dns.srv(&name).await;
    let published = records.as_ref().map_or(0, Vec::len);
    if let Ok(records) = &mut records {
        records.sort_by(|a, b| {
            let place = |record: &super::PublishedRecord| {
                let weight = u16::MAX - record.weight;
                (record.priority, weight)
            };
            let text = |record: &super::PublishedRecord| record.target.to_ascii_lowercase();
            place(a)
                .cmp(&place(b))
                .then_with(|| text(a).cmp(&text(b)))
                .then(a.port.cmp(&b.port))
        });
        records.truncate(MAX_RECORDS);
    }
    let update = match trial {
        Some((primary, random)) => {
            Some(try_update(&tools.dns, &name, &domain, primary, random).await)
        }
        None => None,
    };
    DomainAudit {
        domain,
        name,
        published,
        records,
        update,
    }
}

/// Every host once for each port, by name and port, and its name.
fn hosts(domains: &[DomainAudit]) -> BTreeMap<HostAddress, DomainName> {
    domains
        .iter()
        .filter_map(|domain| domain.records.as_ref().ok())
        .flatten()
        .filter_map(|record| record.host.as_ref().ok())
        .filter_map(|host| match host.host() {
            HostName::Name(name) => Some((host.clone(), name.clone())),
            HostName::Ip(_) => None,
        })
        .collect()
}

/// Runs jobs, so many at one time, and gives what came of them in their order.
async fn at_most<J, T>(
    limit: usize,
    jobs: impl Iterator<Item = J>,
    mut done: impl FnMut(usize),
) -> Vec<T>
where
    J: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let mut waiting: VecDeque<(usize, J)> = jobs.enumerate().collect();
    let mut running = JoinSet::new();
    let mut results = BTreeMap::new();
    loop {
        while running.len() < limit
            && let Some((at, job)) = waiting.pop_front()
        {
            running.spawn(async move { (at, pin!(job).await) });
        }
        match running.join_next().await {
            Some(Ok((at, result))) => {
                results.insert(at, result);
                done(results.len());
            }
            Some(Err(error)) => continue_panic(error),
            None => return results.into_values().collect(),
        }
    }
}

/// A fault of this program in a task is one in its caller; nobody cancels a task.
pub(super) fn continue_panic(error: JoinError) {
    if let Ok(reason) = error.try_into_panic() {
        panic::resume_unwind(reason);
    }
}

fn random(entropy: &mut impl Entropy) -> [u8; 16] {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    bytes
}
