//! Finding the programs of others, or saying how to get them.

use crate::support::{LONG, Outcome, run};
use kms_testkit::process::{ChildGuard, ProcessError, Stream};
use std::{env, ffi::OsString, path::Path, process::Command};

const REQUIREMENTS: &str = "examples/tests/suite/foreign_peers/requirements.txt";
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/foreign_peers");

/// Versions before 42 lack what the scripts and the client use.
const CRYPTOGRAPHY: &str =
    "from cryptography.x509 import Certificate; Certificate.not_valid_before_utc";

/// A Python with the modules that a script imports.
#[derive(Clone, Debug)]
pub(crate) struct Python(OsString);

impl Python {
    /// That with `cryptography`.
    pub(crate) async fn with_cryptography() -> Self {
        Self::new("KMS_TEST_PYTHON", "python3", CRYPTOGRAPHY, &pip()).await
    }

    /// That with impacket.
    pub(crate) async fn with_impacket() -> Self {
        Self::new("KMS_TEST_PYTHON", "python3", "import impacket", &pip()).await
    }

    /// That with Samba's bindings.
    pub(crate) async fn with_samba() -> Self {
        let how = "apt-get install python3-samba";
        Self::new(
            "KMS_TEST_SAMBA_PYTHON",
            "/usr/bin/python3",
            "import samba",
            how,
        )
        .await
    }

    async fn new(variable: &str, default: &str, wanted: &str, how: &str) -> Self {
        let python = Self(env::var_os(variable).unwrap_or_else(|| default.into()));
        let mut check = python.command();
        check.args(["-c", wanted]);
        let advice = format!("{how}, or set {variable} to a Python that can do: {wanted}");
        let outcome = run_or(check, &advice).await;
        assert_eq!(outcome.code, Some(0), "{advice}\n{outcome}");
        python
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        // No caches beside the sources, and no modules from elsewhere.
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("PYTHONPATH");
        command
    }

    /// A script of this folder, or one whose path is given in full.
    pub(crate) fn script(&self, name: impl AsRef<Path>) -> Command {
        let mut command = self.command();
        command.arg(Path::new(SCRIPTS).join(name));
        command
    }
}

fn pip() -> String {
    format!("pip install -r {REQUIREMENTS}")
}

/// Runs a program to its end, or fails with the advice when there is no such program.
pub(crate) async fn run_or(mut command: Command, advice: &str) -> Outcome {
    let program = command.get_program().to_string_lossy().into_owned();
    let found = Command::new(&program).arg("--version").output();
    if let Err(error) = found {
        panic!("cannot start {program}: {error}; {advice}");
    }
    command.env_remove("RUST_LOG");
    run(command).await
}

/// Starts a program and waits until it prints a line on standard error that has this text.
pub(crate) async fn start_until(command: Command, text: &str, advice: &str) -> ChildGuard {
    let mut child = match ChildGuard::start(command) {
        Ok(child) => child,
        Err(error @ ProcessError::Start { .. }) => panic!("{error}: {advice}"),
        Err(error) => panic!("{error}"),
    };
    let ready = child
        .wait_for_line(LONG, |line| {
            line.stream == Stream::Stderr && line.text.contains(text)
        })
        .await;
    assert!(ready.is_ok(), "{advice}\n{ready:?}");
    child
}
