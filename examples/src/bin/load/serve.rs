//! Servers to be measured: the bare one, and the host with each of its stores.

use crate::{bare, processor};
use core::net::SocketAddr;
use examples::cli::{self, Ended};
use kms_host::{HostConfig, HostService, MemoryStore, Server, Store};
use kms_service::{OsEntropy, SystemClock};
use serde::Serialize;
use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A bare tokio server that answers with templates, as long as a host's answers and unsigned.
    Bare,
    /// The host, with its count in memory.
    Memory,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: &[Self] = &[Self::Bare, Self::Memory];

    /// Its name on a command line and in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Memory => "memory",
        }
    }
}

/// Serves until its standard input ends, or for ever.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArguments {
    /// What to serve.
    kind: Kind,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The host's identity: the folder that `authority certify` made.
    #[arg(long, required_if_eq("kind", "memory"))]
    identity: Option<PathBuf>,
    /// Threads that serve.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// The first of as many processors, counted from 0, as there are threads, which are held to them.
    #[arg(long)]
    processor: Option<usize>,
    /// End when standard input does, as when the process that started this one is gone.
    #[arg(long)]
    until_input_ends: bool,
}

impl ServeArguments {
    /// Serves; prints the address first.
    ///
    /// # Errors
    /// When the identity cannot be used or the address is taken.
    pub(crate) fn run(self) -> Result<u8, Ended> {
        if let Some(number) = self.processor {
            processor::hold(number, self.threads.into()).map_err(Ended::configuration)?;
        }
        let stop = CancellationToken::new();
        if self.until_input_ends {
            let stop = stop.clone();
            thread::spawn(move || {
                // Whatever it says, and whyever it ends.
                let _ = io::stdin().read_to_end(&mut Vec::new());
                stop.cancel();
            });
        }
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.threads.into())
            .enable_all()
            .build()
            .map_err(Ended::failed)?
            .block_on(self.serve(stop))?;
        Ok(cli::DONE)
    }

    async fn serve(self, stop: CancellationToken) -> Result<(), Ended> {
        let identity = self.identity.as_deref();
        match self.kind {
            Kind::Bare => serve_bare(self.listen, stop).await,
            Kind::Memory => serve_host(self.listen, identity, |_| Ok(MemoryStore), stop).await,
        }
    }
}

async fn serve_bare(listen: SocketAddr, stop: CancellationToken) -> Result<(), Ended> {
    let listener = TcpListener::bind(listen).await.map_err(Ended::failed)?;
    let address = listener.local_addr().map_err(Ended::failed)?;
    let templates = bare::Templates::new(address);
    let templates = templates.ok_or_else(|| Ended::failed("the host's engine sends nothing"))?;
    told(Kind::Bare, address);
    // On a worker, as the host's connections are.
    let serving = tokio::spawn(bare::serve(listener, templates));
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        served = serving => served.map_err(Ended::failed)?.map_err(Ended::failed),
    }
}

async fn serve_host<S: Store>(
    listen: SocketAddr,
    identity: Option<&Path>,
    open: impl FnOnce(&HostConfig) -> Result<S, Ended>,
    stop: CancellationToken,
) -> Result<(), Ended> {
    let identity = identity.unwrap_or_else(|| Path::new("")).display();
    // One generator may be all of a network: what one source may do is not what is measured.
    let text = format!(
        "listen = \"{listen}\"\nidentity = '{identity}'\n[limits]\nconnections_per_source = 4096\n"
    );
    let config = HostConfig::parse(&text, Path::new("")).map_err(Ended::configuration)?;
    let store = open(&config)?;
    let service = HostService::new(&config, store, SystemClock, &mut OsEntropy)
        .map_err(Ended::configuration)?;
    let server = Server::bind(&config.listen).map_err(Ended::failed)?;
    for address in server.local_addresses() {
        told(Kind::Memory, address);
    }
    let service = Arc::new(service);
    let serving = tokio::spawn(async move {
        server
            .run(service, config.limits, &mut OsEntropy, stop)
            .await;
    });
    serving.await.map_err(Ended::failed)
}

fn told(kind: Kind, address: SocketAddr) {
    cli::print(format_args!("{}: listening on {address}", kind.name()));
}
