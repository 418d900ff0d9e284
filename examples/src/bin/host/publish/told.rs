//! What is published, without asking anybody: from the command line, the configuration, the
//! certificate and the store.

use crate::{here::Here, publishing};
use core::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
};
use examples::{cli::Ended, sysexits};
use kms_host::Publisher;
use kms_srv::{
    DEFAULT_PORT, DomainName, PublishEntry, PublishList, Registration, ServiceName, Ttl,
};

/// What `--manual` is told in place of the configuration.
#[derive(clap::Args)]
#[command(next_help_heading = "For --manual, in place of what the configuration says")]
pub(crate) struct Told {
    /// Where to publish, with priority and weight if they are not 0; may be given several times.
    /// Default: dns.domains, or the domain of the host's name.
    #[arg(long, requires = "manual", value_name = "DOMAIN[,PRIORITY[,WEIGHT]]")]
    domain: Vec<String>,
    /// The host's name. Default: dns.host_name, or the name in the certificate.
    #[arg(long, requires = "manual", value_name = "NAME")]
    host_name: Option<DomainName>,
    /// An address of the host; may be given several times. Default: dns.addresses, or those that
    /// are listened on.
    #[arg(long, requires = "manual", value_name = "ADDRESS")]
    address: Vec<IpAddr>,
    /// The port that the host listens on. Default: that of the running host, or of `listen`.
    #[arg(long, requires = "manual")]
    port: Option<NonZeroU16>,
}

impl Told {
    /// What is to be published in each domain.
    ///
    /// # Errors
    /// When something is neither told nor configured, or cannot be published.
    pub(super) fn registrations(&self, here: Option<&Here>) -> Result<Vec<Registration>, Ended> {
        let dns = here.and_then(|here| here.config.dns.as_ref());
        let host = self.host(here)?;
        let port = self.port(here)?;
        let addresses = self.addresses(here);
        let ttl = Ttl::from_secs(dns.map_or_else(|| Ttl::default().as_secs(), |dns| dns.ttl))
            .map_err(|error| {
                Ended::new(sysexits::CONFIGURATION, format_args!("dns.ttl: {error}"))
            })?;
        let service = dns.map_or_else(ServiceName::default, |dns| dns.service.clone());
        self.domains(here, &host)?
            .into_iter()
            .map(|entry| {
                Registration::new(&service, &entry.domain, host.clone())
                    .and_then(|registration| {
                        registration
                            .with_port(port)
                            .with_priority_and_weight(entry.priority, entry.weight)
                            .with_ttl(ttl)
                            .with_addresses(addresses.iter().copied())
                    })
                    .map_err(|error| {
                        let code = if self.tells() {
                            sysexits::USAGE
                        } else {
                            sysexits::CONFIGURATION
                        };
                        Ended::new(code, format_args!("in {}: {error}", entry.domain))
                    })
            })
            .collect()
    }

    /// Whether the command line has anything that may be wrong.
    const fn tells(&self) -> bool {
        self.host_name.is_some() || !self.address.is_empty() || !self.domain.is_empty()
    }

    fn host(&self, here: Option<&Here>) -> Result<DomainName, Ended> {
        if let Some(name) = &self.host_name {
            return Ok(name.clone());
        }
        let wanted = |why: &dyn core::fmt::Display| {
            Ended::new(
                sysexits::USAGE,
                format_args!("--host-name NAME is wanted, because {why}"),
            )
        };
        let Some(here) = here else {
            return Err(wanted(
                &"no configuration tells it; --config FILE names one",
            ));
        };
        let configured = here
            .config
            .dns
            .as_ref()
            .and_then(|dns| dns.host_name.clone());
        match (configured, &here.certified) {
            (Some(name), _) => Ok(name),
            (None, Ok(Some(name))) => name.parse().map_err(|error| {
                wanted(&format_args!(
                    "the certificate's name {name:?} is no DNS name: {error}"
                ))
            }),
            (None, Ok(None)) => Err(wanted(&"the host has no certificate that names it")),
            (None, Err(error)) => Err(wanted(&format_args!(
                "the certificate's name is not known: {error}"
            ))),
        }
    }

    fn port(&self, here: Option<&Here>) -> Result<NonZeroU16, Ended> {
        match (self.port, here) {
            (Some(port), _) => Ok(port),
            (None, None) => Ok(DEFAULT_PORT),
            (None, Some(here)) => Publisher::told(&here.listening)
                .first()
                .and_then(|socket| NonZeroU16::new(socket.port()))
                .ok_or_else(|| {
                    Ended::new(
                        sysexits::USAGE,
                        "--port PORT is wanted, because `listen` leaves the port to the system and \
                         the host does not run",
                    )
                }),
        }
    }

    fn addresses(&self, here: Option<&Here>) -> Vec<IpAddr> {
        let Some(here) = here.filter(|_| self.address.is_empty()) else {
            return self.address.clone();
        };
        match &here.config.dns {
            Some(dns) if !dns.addresses.is_empty() => dns.addresses.clone(),
            _ => {
                // A port that is told chooses among the sockets, unless it is one of a router's.
                let mut listening = here.listening.clone();
                if let Some(port) = self.port
                    && listening.iter().any(|socket| socket.port() == port.get())
                {
                    listening.retain(|socket| socket.port() == port.get());
                }
                Publisher::told(&listening)
                    .iter()
                    .map(SocketAddr::ip)
                    .filter(|address| !address.is_unspecified())
                    .collect()
            }
        }
    }

    fn domains(&self, here: Option<&Here>, host: &DomainName) -> Result<Vec<PublishEntry>, Ended> {
        let told = PublishList::from_lines(self.domain.iter().map(String::as_str))
            .map_err(|error| Ended::new(sysexits::USAGE, format_args!("--domain: {error}")))?;
        let configured = here
            .and_then(|here| here.config.dns.as_ref())
            .map(|dns| &dns.domains);
        let list = match configured {
            Some(configured) if told.entries().is_empty() => configured.clone(),
            _ => told,
        };
        let entries = list.or_home(publishing::home(host).as_ref());
        if entries.is_empty() {
            return Err(Ended::new(
                sysexits::USAGE,
                format_args!("--domain DOMAIN is wanted, because {host} lies in no domain"),
            ));
        }
        Ok(entries)
    }
}
