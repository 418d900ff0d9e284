//! Two clients in memory: the connection engine with the verifier, and the whole client engine.

use kms_client::{Action, Engine, Report, Subject};
use kms_core::{
    AnswerTerms, Decode as _, Entropy, LicenseStatus, Now, StatusCode, Tick, Timestamp,
    VerifiedTerms as _,
};
use kms_license::{License, Policy};
use kms_srv::{Discovery, DiscoveryConfig, HostAddress};
use kms_testkit::bad_inputs::{Accepted, Client, ClientSetup, Known, Outcome};
use kms_trust::{Expected, Oids, TrustAnchors, VerifiedAnswer, Verifier};
use kms_wire::{
    ActivationAnswer, ActivationRequest, CertificateChain, MAX_CONNECTION_MEMORY, Operation,
    client::{Config, Connection, Event},
};
use std::collections::BTreeMap;

fn request(setup: &ClientSetup) -> Vec<u8> {
    setup
        .request
        .bytes(&BTreeMap::new(), Known::default())
        .unwrap()
}

fn verifier(setup: &ClientSetup) -> Verifier {
    let root = setup.root.bytes(&BTreeMap::new(), Known::default());
    let base64 = data_encoding::BASE64.encode(&root.unwrap());
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| core::str::from_utf8(line).unwrap())
        .collect();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    );
    let anchors = TrustAnchors::from_pem(&pem).unwrap();
    Verifier::new(anchors, Oids::default(), Verifier::DEFAULT_TOLERANCE)
}

fn accepted(terms: &AnswerTerms) -> Outcome {
    Outcome::Accepted(Accepted {
        count: terms.count,
        activation_interval: terms.activation_interval.minutes(),
        renewal_interval: terms.renewal_interval.minutes(),
        validity: terms.validity.minutes(),
    })
}

/// The HRESULTs of PROTOCOL section 2.
const REFUSALS: [u32; 5] = [
    0xc004_f041,
    0xc004_f042,
    0xc004_f06c,
    0x8007_000d,
    0x8007_00aa,
];

/// The connection engine, with the verifier behind it.
pub(crate) struct WireClient {
    connection: Connection,
    verifier: Verifier,
    now: Timestamp,
    request: Vec<u8>,
    key_group: String,
    answer: Option<ActivationAnswer>,
    outcome: Outcome,
}

impl WireClient {
    pub(crate) fn new(setup: &ClientSetup) -> Self {
        Self {
            connection: Connection::new(Config::default()),
            verifier: verifier(setup),
            now: Timestamp::from_millis(setup.now),
            request: request(setup),
            key_group: setup.key_group.clone(),
            answer: None,
            outcome: Outcome::Waiting {},
        }
    }

    fn judge(&self, answer: &ActivationAnswer, chain: &CertificateChain<'_>) -> Outcome {
        let request = ActivationRequest::decode_all(&self.request).unwrap();
        let expected = Expected {
            request_message: &self.request,
            cmid: request.cmid,
            activation_id: request.activation_id,
            group_id: &self.key_group,
        };
        let verified = self
            .verifier
            .verify_chain(chain.certificates(), self.now)
            .and_then(|host| {
                let (terms, signature) = (&answer.terms, &answer.signature);
                self.verifier
                    .verify_answer(&host, expected, terms, signature, self.now)
            });
        match verified {
            Ok(verified) => accepted(verified.terms()),
            Err(_) => Outcome::unanswered("verification"),
        }
    }

    /// The next thing that came, if it decides anything.
    fn step(&mut self) -> Option<Outcome> {
        let call = match self.connection.poll_event()? {
            Event::Bound => Operation::RequestActivation {
                message: &self.request,
            },
            Event::Answered { bytes, .. } => match &self.answer {
                None => match ActivationAnswer::decode_all(bytes) {
                    Ok(answer) => {
                        self.answer = Some(answer);
                        Operation::GetHostCertificate
                    }
                    Err(_) => return Some(Outcome::unanswered("message")),
                },
                Some(answer) => {
                    let bytes = bytes.to_vec();
                    return Some(match CertificateChain::decode_all(&bytes) {
                        Ok(chain) => self.judge(answer, &chain),
                        Err(_) => Outcome::unanswered("chain"),
                    });
                }
            },
            Event::Refused { status, .. } if REFUSALS.contains(&status.0) => {
                return Some(Outcome::refused(status.0));
            }
            Event::Refused { .. } => return Some(Outcome::unanswered("refusal")),
            Event::Fault { .. } => return Some(Outcome::unanswered("fault")),
            Event::Rejected(_) => return Some(Outcome::unanswered("rejected")),
            _ => return Some(Outcome::unanswered("violation")),
        };
        // A connection that was closed meanwhile says so in its next event.
        let _ = self.connection.call(call);
        self.step()
    }
}

impl Client for WireClient {
    fn transmit(&mut self, into: &mut Vec<u8>) {
        while let Some(bytes) = self.connection.poll_transmit() {
            into.extend_from_slice(bytes);
        }
    }

    fn handle_input(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.connection.handle_input(bytes);
        let held = self.connection.memory();
        if held > MAX_CONNECTION_MEMORY {
            return Err(format!("the connection holds {held} bytes"));
        }
        let decided = self.step();
        if let (Outcome::Waiting {}, Some(decided)) = (&self.outcome, decided) {
            self.outcome = decided;
        }
        Ok(())
    }

    fn handle_end(&mut self) {
        if self.outcome == (Outcome::Waiting {}) {
            self.outcome = Outcome::unanswered("ended");
        }
    }

    fn outcome(&self) -> String {
        format!("{:?}", self.outcome)
    }

    fn has_come_to(&self, outcome: &Outcome) -> bool {
        self.outcome == *outcome
    }
}

/// Entropy that is what the request of the setup holds: the CMID, then the nonce, then zeros.
struct Scripted(Vec<[u8; 16]>);

impl Entropy for Scripted {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0);
        if let Ok(out) = <&mut [u8; 16]>::try_from(out)
            && let Some(next) = self.0.pop()
        {
            *out = next;
        }
    }
}

/// The whole client engine, with a licence behind it.
pub(crate) struct EngineClient {
    engine: Engine,
    entropy: Scripted,
    host: HostAddress,
    now: Now,
    report: Option<Report>,
}

impl EngineClient {
    pub(crate) fn new(setup: &ClientSetup) -> Self {
        let message = request(setup);
        let request = ActivationRequest::decode_all(&message).unwrap();
        let now = Now::new(
            Tick::from_millis(7_000_000),
            Timestamp::from_millis(setup.now),
        );
        let mut entropy = Scripted(vec![request.nonce, *request.cmid.as_uuid().as_bytes()]);
        let policy = Policy {
            threshold: request.required_count,
            ..Policy::default()
        };
        let mut license =
            License::<VerifiedAnswer>::new(policy, request.activation_id, &mut entropy, now);
        license.install_key(now);
        let subject = Subject {
            application_id: request.application_id,
            activation_id: request.activation_id,
            counted_id: request.counted_id,
            group_id: setup.key_group.clone(),
            machine_name: request.machine_name,
            virtual_machine: false,
        };
        let config = DiscoveryConfig {
            pinned: Some("192.0.2.7".parse().unwrap()),
            ..DiscoveryConfig::default()
        };
        let discovery = Discovery::new(config, None);
        let mut engine = Engine::new(subject, license, discovery, verifier(setup));
        engine.start(now, &mut entropy);
        let Some(Action::Connect { host, .. }) = engine.poll_action(now, &mut entropy) else {
            panic!("the pinned host is not asked");
        };
        engine.handle_connected(&host, now, &mut entropy);
        Self {
            engine,
            entropy,
            host,
            now,
            report: None,
        }
    }

    /// Takes the report, once the host has helped or failed: there is no other.
    fn settle(&mut self) {
        if !self.engine.is_exchanging() {
            let action = self.engine.poll_action(self.now, &mut self.entropy);
            assert_eq!(action, None);
            self.report = self.report.take().or_else(|| self.engine.poll_report());
        }
    }

    /// The codes that a failure for this reason may be reported with.
    fn codes(because: &str) -> &'static [StatusCode] {
        match because {
            "rejected" | "fault" | "violation" | "ended" => &[StatusCode::RPC_SERVER_UNAVAILABLE],
            "refusal" | "message" | "chain" => &[StatusCode::VL_BINDING_SERVICE_UNAVAILABLE],
            "verification" => &[
                StatusCode::VL_BINDING_SERVICE_UNAVAILABLE,
                StatusCode::VL_INVALID_TIMESTAMP,
                StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH,
            ],
            _ => &[],
        }
    }
}

impl Client for EngineClient {
    fn transmit(&mut self, into: &mut Vec<u8>) {
        while let Some(bytes) = self.engine.poll_transmit() {
            into.extend_from_slice(bytes);
        }
    }

    fn handle_input(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.engine.handle_input(bytes, self.now, &mut self.entropy);
        self.settle();
        Ok(())
    }

    fn handle_end(&mut self) {
        let code = StatusCode::RPC_SERVER_UNAVAILABLE;
        self.engine
            .handle_failure(&self.host, code, "the end", self.now, &mut self.entropy);
        self.settle();
    }

    fn outcome(&self) -> String {
        let license = self.engine.license();
        format!("{:?}, {:?}", self.report, license.last_answer())
    }

    fn has_come_to(&self, outcome: &Outcome) -> bool {
        let license = self.engine.license();
        let Some(report) = &self.report else {
            return *outcome == Outcome::Waiting {} && self.engine.is_exchanging();
        };
        // What is no verified answer changes nothing.
        let failed_with = |codes: &[StatusCode]| {
            report.host.is_none()
                && report.attempts.len() == 1
                && report
                    .attempts
                    .iter()
                    .all(|attempt| codes.contains(&attempt.code))
                && license.status() == LicenseStatus::OobGrace
                && license.last_answer().is_none()
        };
        match outcome {
            Outcome::Accepted(terms) => {
                let code = if terms.count < license.policy().threshold.machines() {
                    StatusCode::VL_NOT_ENOUGH_COUNT
                } else {
                    StatusCode::OK
                };
                let taken = license.last_answer().map(|answer| {
                    (
                        answer.count,
                        answer.activation_interval.minutes(),
                        answer.renewal_interval.minutes(),
                    )
                });
                let given = (
                    terms.count,
                    terms.activation_interval,
                    terms.renewal_interval,
                );
                report.host.as_ref() == Some(&self.host)
                    && report.code() == code
                    && taken == Some(given)
            }
            Outcome::Refused { hresult, .. } => u32::from_str_radix(hresult, 16)
                .is_ok_and(|hresult| failed_with(&[StatusCode(hresult)])),
            Outcome::Unanswered { because, .. } => failed_with(Self::codes(because)),
            _ => false,
        }
    }
}
