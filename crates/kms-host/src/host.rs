//! The host engine: what is decided about a request, without sockets, files or clocks.

use crate::{AdmissionConfig, Alert, Alerts, Caller, Entry, RequestProcessed};
use alloc::collections::BTreeSet;
use core::time::Duration;
use kms_core::{
    ActivationInterval, AnswerTerms, CountedId, Decode, Entropy, KeyId, Now, RenewalInterval,
    StatusCode, Tick, Timestamp,
};
use kms_count::{
    Admission, Change, CmidTable, Counters, Family, Record, Request, RestoreError, Snapshot,
};
use kms_keys::{Catalogue, Product};
use kms_wire::ActivationRequest;

/// What an administrator sets about answers.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers make")]
pub struct Settings {
    /// What clients that are not activated are told to wait.
    pub activation_interval: ActivationInterval,
    /// What activated clients are told to wait.
    pub renewal_interval: RenewalInterval,
    /// How far a client's clock may be from the host's.
    pub clock_tolerance: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            activation_interval: ActivationInterval::default(),
            renewal_interval: RenewalInterval::default(),
            clock_tolerance: Duration::from_secs(4 * 3600),
        }
    }
}

/// What a host's certificate allows: the host is activated while it has one that is valid.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers make")]
pub struct Activation {
    /// The key that signs.
    pub key_id: KeyId,
    /// The product key groups that it may activate.
    pub scope: BTreeSet<String>,
    /// When the certificate ends.
    pub not_after: Timestamp,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a server must act on each of them")]
pub enum Decision {
    /// To be answered with these terms, once they are durable and signed.
    Grant(AnswerTerms),
    /// To be refused with this code.
    Refuse(StatusCode),
    /// To be told that the host is too busy, and to lose the connection: no genuine client asks so.
    Disconnect,
}

/// A decision with all that follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handled {
    /// What the client is told.
    pub decision: Decision,
    /// What the store must keep, with the event that tells of it.
    pub entry: Entry,
    /// What an administrator should hear of, most often nothing.
    pub alerts: Vec<Alert>,
}

/// The host engine.
///
/// A request goes through these questions in this order, and the first that fails refuses it:
/// is the message well formed (0x8007000D); is this host activated (0xC004F041); does its
/// certificate cover the product, and does its catalogue know it as the client does (0xC004F042);
/// are the clocks close enough (0xC004F06C). What remains is counted and granted.
///
/// Under a guarded admission, a second machine on a connection is first of all told that the host is
/// too busy and loses the connection.
#[derive(Debug)]
pub struct Host {
    catalogue: Catalogue,
    activation: Option<Activation>,
    settings: Settings,
    table: CmidTable,
    admission: AdmissionConfig,
    alerts: Alerts,
}

impl Host {
    /// A host that begins with the count of `snapshot`; without an `activation` it refuses everyone.
    ///
    /// # Errors
    /// When the snapshot contradicts itself.
    pub fn new(
        catalogue: Catalogue,
        activation: Option<Activation>,
        settings: Settings,
        count: kms_count::Config,
        snapshot: &Snapshot,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<Self, RestoreError> {
        let table = CmidTable::restore(count, snapshot, entropy, now)?;
        let admission = AdmissionConfig::default();
        let mut alerts = Alerts::new(admission.alerts, admission.established_after);
        alerts.know_all(snapshot);
        Ok(Self {
            catalogue,
            activation,
            settings,
            table,
            admission,
            alerts,
        })
    }

    /// Goes by this admission beyond what the count's configuration says of it: quotas by network, one
    /// machine on a connection, and alerts.
    #[must_use]
    pub fn with_admission(mut self, admission: AdmissionConfig) -> Self {
        self.alerts
            .configure(admission.alerts, admission.established_after);
        Self { admission, ..self }
    }

    /// Takes a machine for a known one in alerts, although it may not count.
    pub fn know(&mut self, record: &Record) {
        self.alerts.know(record);
    }

    /// Decides about a RequestActivation message.
    pub fn handle_request(&mut self, message: &[u8], caller: &mut Caller, now: Now) -> Handled {
        let source = caller.source;
        let mut alerts = Vec::new();
        let request = match ActivationRequest::decode_all(message) {
            Ok(request) => request,
            Err(error) => {
                tracing::debug!(%error, "a request is malformed");
                self.table.record_failure(None, None);
                let entry = Entry::Failed {
                    counted_id: None,
                    license_status: None,
                    source,
                    at: now.wall,
                    event: None,
                };
                return Handled {
                    decision: Decision::Refuse(StatusCode::INVALID_DATA),
                    entry,
                    alerts: Vec::new(),
                };
            }
        };
        let event = |code| RequestProcessed {
            code,
            required_count: request.required_count.machines(),
            machine_name: request.machine_name,
            cmid: request.cmid,
            client_time: request.request_time,
            virtual_machine: request.virtual_machine,
            license_status: request.license_status,
            minutes_remaining: request.minutes_remaining,
            activation_id: request.activation_id,
        };
        let failed = |counted_id, code| Entry::Failed {
            counted_id,
            license_status: Some(request.license_status),
            source,
            at: now.wall,
            event: Some(event(code)),
        };
        let first = *caller.cmid.get_or_insert(request.cmid);
        if first != request.cmid && self.admission.one_cmid_per_connection {
            let cmids = [first, request.cmid];
            let name = request.machine_name;
            let alert = self.alerts.handle_second_cmid(source, cmids, name, now);
            alerts.extend(alert);
            if self.is_guarded() {
                let product = self.catalogue.product(request.activation_id);
                let family = product.map(|product| product.counted_id);
                self.table
                    .record_failure(family, Some(request.license_status));
                return Handled {
                    decision: Decision::Disconnect,
                    entry: failed(family, StatusCode::BUSY),
                    alerts,
                };
            }
        }
        let (key_id, product) = match self.admit(&request, now) {
            Ok(admitted) => admitted,
            Err((code, counted_id)) => {
                self.table
                    .record_failure(counted_id, Some(request.license_status));
                return Handled {
                    decision: Decision::Refuse(code),
                    entry: failed(counted_id, code),
                    alerts,
                };
            }
        };
        let counted = Request {
            counted_id: product.counted_id,
            cmid: request.cmid,
            threshold: product.threshold,
            license_status: request.license_status,
            virtual_machine: request.virtual_machine,
            source,
            quota: source.and_then(|source| self.admission.quota_of(source)),
        };
        let validity = product.policy.validity;
        let recorded = self.table.record(&counted, now);
        if recorded.change == Change::TooManyFamilies {
            return Handled {
                decision: Decision::Refuse(StatusCode::BUSY),
                entry: failed(Some(counted.counted_id), StatusCode::BUSY),
                alerts,
            };
        }
        let name = request.machine_name;
        alerts.append(&mut self.alerts.handle_request(&counted, &recorded, name, now));
        let terms = AnswerTerms {
            count: recorded.count,
            activation_interval: self.settings.activation_interval,
            renewal_interval: self.settings.renewal_interval,
            validity,
            cmid: request.cmid,
            host_time: now.wall,
            key_id,
        };
        let entry = Entry::Answered {
            request: counted,
            at: now.wall,
            change: recorded.change,
            dropped: recorded.dropped,
            event: event(StatusCode::OK),
        };
        Handled {
            decision: Decision::Grant(terms),
            entry,
            alerts,
        }
    }

    /// Lets records go whose time is over.
    pub fn handle_timeout(&mut self, now: Now) {
        self.table.handle_timeout(now);
    }

    /// When the next record's time is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        self.table.poll_timeout()
    }

    /// Begins again with the count of `snapshot`, as after a store has failed and lost what it was
    /// given last.
    ///
    /// # Errors
    /// When the snapshot contradicts itself; the count is then as it was.
    pub fn restore(
        &mut self,
        snapshot: &Snapshot,
        entropy: &mut impl Entropy,
        now: Now,
    ) -> Result<(), RestoreError> {
        self.table = CmidTable::restore(self.table.config(), snapshot, entropy, now)?;
        Ok(())
    }

    /// Answers with these settings from now on.
    pub const fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Is activated as this says from now on; `None` refuses everyone.
    pub fn set_activation(&mut self, activation: Option<Activation>) {
        self.activation = activation;
    }

    /// Whether this host may answer: it has a certificate that is still valid.
    #[must_use]
    pub fn is_activated(&self, now: Now) -> bool {
        self.activation
            .as_ref()
            .is_some_and(|activation| now.wall <= activation.not_after)
    }

    /// The products that this host knows.
    #[must_use]
    pub const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The families that have asked, by ascending counted id.
    pub fn families(&self) -> impl Iterator<Item = &Family> {
        self.table.families()
    }

    /// The documented counters over all families.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        self.table.counters()
    }

    /// The count, to be kept elsewhere.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.table.snapshot()
    }

    const fn is_guarded(&self) -> bool {
        matches!(self.table.config().admission(), Admission::Guarded(_))
    }

    fn admit(
        &self,
        request: &ActivationRequest,
        now: Now,
    ) -> Result<(KeyId, &Product), (StatusCode, Option<CountedId>)> {
        let product = self.catalogue.product(request.activation_id);
        let family = product.map(|product| product.counted_id);
        let activation = self
            .activation
            .as_ref()
            .filter(|activation| now.wall <= activation.not_after)
            .ok_or((StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED, family))?;
        // A client whose catalogue places the product elsewhere would be counted in a wrong family.
        let product = product
            .filter(|product| {
                product.application_id == request.application_id
                    && product.counted_id == request.counted_id
                    && product.is_covered_by(&activation.scope)
            })
            .ok_or((StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH, family))?;
        if request.request_time.distance(now.wall) > self.settings.clock_tolerance {
            return Err((StatusCode::VL_INVALID_TIMESTAMP, family));
        }
        Ok((activation.key_id, product))
    }
}
