//! Exit codes, logs and the way errors are shown, the same in every binary.

use core::fmt;
use kms_service::config::ConfigError;
use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, ParseError, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Exit code: it worked.
pub const DONE: u8 = 0;
/// Exit code: it did not work.
pub const FAILED: u8 = 1;
/// Exit code: the command line, the configuration or a file that it names cannot be used.
pub const CONFIGURATION: u8 = 2;
/// Exit code of `client activate`: the host answered, but its count is too low.
pub const COUNT_TOO_LOW: u8 = 3;

/// Why a command ends without success.
#[derive(Debug)]
pub struct Ended {
    code: u8,
    message: String,
}

impl Ended {
    /// Ends with an exit code of the binary's own.
    pub fn new(code: u8, error: impl fmt::Display) -> Self {
        Self {
            code,
            message: error.to_string(),
        }
    }

    /// The same end with another exit code.
    #[must_use]
    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// What is said on standard error.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// It did not work.
    pub fn failed(error: impl fmt::Display) -> Self {
        Self::new(FAILED, error)
    }

    /// What was given cannot be used.
    pub fn configuration(error: impl fmt::Display) -> Self {
        Self::new(CONFIGURATION, error)
    }
}

/// The configuration file that a command line must name.
///
/// # Errors
/// When it names none.
pub fn config_path<'a>(binary: &str, path: Option<&'a Path>) -> Result<&'a Path, Ended> {
    path.ok_or_else(|| {
        Ended::configuration(format_args!(
            "--config FILE is wanted; `{binary} --help` shows the smallest one"
        ))
    })
}

/// The configuration file cannot be used.
pub fn no_config(binary: &str, error: ConfigError) -> Ended {
    match &error {
        ConfigError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Ended::configuration(format_args!(
                "{error}; `{binary} --help` shows the smallest configuration"
            ))
        }
        _ => Ended::configuration(error),
    }
}

/// Logs to standard error: what [`log_filter`] lets through.
///
/// # Errors
/// When `RUST_LOG` is set and is no filter.
pub fn init_logs(level: LevelFilter) -> Result<(), Ended> {
    let filter = log_filter(level)?;
    tracing_subscriber::registry()
        .with(log_lines().with_filter(filter))
        .init();
    Ok(())
}

/// `RUST_LOG` decides what is logged, else warnings and above with `level` for ours.
///
/// # Errors
/// When `RUST_LOG` is set and is no filter.
pub fn log_filter(level: LevelFilter) -> Result<Targets, Ended> {
    // The last of ours is the host's binary itself.
    let ours = format!("warn,kms_host={level},kms_client={level},host={level},hickory_server=off");
    let wanted = match std::env::var("RUST_LOG") {
        Ok(wanted) if !wanted.is_empty() => wanted,
        _ => ours,
    };
    wanted.parse().map_err(|error: ParseError| {
        Ended::configuration(format_args!(
            "RUST_LOG={wanted}: {error}; as in RUST_LOG=info or RUST_LOG=kms_client=debug"
        ))
    })
}

/// Log lines on standard error, coloured on a terminal.
pub fn log_lines<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
}

/// Prints to standard output. A reader that went away is no error of ours.
pub fn print(text: impl fmt::Display) {
    // `head` and the like close the pipe: there is nobody left to tell.
    let _ = print_to_reader(text);
}

/// As [`print()`], and whether anybody still reads: who prints on and on stops when nobody does.
#[must_use]
pub fn print_to_reader(text: impl fmt::Display) -> bool {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// A value as JSON in one line.
///
/// # Errors
/// When the value has no JSON form.
pub fn json_line(value: &impl serde::Serialize) -> Result<String, Ended> {
    serde_json::to_string(value).map_err(Ended::failed)
}

/// Prints a value as JSON to standard output.
///
/// # Errors
/// When the value has no JSON form.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Ended> {
    serde_json::to_string_pretty(value)
        .map(print)
        .map_err(Ended::failed)
}

/// An empty table with these headings, as wide as its content.
pub fn table<const N: usize>(headings: [&str; N]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(headings);
    table
}

/// Ends a binary: the message, if any, on standard error, and the exit code.
pub fn end(binary: &str, ended: Result<u8, Ended>) -> ExitCode {
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(ended) => {
            let _ = writeln!(io::stderr(), "{binary}: {}", ended.message);
            ExitCode::from(ended.code)
        }
    }
}
