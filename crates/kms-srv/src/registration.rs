use crate::{DEFAULT_PORT, DomainName, DomainNameError, MAX_RECORDS, ServiceName, SrvRecord};
use alloc::{format, string::String, vec::Vec};
use core::{fmt, net::IpAddr, num::NonZeroU16};

/// How long resolvers may keep a record, in seconds: at most 2^31 - 1 (RFC 2181 section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(u32);

/// A time to live beyond 2^31 - 1 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time to live of {0} seconds: allowed are 0 to 2147483647")]
pub struct TtlError(u32);

impl Ttl {
    /// This many seconds.
    ///
    /// # Errors
    /// When it is above 2^31 - 1.
    pub const fn from_secs(seconds: u32) -> Result<Self, TtlError> {
        if seconds > i32::MAX.unsigned_abs() {
            Err(TtlError(seconds))
        } else {
            Ok(Self(seconds))
        }
    }

    /// In seconds.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        self.0
    }
}

impl Default for Ttl {
    /// An hour.
    fn default() -> Self {
        Self(3600)
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// What one host publishes of itself in one domain: its own SRV record, and its addresses where they belong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    // INVARIANT: `owner` is within `zone`, neither `zone` nor `host` is the root, and `addresses`
    // holds no address twice.
    owner: DomainName,
    zone: DomainName,
    host: DomainName,
    port: NonZeroU16,
    priority: u16,
    weight: u16,
    ttl: Ttl,
    addresses: Vec<IpAddr>,
}

/// Why a host cannot be published so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The service's name in the domain is too long.
    #[error("the service's name in this domain: {0}")]
    Name(#[from] DomainNameError),
    /// The domain is the root.
    #[error("the root of DNS is no domain to publish in")]
    RootDomain,
    /// The host's name is the root, looks like an address, or is `localhost`.
    #[error(
        "a host is published under a DNS name of its own, not under an address, localhost or ."
    )]
    HostName,
    /// The zone does not hold the SRV record.
    #[error(
        "the SRV record does not lie in the zone named: name the domain itself or one above it"
    )]
    Zone,
    /// More addresses than are published.
    #[error("{0} addresses: a host is published with at most 16")]
    TooManyAddresses(usize),
    /// An address that nobody can connect to.
    #[error("{0} is no address that a client could connect to")]
    Address(IpAddr),
}

impl Registration {
    /// The most addresses.
    pub const MAX_ADDRESSES: usize = 16;

    /// The registration of `host` for `service` in `domain`: port 1688, priority and weight 0, a time
    /// to live of an hour, no addresses. The domain is taken for a zone of its own.
    ///
    /// # Errors
    /// When a name cannot be published.
    pub fn new(
        service: &ServiceName,
        domain: &DomainName,
        host: DomainName,
    ) -> Result<Self, RegistrationError> {
        if domain.is_root() {
            return Err(RegistrationError::RootDomain);
        }
        if host.is_root() || host.ends_in_number() || host.is_localhost() {
            return Err(RegistrationError::HostName);
        }
        Ok(Self {
            owner: service.within(domain)?,
            zone: domain.clone(),
            host,
            port: DEFAULT_PORT,
            priority: 0,
            weight: 0,
            ttl: Ttl::default(),
            addresses: Vec::new(),
        })
    }

    /// The same with the zone that holds the SRV record, where the domain is no zone of its own: one above
    /// it, or one that begins below it, as `_tcp.contoso.com`. An update names the zone, and a server
    /// refuses any other name.
    ///
    /// # Errors
    /// When the record does not lie in it.
    pub fn with_zone(mut self, zone: DomainName) -> Result<Self, RegistrationError> {
        if zone.is_root() || !self.owner.is_within(&zone) {
            return Err(RegistrationError::Zone);
        }
        self.zone = zone;
        Ok(self)
    }

    /// The same at another port.
    #[must_use]
    pub const fn with_port(mut self, port: NonZeroU16) -> Self {
        self.port = port;
        self
    }

    /// The same with a priority and a weight.
    #[must_use]
    pub const fn with_priority_and_weight(mut self, priority: u16, weight: u16) -> Self {
        self.priority = priority;
        self.weight = weight;
        self
    }

    /// The same with another time to live.
    #[must_use]
    pub const fn with_ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }

    /// The same with the host's addresses, for A and AAAA records. Give none where something else, as
    /// a directory or DHCP, registers the machine's name: a withdrawal would remove its records.
    ///
    /// # Errors
    /// With more than 16, or one that is unspecified or multicast.
    pub fn with_addresses(
        mut self,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self, RegistrationError> {
        self.addresses.clear();
        for address in addresses {
            if address.is_unspecified() || address.is_multicast() {
                return Err(RegistrationError::Address(address));
            }
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
            if self.addresses.len() > Self::MAX_ADDRESSES {
                return Err(RegistrationError::TooManyAddresses(self.addresses.len()));
            }
        }
        Ok(self)
    }

    /// The name of the SRV record, as `_vlmcs._tcp.contoso.com`.
    #[must_use]
    pub const fn owner(&self) -> &DomainName {
        &self.owner
    }

    /// The zone.
    #[must_use]
    pub const fn zone(&self) -> &DomainName {
        &self.zone
    }

    /// The host's name.
    #[must_use]
    pub const fn host(&self) -> &DomainName {
        &self.host
    }

    /// The time to live of its records.
    #[must_use]
    pub const fn ttl(&self) -> Ttl {
        self.ttl
    }

    /// The SRV record.
    #[must_use]
    pub fn srv_record(&self) -> SrvRecord {
        let Self {
            priority, weight, ..
        } = *self;
        SrvRecord::new(priority, weight, self.port.get(), self.host.clone())
    }

    /// The addresses that are published: none when the host's name lies outside the zone, whose
    /// server could not hold them. Its own zone must have them then.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        if self.is_host_in_zone() {
            &self.addresses
        } else {
            &[]
        }
    }

    /// Whether an SRV record read at [`owner`](Self::owner) is this host's, in this version or an older
    /// one: the same target and port, whatever the priority and the weight. A record with another port is
    /// another host's on the same machine, for all that can be known.
    #[must_use]
    pub fn is_own(&self, record: &SrvRecord) -> bool {
        record.target == self.host && record.port == self.port.get()
    }

    /// This host's older records among those read at [`owner`](Self::owner), as registrations without
    /// addresses, to be removed when this one is published. Of more than 32 the first.
    #[must_use]
    pub fn older_in<'a>(&self, records: impl IntoIterator<Item = &'a SrvRecord>) -> Vec<Self> {
        let current = self.srv_record();
        let older = records
            .into_iter()
            .filter(|record| self.is_own(record) && **record != current)
            .map(|record| Self {
                addresses: Vec::new(),
                ..self
                    .clone()
                    .with_priority_and_weight(record.priority, record.weight)
            });
        older.take(MAX_RECORDS).collect()
    }

    /// Whether the host's name lies in the zone.
    #[must_use]
    pub fn is_host_in_zone(&self) -> bool {
        self.host.is_within(&self.zone)
    }

    /// The addresses, published or not.
    #[cfg(feature = "publish")]
    pub(crate) fn all_addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// The records as lines of a zone file, for a server without dynamic update. A comment says so when
    /// the addresses are left out.
    #[must_use]
    pub fn zone_lines(&self) -> Vec<String> {
        let Self {
            owner, host, zone, ..
        } = self;
        let ttl = self.ttl.as_secs();
        let mut lines = Vec::from([format!("{owner}. {ttl} IN SRV {}", self.srv_record())]);
        lines.extend(self.addresses().iter().map(|address| match address {
            IpAddr::V4(address) => format!("{host}. {ttl} IN A {address}"),
            IpAddr::V6(address) => format!("{host}. {ttl} IN AAAA {address}"),
        }));
        if !self.is_host_in_zone() {
            lines.push(format!(
                "; {host}. lies outside {zone}.: its A and AAAA records belong into its own zone"
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn name(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    fn registration(domain: &str, host: &str) -> Result<Registration, RegistrationError> {
        Registration::new(&ServiceName::default(), &name(domain), name(host))
    }

    #[test]
    fn deploy_kms_the_record_made_by_hand_has_the_documented_defaults() {
        let plain = registration("contoso.com", "kms1.contoso.com").unwrap();
        assert_eq!(
            plain.zone_lines(),
            ["_vlmcs._tcp.contoso.com. 3600 IN SRV 0 0 1688 kms1.contoso.com."]
        );
    }

    #[test]
    fn zone_lines_have_the_addresses_of_a_host_in_the_zone() {
        let addresses: [IpAddr; 3] =
            ["192.0.2.7", "2001:db8::7", "192.0.2.7"].map(|address| address.parse().unwrap());
        let full = registration("east.contoso.com", "kms1.east.contoso.com")
            .unwrap()
            .with_priority_and_weight(10, 75)
            .with_port(NonZeroU16::new(1700).unwrap())
            .with_ttl(Ttl::from_secs(60).unwrap())
            .with_addresses(addresses)
            .unwrap();
        assert_eq!(
            full.zone_lines(),
            [
                "_vlmcs._tcp.east.contoso.com. 60 IN SRV 10 75 1700 kms1.east.contoso.com.",
                "kms1.east.contoso.com. 60 IN A 192.0.2.7",
                "kms1.east.contoso.com. 60 IN AAAA 2001:db8::7",
            ]
        );
    }

    #[test]
    fn a_host_outside_the_zone_is_published_without_addresses_and_said_so() {
        let outside = registration("east.contoso.com", "kms1.contoso.com")
            .unwrap()
            .with_addresses(["192.0.2.7".parse().unwrap()])
            .unwrap();
        assert_eq!(outside.addresses(), [] as [IpAddr; 0]);
        assert_eq!(
            outside.zone_lines()[1],
            "; kms1.contoso.com. lies outside east.contoso.com.: its A and AAAA records belong into \
             its own zone"
        );
        let inside = outside.with_zone(name("contoso.com")).unwrap();
        assert_eq!(inside.addresses().len(), 1);
        assert_eq!(inside.owner().to_string(), "_vlmcs._tcp.east.contoso.com");
    }

    #[test]
    fn a_zone_may_begin_below_the_domain() {
        let delegated = registration("contoso.com", "kms1.contoso.com")
            .unwrap()
            .with_zone(name("_tcp.contoso.com"))
            .unwrap()
            .with_addresses(["192.0.2.7".parse().unwrap()])
            .unwrap();
        assert_eq!(delegated.addresses(), [] as [IpAddr; 0]);
        assert_eq!(delegated.owner().to_string(), "_vlmcs._tcp.contoso.com");
    }

    #[test]
    fn an_own_older_record_has_the_same_target_and_port() {
        let current = registration("contoso.com", "kms1.contoso.com")
            .unwrap()
            .with_addresses(["192.0.2.7".parse().unwrap()])
            .unwrap();
        let record = |weight, port, target| SrvRecord::new(0, weight, port, name(target));
        let read = [
            record(0, 1688, "kms1.contoso.com"),
            record(5, 1688, "KMS1.contoso.com"),
            record(5, 1689, "kms1.contoso.com"),
            record(5, 1688, "kms2.contoso.com"),
        ];
        let own = read.each_ref().map(|record| current.is_own(record));
        assert_eq!(own, [true, true, false, false]);
        let older = current.older_in(&read);
        assert_eq!(older.len(), 1);
        assert_eq!(
            older[0].zone_lines(),
            ["_vlmcs._tcp.contoso.com. 3600 IN SRV 0 5 1688 kms1.contoso.com."]
        );
    }

    #[test]
    fn limit_32_older_records_are_recognised_at_once() {
        let current = registration("a", "kms1.a").unwrap();
        let read = |count| -> Vec<SrvRecord> {
            (1..=count)
                .map(|weight| SrvRecord::new(0, weight, 1688, name("kms1.a")))
                .collect()
        };
        assert_eq!(current.older_in(&read(32)).len(), 32);
        assert_eq!(current.older_in(&read(10_000)).len(), 32);
    }

    #[test]
    fn what_cannot_be_published_is_refused() {
        use RegistrationError::{Address, HostName, RootDomain, TooManyAddresses, Zone};
        assert_eq!(registration(".", "kms1.a"), Err(RootDomain));
        for host in [".", "192.0.2.7", "localhost"] {
            assert_eq!(registration("a", host), Err(HostName), "{host}");
        }
        let good = registration("b.a", "kms1.a").unwrap();
        for zone in [".", "c.b.a", "c"] {
            assert_eq!(good.clone().with_zone(name(zone)), Err(Zone), "{zone}");
        }
        let any: IpAddr = "0.0.0.0".parse().unwrap();
        assert_eq!(good.clone().with_addresses([any]), Err(Address(any)));
        let long = name(&["x".repeat(60).as_str(); 4].join("."));
        assert!(matches!(
            Registration::new(&ServiceName::default(), &long, name("kms1.a")),
            Err(RegistrationError::Name(DomainNameError::TooLong(_)))
        ));
        let many = |count: u8| (1..=count).map(|n| IpAddr::from([192, 0, 2, n]));
        assert!(good.clone().with_addresses(many(16)).is_ok());
        assert_eq!(good.with_addresses(many(17)), Err(TooManyAddresses(17)));
    }

    #[test]
    fn limit_a_time_to_live_is_below_2_to_the_31() {
        assert_eq!(
            Ttl::from_secs(2_147_483_647).unwrap().as_secs(),
            2_147_483_647
        );
        assert_eq!(Ttl::from_secs(2_147_483_648), Err(TtlError(2_147_483_648)));
        assert_eq!(Ttl::default().as_secs(), 3600);
    }
}
