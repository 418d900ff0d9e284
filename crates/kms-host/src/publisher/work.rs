//! What is done in one domain: publishing, looking, withdrawing.

use super::{
    PublishedRecords,
    exchange::{self, Outcome},
    lookup::{Lookups, SrvFound},
    plan::{PublishPlan, without_addresses},
    records::with_intent,
    setup::Setup,
    zone::{Finder, Place},
};
use core::time::Duration;
use kms_core::{Clock, Entropy, StatusCode};
use kms_srv::{DomainName, LookupError, Registration, Seen, SrvRecord, Update, UpdatePlan};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a look at a primary may take.
const LOOK: Duration = Duration::from_secs(10);

/// How long a look before an update may take, which does without what it does not find.
const LOOK_BEFORE: Duration = Duration::from_secs(4);

/// A domain and what was found out about it.
#[derive(Clone, Debug)]
pub(super) struct Domain {
    pub(super) name: DomainName,
    /// What is to be published, in the domain as a zone of its own.
    pub(super) wanted: Registration,
    /// The zone, once it was found.
    pub(super) place: Option<Place>,
    /// Whether the primary is to be asked for older records of this host before the next update.
    pub(super) look_before: bool,
}

impl Domain {
    pub(super) const fn new(name: DomainName, wanted: Registration) -> Self {
        Self {
            name,
            wanted,
            place: None,
            look_before: true,
        }
    }
}

/// What became of a withdrawal.
enum Withdrawal {
    Done,
    /// There is no such zone any more, nor anything that was in it.
    ZoneGone,
    Failed(StatusCode),
}

/// The work in a domain, of which the loop decides when.
pub(super) trait Work {
    /// Publishes; what came of it.
    async fn publish(&mut self, setup: &Setup, domain: &mut Domain) -> StatusCode;

    /// Looks for this host's record at the primary.
    async fn look(&mut self, setup: &Setup, domain: &mut Domain) -> Seen;
}

/// Work over the network.
pub(super) struct Network<'a, C, E: ?Sized> {
    pub(super) records: &'a dyn PublishedRecords,
    pub(super) port: u16,
    pub(super) clock: &'a C,
    pub(super) entropy: &'a mut E,
}

impl<C: Clock, E: Entropy + ?Sized> Work for Network<'_, C, E> {
    async fn publish(&mut self, setup: &Setup, domain: &mut Domain) -> StatusCode {
        match self.try_publish(setup, domain).await {
            Ok(()) => StatusCode::OK,
            Err(code) => code,
        }
    }

    async fn look(&mut self, setup: &Setup, domain: &mut Domain) -> Seen {
        let owner = domain.wanted.owner();
        let place = match domain.place.take() {
            Some(place) => place,
            None => match finder(setup, self.port).find(owner, &domain.name).await {
                Ok(place) => place,
                Err(_) => return Seen::Unknown,
            },
        };
        let seen = match srv(&place, owner, LOOK).await {
            Ok(SrvFound::Records(records)) if records.contains(&domain.wanted.srv_record()) => {
                Seen::Present
            }
            Ok(SrvFound::Records(_)) => Seen::Absent,
            // Nobody removed the record: it cannot be there.
            Ok(SrvFound::Alias) => {
                alias(owner);
                // The server would call the next update a success and do nothing.
                domain.look_before = true;
                Seen::Unknown
            }
            Err(error) => {
                tracing::debug!(domain = %domain.name, %error, "the zone's primary was not looked at");
                // The primary may have another address by now: the next look finds it anew.
                return Seen::Unknown;
            }
        };
        domain.place = Some(place);
        seen
    }
}

impl<C: Clock, E: Entropy + ?Sized> Network<'_, C, E> {
    async fn try_publish(&mut self, setup: &Setup, domain: &mut Domain) -> Result<(), StatusCode> {
        let plan = prepare(setup, self.port, self.records, domain).await?;
        domain.place = Some(plan.place.clone());
        // From here on until the answer nobody knows which of them DNS holds.
        let intent = with_intent(plan.kept.clone(), &plan.current);
        if intent != plan.kept {
            keep(self.records, &domain.name, intent.clone()).await?;
        }
        for (number, update) in plan.updates().iter().enumerate() {
            match self.send(setup, &plan.place, update).await {
                Outcome::Done => {}
                outcome => {
                    if matches!(outcome, Outcome::Refused(_)) && number == 0 && intent != plan.kept
                    {
                        let _ = keep(self.records, &domain.name, plan.kept.clone()).await;
                    }
                    return Err(outcome.code());
                }
            }
        }
        domain.look_before = false;
        let mut left = vec![plan.current.clone()];
        let ours = plan.ours();
        for (registration, withdrawn) in plan.elsewhere.iter().zip(plan.withdrawn()) {
            match self.withdraw(setup, &withdrawn, &ours).await {
                Withdrawal::ZoneGone => {}
                Withdrawal::Done if withdrawn == *registration => {}
                // What has stayed there, the addresses too, goes when the host is withdrawn.
                Withdrawal::Done | Withdrawal::Failed(_) => left.push(registration.clone()),
            }
        }
        if left != intent {
            // What is kept then is more than DNS holds, which the next update takes care of.
            let _ = keep(self.records, &domain.name, left).await;
        }
        Ok(())
    }

    /// Takes a registration out of its zone; not its addresses while a record that is none of `ours` has
    /// them too.
    async fn withdraw(
        &mut self,
        setup: &Setup,
        registration: &Registration,
        ours: &[Registration],
    ) -> Withdrawal {
        let zone = registration.zone();
        match finder(setup, self.port).find(zone, zone).await {
            Ok(place) if place.zone == *zone => {
                let is_shared = !registration.addresses().is_empty()
                    && match srv(&place, registration.owner(), LOOK_BEFORE).await {
                        Ok(SrvFound::Records(read)) => is_shared(registration, ours, &read),
                        _ => false,
                    };
                let update = if is_shared {
                    tracing::info!(
                        host = %registration.host(),
                        "the addresses stay: another KMS host is published under this name"
                    );
                    UpdatePlan::withdraw(&without_addresses(registration))
                } else {
                    UpdatePlan::withdraw(registration)
                };
                match self.send(setup, &place, &update).await.code() {
                    StatusCode::OK => Withdrawal::Done,
                    code => Withdrawal::Failed(code),
                }
            }
            // Others have it, and the record may be there still.
            Ok(place) if place.delegated => Withdrawal::Failed(StatusCode::DNS_NOTAUTH),
            Ok(place) => {
                tracing::info!(%zone, now = %place.zone, "the zone is gone, and the record with it");
                Withdrawal::ZoneGone
            }
            Err(error) => Withdrawal::Failed(error.status()),
        }
    }

    /// Takes everything of this host out of a domain: what may have been published, what would be,
    /// and what the primary has of it.
    pub(super) async fn withdraw_all(
        &mut self,
        setup: &Setup,
        name: &DomainName,
        wanted: Option<&Registration>,
        kept: &[Registration],
    ) -> StatusCode {
        let mut all = kept.to_vec();
        let mut result = StatusCode::OK;
        if let Some(wanted) = wanted {
            match finder(setup, self.port).find(wanted.owner(), name).await {
                Ok(place) => match wanted.clone().with_zone(place.zone.clone()) {
                    Ok(current) => {
                        if let Ok(SrvFound::Records(read)) =
                            srv(&place, current.owner(), LOOK_BEFORE).await
                        {
                            all.extend(current.older_in(&read));
                        }
                        all.push(current);
                    }
                    Err(_) => result = StatusCode::DNS_BAD_PACKET,
                },
                Err(error) => result = error.status(),
            }
        }
        let mut left = Vec::new();
        for (number, registration) in all.iter().enumerate() {
            if all
                .iter()
                .take(number)
                .any(|earlier| earlier == registration)
            {
                continue;
            }
            if let Withdrawal::Failed(code) = self.withdraw(setup, registration, &all).await {
                result = code;
                if kept.contains(registration) {
                    left.push(registration.clone());
                }
            }
        }
        if left != kept
            && let Err(code) = keep(self.records, name, left).await
        {
            result = code;
        }
        result
    }

    async fn send(&mut self, setup: &Setup, place: &Place, update: &UpdatePlan) -> Outcome {
        let (key, clock, entropy) = (Some(&setup.key), self.clock, &mut *self.entropy);
        let make = || Update::of_plan(update, key, &mut *entropy, clock.now().wall);
        exchange::send(&place.servers, setup.way.transport, make).await
    }
}

/// Finds out what publishing in a domain does, without doing it.
pub(super) async fn prepare(
    setup: &Setup,
    port: u16,
    records: &dyn PublishedRecords,
    domain: &Domain,
) -> Result<PublishPlan, StatusCode> {
    let place = finder(setup, port)
        .find(domain.wanted.owner(), &domain.name)
        .await
        .map_err(LookupError::status)?;
    let current = domain
        .wanted
        .clone()
        .with_zone(place.zone.clone())
        .map_err(|error| {
            tracing::warn!(domain = %domain.name, zone = %place.zone, %error, "the zone is of no use");
            StatusCode::DNS_BAD_PACKET
        })?;
    if current.is_host_in_zone() && current.addresses().is_empty() {
        tracing::warn!(
            domain = %domain.name,
            "the machine has no address that others can reach: set dns.addresses, or give it one"
        );
        return Err(StatusCode::DNS_NO_RECORDS);
    }
    let all = records.published().map_err(|error| {
        tracing::warn!(%error, "what was published before cannot be read");
        StatusCode::BUSY
    })?;
    let kept = all.into_iter().find(|(name, _)| *name == domain.name);
    let kept = kept.map(|(_, kept)| kept).unwrap_or_default();
    let mut ours = kept.clone();
    ours.push(current.clone());
    let earlier = kept.iter().filter(|earlier| **earlier != current).cloned();
    let (mut previous, elsewhere): (Vec<_>, Vec<_>) =
        earlier.partition(|earlier| earlier.zone() == current.zone());
    if domain.look_before {
        let until = Instant::now() + LOOK_BEFORE;
        match srv(&place, current.owner(), LOOK_BEFORE).await {
            Ok(SrvFound::Records(read)) => {
                let has_addresses = !current.addresses().is_empty();
                if has_addresses && is_alias(&place, current.host(), until).await {
                    tracing::warn!(
                        host = %current.host(),
                        "the host's name is an alias (CNAME), so that no address can be published \
                         there: remove the alias, or set dns.host_name to another name"
                    );
                    return Err(StatusCode::DNS_YXDOMAIN);
                }
                // An older address of the name that stays is this machine's, and gone from it.
                for earlier in &mut previous {
                    if earlier.host() != current.host() && is_shared(earlier, &ours, &read) {
                        *earlier = without_addresses(earlier);
                    }
                }
                previous.extend(current.older_in(&read));
            }
            Ok(SrvFound::Alias) => {
                alias(current.owner());
                return Err(StatusCode::DNS_YXDOMAIN);
            }
            Err(_) => {}
        }
    }
    Ok(PublishPlan {
        domain: domain.name.clone(),
        place,
        key: setup.key.name().clone(),
        current,
        previous,
        elsewhere,
        kept,
    })
}

async fn keep(
    records: &dyn PublishedRecords,
    domain: &DomainName,
    registrations: Vec<Registration>,
) -> Result<(), StatusCode> {
    let kept = records.set_published(domain, registrations).await;
    kept.map_err(|error| {
        tracing::warn!(%domain, %error, "what is published cannot be kept");
        StatusCode::BUSY
    })
}

async fn srv(
    place: &Place,
    owner: &DomainName,
    patience: Duration,
) -> Result<SrvFound, LookupError> {
    let lookups = Lookups::of_primary(&place.servers)?;
    let found = timeout(patience, lookups.srv(owner)).await;
    found.unwrap_or(Err(LookupError::Timeout))
}

/// Whether another host on this machine is published under the same name, at a port of its own: then it
/// has the same addresses.
fn is_shared(registration: &Registration, ours: &[Registration], read: &[SrvRecord]) -> bool {
    read.iter().any(|record| {
        record.target == *registration.host() && !ours.iter().any(|own| own.is_own(record))
    })
}

/// Whether a name is an alias. Not knowing counts as no.
async fn is_alias(place: &Place, name: &DomainName, until: Instant) -> bool {
    match Lookups::of_primary(&place.servers) {
        Ok(lookups) => timeout_at(until, lookups.is_alias(name))
            .await
            .unwrap_or(false),
        Err(_) => false,
    }
}

fn alias(owner: &DomainName) {
    tracing::warn!(
        %owner,
        "the service's name is an alias (CNAME), so that no record can be published there: remove the alias"
    );
}

const fn finder(setup: &Setup, port: u16) -> Finder<'_> {
    Finder {
        way: &setup.way,
        port,
    }
}

#[cfg(test)]
mod tests;
