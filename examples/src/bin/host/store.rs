//! `host backup` and `host repair`.

use crate::{beside, exit};
use examples::cli::{self, Ended};
use kms_host::store::sqlite::{self, Contents};
use std::path::Path;

pub(crate) fn backup(config: Option<&Path>, to: &Path) -> Result<u8, Ended> {
    let config = beside::load(config)?;
    let contents = sqlite::backup(&config.store.path, to).map_err(exit::with)?;
    cli::print(format_args!(
        "{}: a verified copy with {}; to use it, stop the host and put it in the place of {}",
        to.display(),
        Shown(&contents),
        config.store.path.display()
    ));
    Ok(cli::DONE)
}

pub(crate) fn repair(config: Option<&Path>) -> Result<u8, Ended> {
    let config = beside::load(config)?;
    let path = config.store.path.display();
    let repaired = sqlite::repair(&config.store.path).map_err(exit::with)?;
    let contents = Shown(&repaired.contents);
    match &repaired.kept {
        None => cli::print(format_args!(
            "{path}: whole, with {contents}; nothing was done"
        )),
        Some(kept) => {
            for lost in &repaired.lost {
                cli::print(lost);
            }
            cli::print(format_args!(
                "{path}: whole again, with {contents}; the damaged file is kept as {}",
                kept.display()
            ));
        }
    }
    Ok(cli::DONE)
}

/// What a store holds, in a few words.
pub(crate) struct Shown<'a>(pub(crate) &'a Contents);

impl core::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Contents {
            families,
            records,
            clients,
            events,
            ..
        } = self.0;
        write!(
            f,
            "{records} machines in {families} families, {clients} clients and {events} events"
        )
    }
}
