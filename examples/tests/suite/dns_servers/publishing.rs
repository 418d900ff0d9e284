//! A host that publishes, as far as publishing goes.

use super::keys::{self, HOSTS, Key};
use core::{net::SocketAddr, time::Duration};
use kms_core::{Clock, Now};
use kms_host::{HostConfig, MemoryRecords, Publisher};
use kms_service::{OsEntropy, SystemClock};
use std::sync::Arc;

/// The publishing side of a host, with files of its own.
#[derive(Debug)]
pub(crate) struct PublishingHost {
    folder: tempfile::TempDir,
    /// Where DNS is, in the `[dns]` table.
    lines: String,
    primary_port: Option<u16>,
    published: Arc<MemoryRecords>,
    domain: String,
    name: String,
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) port: u16,
    pub(crate) addresses: Vec<String>,
}

impl PublishingHost {
    /// `<name>.hosts.<domain>` on port 1688 with one IPv4 address, published in `domain` with the hosts' key.
    pub(crate) fn new(server: SocketAddr, domain: &str, name: &str) -> Self {
        let host = Self {
            folder: tempfile::tempdir().unwrap(),
            lines: format!("server = \"{server}\""),
            primary_port: None,
            published: Arc::default(),
            domain: domain.to_owned(),
            name: format!("{name}.hosts.{domain}"),
            priority: 0,
            weight: 0,
            port: 1688,
            addresses: vec!["10.1.2.3".to_owned()],
        };
        host.with_key(HOSTS)
    }

    pub(crate) fn with_key(self, key: Key) -> Self {
        key.write(&self.folder.path().join("dns.key"));
        self
    }

    /// Instead of a server that is told, the primary is found by asking this resolver, and listens on
    /// this port.
    pub(crate) fn by_resolver(mut self, resolver: SocketAddr, primary_port: u16) -> Self {
        self.lines = format!("nameservers = [\"{resolver}\"]");
        self.primary_port = Some(primary_port);
        self
    }

    /// As a host that has lost its memory of what it published.
    pub(crate) fn forgetting(mut self) -> Self {
        self.published = Arc::default();
        self
    }

    /// With a key in the text of its file.
    pub(crate) fn with_key_file(self, text: &str) -> Self {
        keys::write(&self.folder.path().join("dns.key"), text);
        self
    }

    pub(crate) fn with_addresses(mut self, addresses: &[&str]) -> Self {
        self.addresses = addresses.iter().map(|&address| address.into()).collect();
        self
    }

    /// The name that the SRV record points at.
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The content of its SRV record, as `dig` shows it.
    pub(crate) fn srv(&self) -> String {
        let Self {
            priority,
            weight,
            port,
            name,
            ..
        } = self;
        format!("{priority} {weight} {port} {name}.")
    }

    /// A publisher as a host that has just started has it, which knows what it published before.
    pub(crate) fn publisher(&self) -> Publisher {
        let Self {
            lines,
            domain,
            name,
            priority,
            weight,
            port,
            addresses,
            ..
        } = self;
        let text = format!(
            "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n[dns]\n{lines}\nkey_file = \"dns.key\"\n\
             host_name = \"{name}\"\naddresses = {addresses:?}\n\
             domains = [\"{domain}, {priority}, {weight}\"]\n"
        );
        let config = HostConfig::parse(&text, &self.folder.path().join("host.toml")).unwrap();
        let listening = SocketAddr::from(([0, 0, 0, 0], *port));
        let publisher = Publisher::new(&config.dns.unwrap(), &[listening], None).unwrap();
        let publisher = publisher.with_records(Arc::clone(&self.published) as Arc<_>);
        match self.primary_port {
            Some(port) => publisher.with_primary_port(port),
            None => publisher,
        }
    }

    /// What came of publishing once: the event's number and fields.
    pub(crate) async fn publish(&self) -> String {
        self.publish_at(&SystemClock).await
    }

    pub(crate) async fn publish_at(&self, clock: &impl Clock) -> String {
        let events = self.publisher().publish(clock, &mut OsEntropy).await;
        let [event] = &events[..] else {
            panic!("{events:?}")
        };
        format!("{} {event}", event.id())
    }

    /// What came of taking it out: the code in words.
    pub(crate) async fn withdraw(&self) -> String {
        let results = self
            .publisher()
            .withdraw(&SystemClock, &mut OsEntropy)
            .await;
        let [(domain, code)] = &results[..] else {
            panic!("{results:?}")
        };
        assert_eq!(domain.as_str(), self.domain);
        code.to_string()
    }
}

/// A clock that is wrong by this much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowBy(pub(crate) Duration);

impl Clock for SlowBy {
    fn now(&self) -> Now {
        let Now { tick, wall, .. } = SystemClock.now();
        Now::new(tick, wall.saturating_sub(self.0))
    }
}
