use crate::http::is_loopback;
use core::net::SocketAddr;
use serde::{Deserialize, Deserializer, de::Error as _};

/// The `[metrics]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MetricsConfig {
    /// Where metrics and health are served: a loopback address.
    #[serde(deserialize_with = "loopback")]
    pub listen: SocketAddr,
}

fn loopback<'de, D: Deserializer<'de>>(input: D) -> Result<SocketAddr, D::Error> {
    let address = SocketAddr::deserialize(input)?;
    if is_loopback(address) {
        Ok(address)
    } else {
        Err(D::Error::custom(format_args!(
            "{address} can be reached by other machines: metrics are served on a loopback address, \
             as \"127.0.0.1:9168\" or \"[::1]:9168\"; to read them from elsewhere, put a proxy that \
             authenticates before it"
        )))
    }
}

#[cfg(test)]
mod tests {
    use crate::HostConfig;
    use std::path::Path;

    fn listen(table: &str) -> Result<String, String> {
        let text = format!("listen = \"0.0.0.0:1688\"\nidentity = \"kms1\"\n[metrics]\n{table}");
        let config = HostConfig::parse(&text, Path::new("host.toml"));
        let metrics = config.map_err(|error| error.to_string())?.metrics;
        Ok(metrics.unwrap().listen.to_string())
    }

    #[test]
    fn only_addresses_that_no_other_machine_reaches_are_taken() {
        for address in [
            "127.0.0.1:9168",
            "127.3.2.1:0",
            "[::1]:9168",
            "[::ffff:127.0.0.1]:9168",
        ] {
            let read = listen(&format!("listen = \"{address}\""));
            assert_eq!(read.as_deref(), Ok(address));
        }
        for address in [
            "0.0.0.0:9168",
            "[::]:9168",
            "192.0.2.1:9168",
            "[::ffff:192.0.2.1]:9168",
            "128.0.0.1:9168",
        ] {
            let error = listen(&format!("listen = \"{address}\"")).unwrap_err();
            assert!(
                error.starts_with("host.toml: ") && error.contains("line 4"),
                "{error}"
            );
            let wanted = format!("{address} can be reached by other machines");
            assert!(error.contains(&wanted), "{error}");
        }
    }

    #[test]
    fn a_table_that_says_nothing_or_something_else_is_refused() {
        for (table, line, wanted) in [
            ("", "line 3", "missing field `listen`"),
            ("listen = \"9168\"", "line 4", "invalid socket address"),
            ("address = \"127.0.0.1:1\"", "line 4", "unknown field"),
        ] {
            let error = listen(table).unwrap_err();
            assert!(error.contains(line) && error.contains(wanted), "{error}");
        }
    }
}
