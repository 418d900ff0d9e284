//! `host check`: everything that serving needs, without serving.

use crate::{
    exit,
    here::{self, Here},
    store::Shown,
};
use core::net::IpAddr;
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::{Clock, StatusCode};
use kms_host::{
    Durability, HostConfig, HostService, MemoryStore, Publisher,
    store::sqlite::{self, OpenError},
};
use kms_service::{OsEntropy, SystemClock};
use kms_srv::{DomainName, Registration, SrvRecord};
use kms_trust::HostIdentity;
use std::path::Path;

pub(crate) fn check(config: Option<&Path>) -> Result<u8, Ended> {
    let here = Here::read_what_can_be(config)?;
    let config = &here.config;
    let service =
        HostService::new(config, MemoryStore, SystemClock, &mut OsEntropy).map_err(exit::with)?;
    let identity = service.identity();
    let publishing = check_publishing(&here, identity.as_deref().map(HostIdentity::name))?;
    let store = check_store(config)?;
    match identity {
        Some(identity) if SystemClock.now().wall <= identity.not_after() => {
            let scope: Vec<&str> = identity.scope().iter().map(String::as_str).collect();
            cli::print(format_args!(
                "{}: certified until {}, for {}",
                identity.name(),
                identity.not_after(),
                scope.join(", ")
            ));
            cli::print(format_args!("store: {store}"));
            publishing.iter().for_each(cli::print);
            Ok(cli::DONE)
        }
        _ => Err(Ended::new(
            sysexits::CONFIGURATION,
            format_args!(
                "{}: no valid certificate: clients would get {}",
                config.identity.display(),
                StatusCode::VL_KEY_MANAGEMENT_SERVICE_NOT_ACTIVATED
            ),
        )),
    }
}

/// What the store holds, read as a whole.
fn check_store(config: &HostConfig) -> Result<String, Ended> {
    if config.store.durability != Durability::Commit {
        return Ok("none, the count starts anew with the process".to_owned());
    }
    let path = config.store.path.display();
    match sqlite::check(&config.store.path) {
        Ok(contents) => Ok(format!("{path}: whole, with {}", Shown(&contents))),
        Err(OpenError::Missing { .. }) => Ok(format!("{path}: will be made at the first start")),
        Err(error) => Err(exit::with(error)),
    }
}

/// What would be published, and what can be told of it without the network.
fn check_publishing(here: &Here, certified: Option<&str>) -> Result<Vec<String>, Ended> {
    let Some(dns) = &here.config.dns else {
        return Ok(vec![
            "DNS: nothing is published, there is no [dns] table".to_owned(),
        ]);
    };
    // The port that is published is known once the host listens; any will do to check the rest.
    let mut listening = here.listening.clone();
    for address in listening.iter_mut().filter(|address| address.port() == 0) {
        address.set_port(kms_srv::DEFAULT_PORT.get());
    }
    let publisher = Publisher::new(dns, &listening, certified).map_err(exit::with)?;
    let key = here::key(dns).map_err(exit::with)?;
    let server = match dns.server {
        Some(server) => format!("at {server}"),
        None => "at each zone's primary".to_owned(),
    };
    let mut lines = vec![format!(
        "DNS: published {server}, signed with the key {} ({}) of {}",
        key.name(),
        key.algorithm().name(),
        dns.key_file.display()
    )];
    match publisher.registrations() {
        Ok(all) => {
            for (domain, registration) in &all {
                lines.push(format!("DNS: {}", published_in(domain, registration)));
            }
            let registrations: Vec<&Registration> =
                all.iter().map(|(_, registration)| registration).collect();
            lines.extend(warnings(&registrations));
        }
        Err(error) => lines.push(format!(
            "warning: the machine's addresses cannot be read: {error}: set dns.addresses"
        )),
    }
    if here.stored.dns_publishing == Some(false) {
        lines.push(format!(
            "warning: publishing is turned off; to turn it on: {}",
            here.command("set dns-publishing on")
        ));
    }
    Ok(lines)
}

fn published_in(domain: &DomainName, registration: &Registration) -> String {
    let SrvRecord {
        priority, weight, ..
    } = registration.srv_record();
    let addresses: Vec<String> = registration
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    let addresses = if addresses.is_empty() {
        "without addresses".to_owned()
    } else {
        format!("with {}", addresses.join(", "))
    };
    format!(
        "{} in {domain}, priority {priority}, weight {weight}, {addresses}",
        registration.host()
    )
}

/// What keeps clients from finding the host although it is published, or makes them look for it when it is
/// gone, as far as it shows without the network.
fn warnings(registrations: &[&Registration]) -> Vec<String> {
    const DAY: u32 = 24 * 3600;
    const MINUTE: u32 = 60;
    let mut warnings = Vec::new();
    let Some(first) = registrations.first() else {
        return warnings;
    };
    // Each domain is taken for a zone here; whether it is one, only the network knows.
    if registrations
        .iter()
        .all(|registration| !registration.is_host_in_zone())
    {
        warnings.push(format!(
            "warning: {} lies in none of the domains: its A and AAAA records are not published and have \
             to be in its own zone",
            first.host()
        ));
    } else if registrations
        .iter()
        .all(|registration| registration.addresses().is_empty())
    {
        warnings.push(
            "warning: this machine has no address that others can reach: set dns.addresses"
                .to_owned(),
        );
    }
    let mut addresses: Vec<&IpAddr> = Vec::new();
    for address in registrations
        .iter()
        .flat_map(|registration| registration.addresses())
    {
        if is_for_this_machine_alone(address) && !addresses.contains(&address) {
            addresses.push(address);
            warnings.push(format!(
                "warning: {address} is published, which other machines cannot reach: set dns.addresses, \
                 or listen on another one"
            ));
        }
    }
    match first.ttl().as_secs() {
        seconds if seconds > DAY => warnings.push(format!(
            "warning: dns.ttl = {seconds} is more than a day: so long the record is handed out after it \
             was changed or withdrawn"
        )),
        seconds if seconds < MINUTE => warnings.push(format!(
            "warning: dns.ttl = {seconds} is less than a minute: the DNS servers are asked each time"
        )),
        _ => {}
    }
    warnings
}

/// Loopback and link-local addresses, which clients pass over.
const fn is_for_this_machine_alone(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kms_srv::{ServiceName, Ttl};

    fn registration(domain: &str, addresses: &[&str], ttl: u32) -> Registration {
        let (domain, host) = (
            domain.parse().unwrap(),
            "kms1.contoso.test".parse().unwrap(),
        );
        Registration::new(&ServiceName::default(), &domain, host)
            .unwrap()
            .with_ttl(Ttl::from_secs(ttl).unwrap())
            .with_addresses(addresses.iter().map(|address| address.parse().unwrap()))
            .unwrap()
    }

    #[test]
    fn what_keeps_clients_away_is_warned_of() {
        let cases: [(&str, &[&str], u32, &[&str]); 7] = [
            ("contoso.test", &["192.0.2.10"], 3600, &[]),
            ("contoso.test", &["192.0.2.10"], 86_400, &[]),
            (
                "contoso.test",
                &["127.0.0.1", "::1"],
                60,
                &["127.0.0.1 is", "::1 is"],
            ),
            (
                "contoso.test",
                &["fe80::1", "169.254.1.1"],
                60,
                &["fe80::1 is", "169.254.1.1 is"],
            ),
            (
                "contoso.test",
                &[],
                3600,
                &["no address that others can reach"],
            ),
            (
                "fabrikam.test",
                &["127.0.0.1"],
                3600,
                &["lies in none of the domains"],
            ),
            (
                "contoso.test",
                &["192.0.2.10"],
                86_401,
                &["86401 is more than a day"],
            ),
        ];
        for (domain, addresses, ttl, wanted) in cases {
            let told = warnings(&[&registration(domain, addresses, ttl)]);
            assert_eq!(told.len(), wanted.len(), "{told:?}");
            for (told, wanted) in told.iter().zip(wanted) {
                assert!(told.contains(wanted), "{told}");
            }
        }
        let low = warnings(&[&registration("contoso.test", &["192.0.2.10"], 59)]);
        assert!(low[0].contains("less than a minute"), "{low:?}");
        // One domain that holds the host is enough.
        let both = ["contoso.test", "fabrikam.test"]
            .map(|domain| registration(domain, &["192.0.2.10"], 60));
        assert_eq!(warnings(&both.each_ref()), [""; 0]);
    }
}
