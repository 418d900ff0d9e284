use super::{Metrics, NEVER, Refusal, latencies::Latencies, lock, publishing::Publishing, results};
use crate::{FamilyStatus, HostService, Readiness, Store};
use alloc::sync::Arc;
use core::{
    fmt,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};
use kms_core::{Clock, LicenseStatus, StatusCode, Timestamp};
use kms_srv::DomainName;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet, text::encode_registry},
    metrics::MetricType,
    registry::Registry,
};

impl<S: Store, C: Clock> HostService<S, C> {
    /// All metrics as of now, in the text form of Prometheus (version 0.0.4). Every name begins
    /// with `kms_host_`.
    ///
    /// # Errors
    /// When the text cannot be written, which a text in memory always can.
    pub fn metrics_text(&self) -> Result<String, fmt::Error> {
        let now = self.clock().now().wall;
        let certificate_expiry = self.identity().map(|identity| identity.not_after());
        let scrape = Scrape {
            metrics: Arc::clone(self.metrics()),
            families: self.families(),
            readiness: self.readiness(),
            certificate_expiry,
            now,
        };
        let mut registry = Registry::with_prefix("kms_host");
        registry.register_collector(Box::new(scrape));
        let mut text = String::new();
        encode_registry(&mut text, &registry)?;
        Ok(text)
    }
}

/// The metrics with what the host knows at the moment of a scrape.
#[derive(Debug)]
struct Scrape {
    metrics: Arc<Metrics>,
    families: Vec<FamilyStatus>,
    readiness: Readiness,
    certificate_expiry: Option<Timestamp>,
    now: Timestamp,
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut text = Text(encoder);
        self.process(&mut text)?;
        self.counts(&mut text)?;
        self.requests(&mut text)?;
        self.connections(&mut text)?;
        self.store(&mut text)?;
        self.publishing(&mut text)
    }
}

impl Scrape {
    fn process(&self, text: &mut Text<'_>) -> fmt::Result {
        text.labelled(
            Kind::Gauge,
            "build_info",
            "The version of the host, as a label; always 1.",
            "version",
            [(env!("CARGO_PKG_VERSION"), 1_u64)],
        )?;
        text.gauge(
            "start_timestamp_seconds",
            "When the host began its work, in seconds since 1970.",
            moment(&self.metrics.started).map(timestamp),
        )?;
        text.labelled(
            Kind::Gauge,
            "ready",
            "1 if this part of the host can do its work, else 0: activated (a valid certificate), \
             store, listening.",
            "part",
            self.readiness
                .parts()
                .map(|(part, ready)| (part, u64::from(ready))),
        )?;
        text.gauge(
            "certificate_expiry_timestamp_seconds",
            "When the host's certificate chain ends, in seconds since 1970; without a sample when \
             there is none. From then on everyone is refused.",
            self.certificate_expiry.map(timestamp),
        )
    }

    fn counts(&self, text: &mut Text<'_>) -> fmt::Result {
        let each = |value: fn(&FamilyStatus) -> i64| {
            self.families
                .iter()
                .map(move |family| (family.name.as_str(), value(family)))
        };
        text.labelled(
            Kind::Gauge,
            "counted_machines",
            "Machines of the family that count now.",
            "family",
            each(|family| family.count),
        )?;
        text.labelled(
            Kind::Gauge,
            "threshold_machines",
            "Machines that must count before every product of the family that has asked is activated.",
            "family",
            each(|family| family.threshold.into()),
        )?;
        text.labelled(
            Kind::Gauge,
            "capacity_machines",
            "The most machines of the family that are kept: twice the threshold.",
            "family",
            each(|family| family.capacity.into()),
        )?;
        text.gauge(
            "duplicate_cmids",
            "CMIDs in use under several machine names: images that were copied without being \
             generalised. Each counts once.",
            Some(self.metrics.duplicate_cmids.load(Relaxed)),
        )?;
        let alerts = lock(&self.metrics.alerts).clone();
        text.labelled(
            Kind::Counter,
            "alerts_total",
            "Patterns of requests that someone should look at, since the start.",
            "pattern",
            alerts,
        )
    }

    fn requests(&self, text: &mut Text<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        text.labelled(
            Kind::Counter,
            "requests_total",
            "Activation requests since the start by result: the symbol of the status code that the \
             client was given, S_OK for an answer; TIMEOUT where the connection ended first.",
            "result",
            metrics.results.counts(metrics.answers.observed().count),
        )?;
        let statuses = LicenseStatus::ALL.into_iter().zip(&metrics.statuses);
        text.labelled(
            Kind::Counter,
            "requests_by_license_status_total",
            "Activation requests since the start by the client's licence status, answered or not; \
             malformed where there was none to read.",
            "license_status",
            statuses
                .map(|(status, count)| (status_label(status), count))
                .chain([("malformed", &metrics.malformed)])
                .map(|(status, count)| (status, count.load(Relaxed))),
        )?;
        let last_request = moment(&metrics.last_request);
        text.gauge(
            "last_request_timestamp_seconds",
            "When the last request came that was not malformed, in seconds since 1970; without a \
             sample before the first since the start.",
            last_request.map(timestamp),
        )?;
        let since = last_request.or_else(|| moment(&metrics.started));
        text.gauge(
            "idle_seconds",
            "Time since the last request that was not malformed, or since the start if none came.",
            since.map(|since| self.now.saturating_since(since).as_secs_f64()),
        )?;
        text.histogram(
            "answer_duration_seconds",
            "From the reading of a request to its answer, store and signature included; requests \
             that were answered.",
            &metrics.answers,
        )
    }

    fn connections(&self, text: &mut Text<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        // Closed before opened, so that a connection between the two readings is not missing.
        let closed = metrics.connections_closed.load(Relaxed);
        let opened = metrics.connections_opened.load(Relaxed);
        text.gauge(
            "open_connections",
            "Connections of clients that are open now.",
            Some(opened.saturating_sub(closed)),
        )?;
        text.counter(
            "connections_total",
            "Connections of clients that were accepted since the start.",
            opened,
        )?;
        text.labelled(
            Kind::Counter,
            "refusals_total",
            "Peers that were refused before or instead of an answer since the start, by reason.",
            "reason",
            Refusal::ALL
                .iter()
                .zip(&metrics.refusals)
                .map(|(why, count)| (why.label(), count.load(Relaxed))),
        )
    }

    fn store(&self, text: &mut Text<'_>) -> fmt::Result {
        let metrics = &self.metrics;
        text.counter(
            "store_failures_total",
            "How often the store failed since the start.",
            metrics.store_failures.load(Relaxed),
        )?;
        text.counter(
            "store_synced_entries_total",
            "Entries that the store made durable since the start; several share a sync.",
            metrics.synced_entries.load(Relaxed),
        )?;
        text.histogram(
            "store_sync_duration_seconds",
            "How long the store took to make entries durable, for each sync.",
            &metrics.syncs,
        )
    }

    fn publishing(&self, text: &mut Text<'_>) -> fmt::Result {
        let publishing = lock(&self.metrics.publishing).clone();
        let each = || {
            let each = |(domain, publishing): (&'_ DomainName, &'_ Publishing)| {
                (domain.to_string(), publishing.clone())
            };
            publishing.iter().map(each)
        };
        let last = || each().filter_map(|(domain, of)| Some((domain, of.last?)));
        text.labelled(
            Kind::Gauge,
            "publishing_success",
            "1 if the host's record was published in the domain at the last attempt, else 0.",
            "domain",
            last().map(|(domain, (_, code))| (domain, u64::from(code == StatusCode::OK))),
        )?;
        text.labelled(
            Kind::Gauge,
            "publishing_last_attempt_timestamp_seconds",
            "When publishing in the domain was last tried, in seconds since 1970.",
            "domain",
            last().map(|(domain, (at, _))| (domain, timestamp(at))),
        )?;
        text.labelled(
            Kind::Gauge,
            "publishing_last_success_timestamp_seconds",
            "When publishing in the domain last succeeded, in seconds since 1970; without a sample \
             if it never did since the start.",
            "domain",
            each().filter_map(|(domain, of)| Some((domain, timestamp(of.last_success?)))),
        )?;
        text.family(
            Kind::Counter,
            "publishing_attempts_total",
            "Attempts to publish in the domain since the start, by the symbol of the result.",
            each().flat_map(|(domain, of)| {
                of.attempts.into_iter().map(move |(code, count)| {
                    let result = results::symbol(code).into_owned();
                    ([("domain", domain.clone()), ("result", result)], count)
                })
            }),
        )?;
        text.family(
            Kind::Counter,
            "publishing_looks_total",
            "Looks for the host's record at the zone's primary since the start, by what was seen: \
             absent is a removal by somebody else.",
            each().flat_map(|(domain, of)| {
                of.looks.into_iter().map(move |(seen, count)| {
                    let seen = seen.to_owned();
                    ([("domain", domain.clone()), ("seen", seen)], count)
                })
            }),
        )?;
        text.labelled(
            Kind::Counter,
            "publishing_fights_total",
            "How often publishing in the domain was given up since the start, because the record was \
             removed again and again.",
            "domain",
            each().map(|(domain, of)| (domain, of.fights)),
        )
    }
}

/// What a family of metrics is, of those whose samples are single numbers.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

/// Families of metrics one after the other.
struct Text<'a>(DescriptorEncoder<'a>);

impl Text<'_> {
    /// A family with several labels.
    // The encoder writes OpenMetrics, in which a counter's family lacks the suffix that its samples
    // have. In Prometheus' own form both are one name: so a sample is written as a gauge's is.
    fn family<const N: usize, L, T, V>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(L, T); N], V)>,
    ) -> fmt::Result
    where
        [(L, T); N]: prometheus_client::encoding::EncodeLabelSet,
        V: EncodeGaugeValue,
    {
        let kind = match kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in samples {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// A family with one label.
    fn labelled<T, V>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        label: &'static str,
        samples: impl IntoIterator<Item = (T, V)>,
    ) -> fmt::Result
    where
        [(&'static str, T); 1]: prometheus_client::encoding::EncodeLabelSet,
        V: EncodeGaugeValue,
    {
        let samples = samples.into_iter();
        self.family(
            kind,
            name,
            help,
            samples.map(|(value, sample)| ([(label, value)], sample)),
        )
    }

    /// A counter without labels.
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let kind = MetricType::Counter;
        self.0
            .encode_descriptor(name, help, None, kind)?
            .encode_gauge(&value)
    }

    /// A gauge without labels, and without a sample where there is nothing to tell.
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: Option<impl EncodeGaugeValue>,
    ) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        value.map_or(Ok(()), |value| metric.encode_gauge(&value))
    }

    /// A histogram without labels.
    fn histogram(&mut self, name: &str, help: &str, latencies: &Latencies) -> fmt::Result {
        let observed = latencies.observed();
        let kind = MetricType::Histogram;
        self.0
            .encode_descriptor(name, help, None, kind)?
            .encode_histogram::<NoLabelSet>(observed.sum, observed.count, &observed.buckets, None)
    }
}

/// A moment that may not have come yet.
fn moment(millis: &AtomicI64) -> Option<Timestamp> {
    let millis = millis.load(Relaxed);
    (millis != NEVER).then_some(Timestamp::from_millis(millis))
}

/// Seconds since 1970, the unit of Prometheus.
fn timestamp(at: Timestamp) -> f64 {
    at.saturating_since(Timestamp::EPOCH).as_secs_f64()
}

const fn status_label(status: LicenseStatus) -> &'static str {
    match status {
        LicenseStatus::Unlicensed => "unlicensed",
        LicenseStatus::Licensed => "licensed",
        LicenseStatus::OobGrace => "oob_grace",
        LicenseStatus::OotGrace => "oot_grace",
        LicenseStatus::NonGenuineGrace => "non_genuine_grace",
        LicenseStatus::Notification => "notification",
        LicenseStatus::ExtendedGrace => "extended_grace",
    }
}
