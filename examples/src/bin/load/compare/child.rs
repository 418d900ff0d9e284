//! A server in a process of its own, so that its processor time can be told from the generator's.

use crate::{arguments::default_sources, processor, serve::Kind, sources::Sources};
use core::{net::SocketAddr, time::Duration};
use examples::cli::Ended;
use kms_service::OsEntropy;
use std::{
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Arc,
};

/// The host's identity in its folder.
pub(super) const IDENTITY: &str = "host";
/// The durable host's store.
const STORE: &str = "host.db";

/// A server that ends when this is dropped, or when this process does.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    // Its end is the server's.
    _input: Option<ChildStdin>,
    pub(super) address: SocketAddr,
    /// Where it is asked from.
    pub(super) sources: Arc<Sources>,
}

impl Server {
    /// Starts one with so many threads, held to the first processors if `held`, whose files are in a
    /// folder.
    ///
    /// # Errors
    /// When it does not say where it listens.
    pub(super) fn start(
        kind: Kind,
        folder: &Path,
        threads: u16,
        held: bool,
    ) -> Result<Self, Ended> {
        let mut command = Command::new(env::current_exe().map_err(Ended::failed)?);
        command
            .args(["serve", kind.name(), "--until-input-ends", "--threads"])
            .arg(threads.to_string())
            .arg("--identity")
            .arg(folder.join(IDENTITY))
            .arg("--store")
            .arg(folder.join(STORE))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if held {
            command.args(["--processor", "0"]);
        }
        let mut child = command.spawn().map_err(Ended::failed)?;
        let input = child.stdin.take();
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            let read = BufReader::new(output).read_line(&mut line);
            read.map_err(Ended::failed)?;
        }
        let told = line.trim_end().rsplit_once(" on ");
        let address = told.and_then(|(_, address)| address.parse().ok());
        let mut server = Self {
            child,
            _input: input,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            sources: Arc::default(),
        };
        server.address = address.ok_or_else(|| {
            let name = kind.name();
            Ended::failed(format_args!("`load serve {name}` does not listen"))
        })?;
        let many = default_sources(server.address);
        server.sources = Arc::new(Sources::new(many, &mut OsEntropy));
        Ok(server)
    }

    /// The processor time that it has used.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn used(&self) -> Result<Duration, Ended> {
        processor::used(self.child.id()).map_err(Ended::failed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to be done.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
