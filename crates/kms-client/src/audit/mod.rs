//! What is published in DNS and what stands behind it, for administrators' tools.
//!
//! [`audit`] looks up the service's SRV records in each domain, resolves every target, connects to every
//! address, binds to the activation interface, fetches the host's certificate and verifies it; [`Finding`]s
//! say what is wrong and what to do. It counts nothing and changes nothing: a host's count stays as it is
//! unless a [`Question`] is handed over, and no zone is asked to change unless
//! [`AuditConfig::try_update`] is set.
//!
//! ```rust,no_run
//! use kms_client::audit::{AuditConfig, audit, load_verifier};
//! use kms_service::{OsEntropy, SystemClock};
//! use kms_trust::Verifier;
//! use std::path::Path;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let verifier = load_verifier(Path::new("root.pem"), Verifier::DEFAULT_TOLERANCE)?;
//!     let mut config = AuditConfig::default();
//!     config.domains = vec!["contoso.com".parse()?];
//!     let report = audit(&config, verifier, None, SystemClock, &mut OsEntropy, |_| {}).await?;
//!     for finding in &report.findings {
//!         println!("{} {}: {}", finding.severity(), finding.code, finding.problem);
//!     }
//!     Ok(())
//! }
//! ```

mod config;
mod finding;
mod host;
mod judge;
mod lookup;
mod probe;
mod question;
mod report;
mod run;
mod update;
mod wire;

pub use config::{AuditConfig, AuditError, MAX_DOMAINS, load_verifier};
pub use finding::{Finding, FindingCode, Severity};
pub use judge::{CERTIFICATE_WARNING, CLOCK_WARNING, LONGEST_TTL};
pub use question::{Question, QuestionError};
pub use report::{
    AddressAudit, Answered, AskFailure, Asked, AuditReport, CertificateInfo, DomainAudit,
    HostAudit, Probe, PublishedRecord, Unusable, UpdateOutcome, UpdateTrial,
};
pub use run::{MAX_PROBED_AT_ONCE, Progress, audit};
