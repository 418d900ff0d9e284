//! `host check`: everything that serving needs, without serving.

use crate::{exit, store::Shown};
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
use kms_trust::HostIdentity;
use std::path::Path;

pub(crate) fn check(config: Option<&Path>) -> Result<u8, Ended> {
    let (_, config) = exit::load(config)?;
    let service =
        HostService::new(&config, MemoryStore, SystemClock, &mut OsEntropy).map_err(exit::with)?;
    let identity = service.identity();
    check_publishing(&config, identity.as_deref().map(HostIdentity::name))?;
    let store = check_store(&config)?;
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

fn check_publishing(config: &HostConfig, certified: Option<&str>) -> Result<(), Ended> {
    let Some(dns) = &config.dns else {
        return Ok(());
    };
    // The port that is published is known once the host listens; any will do to check the rest.
    let mut listening = config.listen.clone();
    for address in listening.iter_mut().filter(|address| address.port() == 0) {
        address.set_port(kms_srv::DEFAULT_PORT.get());
    }
    Publisher::new(dns, &listening, certified)
        .map(|_| ())
        .map_err(exit::with)
}
