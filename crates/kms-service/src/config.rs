//! Configuration files: one TOML text, read into a structure that derives `Deserialize`.
//!
//! A rule of one value is best put into its deserialisation, so that the error shows the line.

use serde::de::DeserializeOwned;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The largest configuration file that is read, in bytes.
pub const MAX_CONFIG_FILE: u64 = 1024 * 1024;

/// Why a configuration cannot be used. The text says where and what is wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text breaks a rule.
    #[error("{path}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, column, field, and what is wanted.
        message: String,
    },
}

/// The text of a configuration file.
///
/// # Errors
/// When it cannot be read, is no UTF-8, or has more than [`MAX_CONFIG_FILE`] bytes.
pub fn read(path: &Path) -> Result<String, ConfigError> {
    let io = |source| ConfigError::Io {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_CONFIG_FILE + 1).read_to_string(&mut text))
        .map_err(io)?;
    if u64::try_from(text.len()).is_ok_and(|len| len <= MAX_CONFIG_FILE) {
        Ok(text)
    } else {
        let message = format!("more than {MAX_CONFIG_FILE} bytes are no configuration");
        Err(ConfigError::Invalid {
            path: path.to_owned(),
            message,
        })
    }
}

/// Reads a configuration from text; `path` names it in errors.
///
/// # Errors
/// When the text is no TOML, or breaks a rule of the structure.
pub fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Invalid {
        path: path.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })
}

/// Deserialisers for `#[serde(deserialize_with)]`.
pub mod de {
    use core::{fmt, str::FromStr, time::Duration};
    use serde::{Deserialize, Deserializer, de::Error as _};

    /// A value written as text.
    ///
    /// # Errors
    /// As the value's own parsing.
    pub fn text<'de, D, T>(input: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: fmt::Display>,
    {
        String::deserialize(input)?
            .parse()
            .map_err(D::Error::custom)
    }

    /// A value written as text that may be left out (with `#[serde(default)]`).
    ///
    /// # Errors
    /// As the value's own parsing.
    pub fn some_text<'de, D, T>(input: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: fmt::Display>,
    {
        text(input).map(Some)
    }

    /// A list of values written as texts.
    ///
    /// # Errors
    /// As the values' own parsing; the text in question is shown.
    pub fn texts<'de, D, T>(input: D) -> Result<Vec<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: fmt::Display>,
    {
        let parse = |line: &String| {
            line.parse()
                .map_err(|error| D::Error::custom(format_args!("{line:?}: {error}")))
        };
        Vec::<String>::deserialize(input)?
            .iter()
            .map(parse)
            .collect()
    }

    /// A number of at least 1.
    ///
    /// # Errors
    /// When it is 0 or no number.
    pub fn at_least_one<'de, D: Deserializer<'de>>(input: D) -> Result<usize, D::Error> {
        match usize::deserialize(input)? {
            0 => Err(D::Error::custom(
                "0 would refuse everyone: at least 1 is wanted",
            )),
            number => Ok(number),
        }
    }

    /// A duration in whole seconds, from 1 to what ten years have.
    ///
    /// # Errors
    /// When it is out of that range.
    pub fn seconds<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        units(input, 1)
    }

    /// A duration in whole minutes, from 1 to what ten years have.
    ///
    /// # Errors
    /// When it is out of that range.
    pub fn minutes<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        units(input, 60)
    }

    /// A duration in whole days, from 1 to what ten years have.
    ///
    /// # Errors
    /// When it is out of that range.
    pub fn days<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        units(input, 24 * 3600)
    }

    fn units<'de, D: Deserializer<'de>>(input: D, unit: u64) -> Result<Duration, D::Error> {
        const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;
        let number = u64::deserialize(input)?;
        let most = TEN_YEARS / unit;
        if (1..=most).contains(&number) {
            Ok(Duration::from_secs(number * unit))
        } else {
            Err(D::Error::custom(format_args!(
                "{number} is out of range: allowed are 1 to {most}"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::{net::Ipv4Addr, time::Duration};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[serde(default, deserialize_with = "de::some_text")]
        address: Option<Ipv4Addr>,
        #[serde(default, deserialize_with = "de::texts")]
        more: Vec<Ipv4Addr>,
        #[serde(deserialize_with = "de::minutes")]
        wait: Duration,
    }

    fn example(text: &str) -> Result<Example, String> {
        parse(text, Path::new("a.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_read_by_their_own_rules() {
        let read = example("address = \"127.0.0.1\"\nmore = [\"1.2.3.4\"]\nwait = 2").unwrap();
        assert_eq!(read.address, Some(Ipv4Addr::LOCALHOST));
        assert_eq!(read.more, [Ipv4Addr::new(1, 2, 3, 4)]);
        assert_eq!(read.wait, Duration::from_secs(120));
    }

    #[test]
    fn errors_name_file_line_and_rule() {
        for (text, wanted) in [
            ("wait = 0", "allowed are 1 to 5256000"),
            ("address = \"1.2.3\"\nwait = 1", "invalid IPv4 address"),
            (
                "more = [\"1.2.3.4\", \"x\"]\nwait = 1",
                "\"x\": invalid IPv4 address",
            ),
            ("way = 1\nwait = 1", "unknown field `way`"),
        ] {
            let error = example(text).unwrap_err();
            assert!(
                error.starts_with("a.toml: ") && error.contains("line 1"),
                "{error}"
            );
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn limit_config_file_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let most = usize::try_from(MAX_CONFIG_FILE).unwrap();
        std::fs::write(&path, "#".repeat(most)).unwrap();
        assert!(read(&path).is_ok());
        std::fs::write(&path, "#".repeat(most + 1)).unwrap();
        assert!(
            read(&path)
                .unwrap_err()
                .to_string()
                .contains("more than 1048576 bytes")
        );
        assert!(matches!(read(folder.path()), Err(ConfigError::Io { .. })));
    }
}
