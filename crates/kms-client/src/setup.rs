//! From a configuration to what an engine is made of.

use crate::{ClientConfig, ClientState, OpenError, StateError, StateFile, Stored};
use core::time::Duration;
use kms_core::MachineName;
use kms_keys::{Catalogue, Product};
use kms_license::Policy;
use kms_service::config;
use kms_srv::{DiscoveryConfig, DomainName};
use kms_trust::{Oids, TrustAnchors, Verifier};
use std::path::Path;

pub(crate) fn load_catalogue(path: Option<&Path>) -> Result<Catalogue, OpenError> {
    match path {
        Some(path) => Ok(Catalogue::parse(
            &config::read(path)?,
            &path.display().to_string(),
        )?),
        None => Ok(Catalogue::builtin()),
    }
}

pub(crate) fn load_verifier(root: &Path, tolerance: Duration) -> Result<Verifier, OpenError> {
    let anchors =
        TrustAnchors::from_pem(&config::read(root)?).map_err(|source| OpenError::Root {
            path: root.to_owned(),
            source,
        })?;
    Ok(Verifier::new(anchors, Oids::default(), tolerance))
}

pub(crate) fn read_state(
    file: &StateFile,
    stored: &Stored,
    product: &Product,
) -> Result<ClientState, StateError> {
    let path = || file.path().to_owned();
    let state = ClientState::from_text(&stored.text).map_err(|source| StateError::Text {
        path: path(),
        source,
    })?;
    let (found, wanted) = (state.license.activation_id, product.activation_id);
    if found == wanted {
        Ok(state)
    } else {
        Err(StateError::OtherProduct {
            path: path(),
            found,
            wanted,
        })
    }
}

pub(crate) const fn policy_of(product: &Product) -> Policy {
    Policy {
        threshold: product.threshold,
        grace: product.policy.grace.duration(),
        validity: product.policy.validity,
        oot_grace: product.policy.oot_grace.duration(),
        activation_interval: product.policy.activation_interval,
        renewal_interval: product.policy.renewal_interval,
        rearms: product.policy.rearms,
        reduced_functionality: product.policy.reduced_functionality,
    }
}

pub(crate) fn discovery_config(
    configured: &ClientConfig,
    search_list: &[DomainName],
) -> DiscoveryConfig {
    DiscoveryConfig {
        service: configured.service.clone(),
        pinned: configured.host.clone(),
        lookup_domain: configured.lookup_domain.clone(),
        suffixes: if configured.domains.is_empty() {
            search_list.to_vec()
        } else {
            configured.domains.clone()
        },
        caching: configured.caching,
        rule: configured.selection,
        allow_loopback: configured.allow_loopback,
        ..DiscoveryConfig::default()
    }
}

pub(crate) fn machine_name(configured: Option<&str>) -> Result<MachineName, OpenError> {
    Ok(match configured {
        Some(name) => name.parse()?,
        None => {
            let system = rustix::system::uname();
            sendable(&system.nodename().to_string_lossy())?
        }
    })
}

/// A system's name may be longer than a request carries, or hold what it does not: it is cut, and
/// control characters are left out.
fn sendable(name: &str) -> Result<MachineName, OpenError> {
    let cut: String = name
        .chars()
        .filter(|c| !c.is_control())
        .scan(0, |len, c| {
            *len += c.len_utf8();
            (*len <= MachineName::MAX_LEN).then_some(c)
        })
        .collect();
    Ok(cut.parse().or_else(|_| "localhost".parse())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_machine_name_is_taken_as_it_is_or_refused() {
        assert_eq!(machine_name(Some("büro-1")).unwrap().as_str(), "büro-1");
        for (name, wanted) in [
            ("", "machine_name: a machine name must not be empty"),
            ("a\nb", "control characters"),
            (&"x".repeat(64), "at most 63 bytes"),
        ] {
            let error = machine_name(Some(name)).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn the_systems_name_is_made_to_fit_a_request() {
        for (system, sent) in [
            ("ws-17", "ws-17".to_owned()),
            ("ws\u{1b}[0m-17\n", "ws[0m-17".to_owned()),
            (&"x".repeat(64), "x".repeat(63)),
            // Cut between characters, never within one.
            (&"é".repeat(40), "é".repeat(31)),
            ("", "localhost".to_owned()),
            ("\u{7f}", "localhost".to_owned()),
        ] {
            assert_eq!(sendable(system).unwrap().as_str(), sent);
        }
        assert!(machine_name(None).is_ok());
    }
}
