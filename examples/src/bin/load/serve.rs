//! Servers to be measured: the bare one, and the host with each of its stores.

use crate::{bare, processor};
use core::net::SocketAddr;
use examples::cli::{self, Ended};
use kms_host::{HostConfig, HostService, MemoryStore, Metrics, Server, SqliteStore, Store};
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
    /// The host, with its count in SQLite: a request is on the disk before it is answered.
    Durable,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: &[Self] = &[Self::Bare, Self::Memory, Self::Durable];

    /// Its name on a command line and in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Memory => "memory",
            Self::Durable => "durable",
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
    #[arg(long, required_if_eq_any([("kind", "memory"), ("kind", "durable")]))]
    identity: Option<PathBuf>,
    /// The database of a durable host. It is made if it is missing.
    #[arg(long, required_if_eq("kind", "durable"))]
    store: Option<PathBuf>,
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
        match self.kind {
            Kind::Bare => serve_bare(self.listen, stop).await,
            Kind::Memory => self.serve_host(|_, _| Ok(MemoryStore), stop).await,
            Kind::Durable => {
                let open = |config: &HostConfig, metrics| {
                    SqliteStore::open(&config.store, metrics).map_err(Ended::failed)
                };
                self.serve_host(open, stop).await
            }
        }
    }

    async fn serve_host<S: Store>(
        &self,
        open: impl FnOnce(&HostConfig, Arc<Metrics>) -> Result<S, Ended>,
        stop: CancellationToken,
    ) -> Result<(), Ended> {
        let config = self.config()?;
        let metrics = Arc::new(Metrics::default());
        let store = open(&config, Arc::clone(&metrics))?;
        let service = HostService::new(&config, store, SystemClock, &mut OsEntropy)
            .map_err(Ended::configuration)?
            .with_metrics(metrics);
        let server = Server::bind(&config.listen).map_err(Ended::failed)?;
        for address in server.local_addresses() {
            told(self.kind, address);
        }
        let service = Arc::new(service);
        let serving = tokio::spawn(async move {
            server
                .run(service, config.limits, &mut OsEntropy, stop)
                .await;
        });
        serving.await.map_err(Ended::failed)
    }

    /// The configuration of a host that is measured. One generator may be all of a network, so what
    /// one source may do is not limited.
    fn config(&self) -> Result<HostConfig, Ended> {
        let path = |path: &Option<PathBuf>| {
            let path = path.as_deref().unwrap_or_else(|| Path::new("none"));
            path.display().to_string()
        };
        let text = format!(
            "listen = \"{}\"\nidentity = '{}'\n\
             [limits]\nconnections_per_source = 4096\n\
             new_connections_per_second = 1000000\nnew_connections_burst = 1000000\n\
             requests_per_minute = 60000000\nrequests_burst = 1000000\n\
             [admission]\npolicy = \"compat\"\n\
             [store]\npath = '{}'\n",
            self.listen,
            path(&self.identity),
            path(&self.store),
        );
        HostConfig::parse(&text, Path::new("")).map_err(Ended::configuration)
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

fn told(kind: Kind, address: SocketAddr) {
    cli::print(format_args!("{}: listening on {address}", kind.name()));
}
