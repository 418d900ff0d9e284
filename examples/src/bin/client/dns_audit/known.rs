//! The hosts that an administrator knows.

use examples::cli::Ended;
use kms_service::config;
use kms_srv::PinnedHost;
use std::path::Path;

/// A host by name, for every port, or by name and port.
pub(super) fn parse(text: &str) -> Result<PinnedHost, String> {
    let host: PinnedHost = text
        .parse()
        .map_err(|error| format!("{error}; as kms1.contoso.com or kms1.contoso.com:1688"))?;
    if host.host().is_some() {
        Ok(host)
    } else {
        Err("a host is missing in front of the port".to_owned())
    }
}

/// Those of the command line and of the file; `None` where neither is given.
pub(super) fn all(
    named: &[PinnedHost],
    file: Option<&Path>,
) -> Result<Option<Vec<PinnedHost>>, Ended> {
    let mut known = named.to_vec();
    if let Some(path) = file {
        let text = config::read(path).map_err(Ended::configuration)?;
        for (number, line) in (1..).zip(text.lines()) {
            let name = line.split('#').next().unwrap_or_default().trim();
            if !name.is_empty() {
                let host = parse(name).map_err(|error| {
                    Ended::configuration(format_args!(
                        "{}: line {number}: {name:?}: {error}",
                        path.display()
                    ))
                })?;
                known.push(host);
            }
        }
        if known.is_empty() {
            return Err(Ended::configuration(format_args!(
                "{}: names no host: one in a line is wanted",
                path.display()
            )));
        }
    }
    Ok((!known.is_empty()).then_some(known))
}
