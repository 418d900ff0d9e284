//! What is published in DNS, and whether it holds: `client dns-audit`.

mod json;
mod known;
mod print;

use clap::Args;
use core::{
    future::pending,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use examples::cli::{self, Ended};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kms_client::{
    ClientConfig, OpenError,
    audit::{AuditConfig, AuditReport, Progress, Question, Severity, audit, load_verifier},
};
use kms_core::Clock as _;
use kms_service::{OsEntropy, SystemClock};
use kms_srv::{AddressRule, DomainName, PinnedHost, ServiceName};
use kms_trust::Verifier;
use std::path::{Path, PathBuf};

/// The command line of `client dns-audit`.
#[derive(Args)]
#[command(after_long_help = LONG_HELP, after_help = "\
Examples:
  client dns-audit --root root.pem contoso.com
  client --config client.toml dns-audit --known-file hosts.txt --json

Exit codes: 0 nothing is wrong, 1 something is, 2 usage or configuration.
`client dns-audit --help` tells more.")]
pub(crate) struct DnsAudit {
    /// Domains to look in; default: where the client of the configuration looks, else the system's
    /// search list.
    #[arg(value_name = "DOMAIN")]
    domains: Vec<DomainName>,
    /// PEM file with the pinned roots; default: the configuration's. With it no configuration is needed.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// The SRV service; default: the configuration's, or _vlmcs._tcp.
    #[arg(long)]
    service: Option<ServiceName>,
    /// DNS servers to ask, as ADDRESS or ADDRESS:PORT; default: the configuration's, or the system's.
    #[arg(long, value_name = "SERVER", value_delimiter = ',', value_parser = dns_server)]
    nameserver: Vec<SocketAddr>,
    /// Hosts that are known, as NAME or NAME:PORT: others that are published are told, and known ones
    /// that are not.
    #[arg(long, value_name = "HOST", value_delimiter = ',', value_parser = known::parse)]
    known: Vec<PinnedHost>,
    /// The same from a file, one in a line; what follows a # is a comment.
    #[arg(long, value_name = "FILE")]
    known_file: Option<PathBuf>,
    /// Asks each host for activation, with the product and state of the configuration: shows its clock
    /// and count. Each host then counts this machine.
    #[arg(long)]
    ask: bool,
    /// Sends each zone's primary server an unsigned update that changes nothing, to see whether it
    /// takes it.
    #[arg(long)]
    try_update: bool,
    /// Where to send it, as ADDRESS or ADDRESS:PORT; default: the primary server of the zone's SOA record.
    #[arg(long, value_name = "SERVER", requires = "try_update", value_parser = dns_server)]
    primary: Option<SocketAddr>,
    /// Seconds that one address may take; default: the configuration's host_timeout, or 15.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=600))]
    host_timeout: Option<u16>,
    /// Takes addresses of the loopback for hosts' addresses, as allow_loopback of the configuration does:
    /// for a rehearsal on one machine.
    #[arg(long)]
    allow_loopback: bool,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

const LONG_HELP: &str = "\
For each domain: which hosts are published, does each name resolve, does each address answer, is it an
activation host, does its certificate verify now, in which name, for which key groups, until when. No host
counts this machine for it, and nothing is changed: neither a zone nor the client's state.

It needs the pinned root and no more: --root FILE, or --config FILE of a client. --ask needs the client's
configuration and its state: only an answer to a request for activation tells a host's clock and count, and
the machine then counts at each host that is asked.

--try-update sends removals of records that cannot be there: a server that takes them has nothing to do. It
tells what that server takes from this machine, over TCP.

Examples:
  client dns-audit --root root.pem contoso.com eu.contoso.com
  client --config client.toml dns-audit
  client --config client.toml dns-audit --ask --known kms1.contoso.com,kms2.contoso.com
  client dns-audit --root root.pem --try-update contoso.com
  client dns-audit --root root.pem --json contoso.com | jq -r '.findings[].code'

JSON fields:
  time, result (\"ok\" or \"wrong\"), errors, warnings, notes
  findings[]  severity, code, domain, host, addresses[], status, symbol, problem, remedy
  domains[]   domain, name, published, error {status, symbol, message},
              records[] {priority, weight, port, target, ttl, host, unusable},
              update {zone, server, result: accepted | refused | not-tried | unknown |
              changed, code, reason}
  hosts[]     host, alias_of, usable, lookup_errors[],
              addresses[] {address, state: sound | expired | untrusted | no-certificate | not-rpc |
              no-answer | no-route | skipped, connect_ms, reason,
              certificate {name, groups[], not_before, not_after, key_id}},
              asked {address, result: licensed | count-too-low | clock | not-for-product | refused |
              broken, count, needed, clock_offset_ms, status, symbol, reason}
  Codes of findings are in the README of kms-client; what does not apply is null.

Exit codes:
  0  nothing is wrong; notes do not count
  1  something is wrong: there are errors or warnings
  2  the command line, the configuration or a file that it names cannot be used";

/// Looks at the domains, and tells what is wrong.
pub(crate) fn run(config: Option<&Path>, arguments: &DnsAudit) -> Result<u8, Ended> {
    let client = config
        .map(|path| {
            ClientConfig::load(path)
                .map(|client| (path, client))
                .map_err(|error| cli::no_config("client", error))
        })
        .transpose()?;
    let root = match (&arguments.root, &client) {
        (Some(root), _) => root,
        (None, Some((_, client))) => &client.root,
        (None, None) => {
            return Err(Ended::configuration(
                "--root FILE with the pinned root is wanted, or --config FILE of a client",
            ));
        }
    };
    let tolerance = client
        .as_ref()
        .map_or(Verifier::DEFAULT_TOLERANCE, |(_, client)| {
            client.clock_tolerance
        });
    let verifier = load_verifier(root, tolerance).map_err(|error| match (&client, error) {
        (Some((path, _)), error) if arguments.root.is_none() => {
            Ended::configuration(format_args!("{}: {error}", path.display()))
        }
        (_, error @ OpenError::Root { .. }) => {
            Ended::configuration(format_args!("--root: {error}"))
        }
        (_, error) => Ended::configuration(error),
    })?;
    let question = match (&client, arguments.ask) {
        (_, false) => None,
        (Some((path, client)), true) => {
            let question = Question::load(client, SystemClock.now()).map_err(|error| {
                Ended::configuration(format_args!("--ask: {}: {error}", path.display()))
            })?;
            Some(question)
        }
        (None, true) => {
            return Err(Ended::configuration(
                "--ask: --config FILE of a client is wanted: hosts are asked with its product and its state",
            ));
        }
    };
    let configured = arguments.configured(client.as_ref().map(|(_, client)| client))?;

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Ended::failed)?;
    let report = runtime.block_on(with_progress(&configured, verifier, question))?;
    if arguments.json {
        cli::print_json(&json::audit(&report))?;
    } else {
        print::audit(&report);
    }
    Ok(if is_wrong(&report) {
        cli::FAILED
    } else {
        cli::DONE
    })
}

impl DnsAudit {
    /// The command line wins over the configuration.
    fn configured(&self, client: Option<&ClientConfig>) -> Result<AuditConfig, Ended> {
        let mut config = client.map_or_else(AuditConfig::default, AuditConfig::of_client);
        if !self.domains.is_empty() {
            config.domains.clone_from(&self.domains);
        }
        if let Some(service) = &self.service {
            config.service = service.clone();
        }
        if !self.nameserver.is_empty() {
            config.nameservers.clone_from(&self.nameserver);
        }
        if let Some(seconds) = self.host_timeout {
            config.host_timeout = Duration::from_secs(seconds.into());
        }
        config.known = known::all(&self.known, self.known_file.as_deref())?;
        config.try_update = self.try_update;
        config.primary = self.primary;
        config.allow_loopback |= self.allow_loopback;
        Ok(config)
    }
}

/// Whether the exit code is to say so.
fn is_wrong(report: &AuditReport) -> bool {
    report
        .findings
        .iter()
        .any(|finding| finding.severity() < Severity::Note)
}

/// The audit, and after a second, on a terminal, how far it has come.
async fn with_progress(
    config: &AuditConfig,
    verifier: Verifier,
    question: Option<Question>,
) -> Result<AuditReport, Ended> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}").map_err(Ended::failed)?;
    bar.set_style(style);
    let shown = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.enable_steady_tick(Duration::from_millis(200));
        pending::<()>().await;
    };
    let entropy = &mut OsEntropy;
    let progress = |progress| bar.set_message(words(progress));
    let report = tokio::select! {
        report = audit(config, verifier, question, SystemClock, entropy, progress) => report,
        () = shown => return Err(Ended::failed("the audit was given up")),
    };
    bar.finish_and_clear();
    report.map_err(Ended::configuration)
}

fn words(progress: Progress) -> String {
    if progress.domains_done < progress.domains {
        format!(
            "looked up {} of {} domains",
            progress.domains_done, progress.domains
        )
    } else {
        format!(
            "looked at {} of {} hosts",
            progress.hosts_done, progress.hosts
        )
    }
}

fn dns_server(text: &str) -> Result<SocketAddr, String> {
    const DNS_PORT: u16 = 53;
    text.parse()
        .or_else(|_| {
            text.parse::<IpAddr>()
                .map(|address| SocketAddr::new(address, DNS_PORT))
        })
        .ok()
        .filter(|server: &SocketAddr| {
            server.port() != 0 && AddressRule::Pinned.check(server.ip()).is_ok()
        })
        .ok_or_else(|| {
            "an IP address is wanted, with or without a port, as 192.0.2.53 or [2001:db8::53]:53"
                .to_owned()
        })
}
