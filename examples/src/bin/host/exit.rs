//! Which exit code each fault of a host has.

use core::fmt;
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_host::{
    BindError, HostConfig, IdentityFileError, PublisherError, StartError, store::sqlite::OpenError,
};
use kms_service::{config::ConfigError, private_file::PrivateFileError};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// What `--help` says about exit codes.
pub(crate) const CODES: &str = "\
Exit codes:
  0   ended as it was told to, or the command is done
  64  the command line is wrong
  65  a file holds what it must not: a key, a certificate, a catalogue, a damaged store
  66  a file that is named is not there
  69  something that is needed cannot be had, as an address that is taken
  70  a fault of this program
  71  the system refused something
  73  a file that was to be made is there already
  74  reading or writing failed
  75  it would work later: another process has the store
  77  it is not permitted, or a private file is open to others
  78  the configuration is wrong, or the host is not certified";

/// What the help of the commands that change DNS says about exit codes.
pub(crate) const PUBLISH_CODES: &str = "\
Exit codes beside those of `host --help`, the first that fits where domains fail in several ways:
  0   done in every domain
  77  a server does not take the update: the key, its rights, or a clock that is wrong (look at both)
  69  a server refuses it for another reason, or its answer is none that can be trusted
  75  a server, or the way to it, failed: it may work later";

/// A fault that has an exit code.
pub(crate) trait Fault: fmt::Display {
    /// Of [`sysexits`].
    fn exit_code(&self) -> u8;
}

/// Ends with the fault's text and exit code.
pub(crate) fn with(fault: impl Fault) -> Ended {
    Ended::new(fault.exit_code(), fault)
}

/// The configuration file that the command line names, and what it says.
pub(crate) fn load(config: Option<&Path>) -> Result<(PathBuf, HostConfig), Ended> {
    let path =
        cli::config_path("host", config).map_err(|ended| ended.with_code(sysexits::USAGE))?;
    let config = HostConfig::load(path).map_err(|error| {
        let code = error.exit_code();
        cli::no_config("host", error).with_code(code)
    })?;
    Ok((path.to_owned(), config))
}

impl Fault for ConfigError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Io { source, .. } if source.kind() != ErrorKind::InvalidData => {
                sysexits::of_io(source.kind())
            }
            _ => sysexits::CONFIGURATION,
        }
    }
}

impl Fault for PrivateFileError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Io { source, .. } => sysexits::of_io(source.kind()),
            Self::Mode { .. } | Self::Owner { .. } => sysexits::PERMISSION,
            _ => sysexits::DATA,
        }
    }
}

impl Fault for IdentityFileError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::NoKey { .. } => sysexits::NO_INPUT,
            Self::Key(error) => error.exit_code(),
            Self::Chain { source, .. } => sysexits::of_io(source.kind()),
            _ => sysexits::DATA,
        }
    }
}

impl Fault for StartError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(error) => error.exit_code(),
            Self::Identity(error) => error.exit_code(),
            Self::Store(_) => sysexits::IO,
            _ => sysexits::DATA,
        }
    }
}

impl Fault for PublisherError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::KeyFile(error) => error.exit_code(),
            Self::Key { .. } => sysexits::DATA,
            _ => sysexits::CONFIGURATION,
        }
    }
}

impl Fault for OpenError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::InUse { .. } => sysexits::TEMPORARY,
            Self::Missing { .. } => sysexits::NO_INPUT,
            Self::Newer { .. } | Self::Older { .. } => sysexits::DATA,
            Self::Damaged { .. } | Self::NotAStore { .. } => sysexits::DATA,
            Self::NetworkFilesystem { .. } => sysexits::CONFIGURATION,
            Self::Exists { .. } => sysexits::CANNOT_CREATE,
            Self::Io { source, .. } => sysexits::of_io(source.kind()),
            _ => sysexits::IO,
        }
    }
}

impl Fault for BindError {
    fn exit_code(&self) -> u8 {
        match self.source.kind() {
            ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable => sysexits::UNAVAILABLE,
            ErrorKind::PermissionDenied => sysexits::PERMISSION,
            _ => sysexits::OS,
        }
    }
}
