//! `host publish`: publishing in DNS by hand, and what to enter where that cannot be.

mod dry_run;
mod manual;
mod once;
pub(crate) mod results;
mod told;

use crate::exit;
use examples::cli::Ended;
use std::path::Path;
use told::Told;

#[derive(clap::Args)]
#[command(
    after_help = format!("\
Examples:
  host --config host.toml publish
  host --config host.toml publish --dry-run > update.txt    # then: nsupdate -k kms.key update.txt
  host --config host.toml publish --manual
  host publish --manual --host-name kms1.contoso.com --address 192.0.2.10 --domain contoso.com,10,75

It publishes once and prints a line for each domain: the documented event (12294 published, 12293
failed), where, the result, and what to do. It does so too beside a running host, which goes on by
itself, and where publishing is turned off. What this host published before is replaced; records of
other hosts are never touched.

{}", exit::PUBLISH_CODES))]
pub(crate) struct Arguments {
    /// Prints the updates that would be sent, as scripts for nsupdate, and sends none.
    #[arg(long, conflicts_with = "manual")]
    dry_run: bool,
    /// Prints what to enter by hand where a zone takes no dynamic updates; needs no network and no
    /// key.
    #[arg(long)]
    manual: bool,
    /// As a JSON array of the domains.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    told: Told,
}

pub(crate) fn publish(config: Option<&Path>, arguments: &Arguments) -> Result<u8, Ended> {
    if arguments.manual {
        return manual::manual(config, &arguments.told, arguments.json);
    }
    if arguments.dry_run {
        return dry_run::dry_run(config, arguments.json);
    }
    once::once(config, arguments.json)
}
