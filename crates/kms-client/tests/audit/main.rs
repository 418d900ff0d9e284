//! The audit over DNS and TCP: what it sees, each finding once, and its limits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail as the test does"
)]

#[path = "../common/mod.rs"]
mod common;
mod dns;
mod hosts;
mod limits;
mod question;
mod records;
mod update;

use common::{FakeHost, LONG, NOW, authority, identity, machine::DOMAIN};
use core::{net::SocketAddr, time::Duration};
use dns::{Script, Server, address, srv};
use kms_client::audit::{AuditConfig, AuditReport, Finding, Question, audit};
use kms_core::SeededEntropy;
use kms_testkit::clock::ManualClock;
use kms_trust::{Authority, HostCertificateRequest, Oids, TrustAnchors, Verifier};
use tokio::{net::TcpSocket, time::timeout};

/// An authority, its hosts, and the zone that they are published in.
struct Network {
    clock: ManualClock,
    authority: Authority,
    zone: Script,
    config: AuditConfig,
}

impl Network {
    fn new() -> Self {
        let mut config = AuditConfig::default();
        config.domains = vec![DOMAIN.parse().unwrap()];
        config.allow_loopback = true;
        Self {
            clock: ManualClock::new(NOW),
            authority: authority(1),
            zone: Script::zone(DOMAIN),
            config,
        }
    }

    /// A host that is called `host-<seed>`.
    fn host(&self, seed: u64, scope: &[&str]) -> FakeHost {
        let validity = HostCertificateRequest::DEFAULT_VALIDITY;
        FakeHost::new(
            identity(&self.authority, seed, scope, validity),
            25,
            &self.clock,
        )
    }

    /// Publishes `host-<seed>.contoso.test` at this address.
    fn publish(&mut self, seed: u64, at: SocketAddr) {
        let name = format!("host-{seed}.{DOMAIN}");
        self.zone.records.push(srv((0, 0), at.port(), &name));
        self.zone.records.push(address(&name, &at.ip().to_string()));
    }

    /// A host that is as it should be, published.
    async fn sound(&mut self, seed: u64) -> FakeHost {
        let host = self.host(seed, &["windows"]);
        let at = host.listen("127.0.0.1").await;
        self.publish(seed, at);
        host
    }

    async fn serve(&mut self) -> Server {
        let server = self.zone.clone().start().await;
        self.config.nameservers = vec![server.address];
        server
    }

    async fn audit(&mut self) -> AuditReport {
        let _server = self.serve().await;
        self.audit_with(None).await
    }

    async fn audit_with(&self, question: Option<Question>) -> AuditReport {
        let anchors = TrustAnchors::from_pem(self.authority.root_pem()).unwrap();
        let tolerance = Verifier::DEFAULT_TOLERANCE;
        let verifier = Verifier::new(anchors, Oids::default(), tolerance);
        let clock = self.clock.clone();
        let mut entropy = SeededEntropy::new(7);
        let audit = audit(
            &self.config,
            verifier,
            question,
            clock,
            &mut entropy,
            |_| {},
        );
        timeout(LONG, audit).await.unwrap().unwrap()
    }
}

/// Findings as `code subject`.
fn shown(report: &AuditReport) -> Vec<String> {
    let shown = |finding: &Finding| {
        let subject = finding
            .host
            .clone()
            .or_else(|| finding.domain.as_ref().map(ToString::to_string));
        format!("{} {}", finding.code, subject.unwrap_or_default())
    };
    report.findings.iter().map(shown).collect()
}

fn codes(report: &AuditReport) -> Vec<&'static str> {
    let findings = report.findings.iter();
    findings.map(|finding| finding.code.as_str()).collect()
}

/// The one finding with this code.
fn only<'a>(report: &'a AuditReport, code: &str) -> &'a Finding {
    let with_code: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.code.as_str() == code)
        .collect();
    let [finding] = with_code[..] else {
        panic!("{code} is wanted once of {:#?}", report.findings)
    };
    assert!(!finding.problem.is_empty() && !finding.remedy.is_empty());
    finding
}

/// A port that is taken, so that no other test gets it, but refuses connections.
fn closed_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = socket.local_addr().unwrap();
    (socket, at)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
