use crate::{
    DomainName, DomainNameError, Registration, RegistrationError, ServiceName, ServiceNameError,
    Ttl,
};
use alloc::vec::Vec;
use core::{fmt, net::IpAddr, num::NonZeroU16, str::FromStr};

/// What is wrong with the line of a [`Registration`], and in which field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("registration, {field}: {kind}")]
pub struct RegistrationLineError {
    field: &'static str,
    kind: RegistrationLineErrorKind,
}

/// What is wrong with a field of the line of a [`Registration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationLineErrorKind {
    /// The field is not there, or not in its place.
    #[error(
        "it is not in its place; a line reads owner=NAME zone=NAME host=NAME port=NUMBER \
         priority=NUMBER weight=NUMBER ttl=SECONDS addresses=ADDRESS,ADDRESS or none"
    )]
    Missing,
    /// Not a DNS name.
    #[error("{0}")]
    Name(#[from] DomainNameError),
    /// The owner does not begin with a service name.
    #[error("{0}")]
    Service(#[from] ServiceNameError),
    /// Not a number from 0 to 65535, or 0 as port.
    #[error("a number from 0 to 65535 is wanted, and for a port not 0")]
    Number,
    /// Not a time to live.
    #[error("a number from 0 to 2147483647 is wanted")]
    Ttl,
    /// Not an IP address.
    #[error("not an IPv4 or IPv6 address")]
    Address,
    /// Fields that do not go together.
    #[error("{0}")]
    Registration(#[from] RegistrationError),
    /// Something follows the last field.
    #[error("something follows it")]
    Trailing,
}

impl RegistrationLineError {
    /// The field's name, as `port`.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn kind(&self) -> RegistrationLineErrorKind {
        self.kind
    }
}

impl fmt::Display for Registration {
    /// One line that keeps everything, and that [`FromStr`] reads: `owner=_vlmcs._tcp.contoso.com
    /// zone=contoso.com host=kms1.contoso.com port=1688 priority=0 weight=0 ttl=3600
    /// addresses=192.0.2.7,2001:db8::7`, or `addresses=none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let srv = self.srv_record();
        write!(
            f,
            "owner={} zone={} host={} port={} priority={} weight={} ttl={} addresses=",
            self.owner(),
            self.zone(),
            self.host(),
            srv.port,
            srv.priority,
            srv.weight,
            self.ttl().as_secs()
        )?;
        if self.all_addresses().is_empty() {
            return f.write_str("none");
        }
        for (n, address) in self.all_addresses().iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{address}")?;
        }
        Ok(())
    }
}

impl FromStr for Registration {
    type Err = RegistrationLineError;

    fn from_str(text: &str) -> Result<Self, RegistrationLineError> {
        let mut fields = Fields(text.split(' '));
        let owner: DomainName = fields.parsed("owner")?;
        let (service, domain) = service_and_domain(&owner).map_err(at("owner"))?;
        let zone = fields.parsed("zone")?;
        let host = fields.parsed("host")?;
        let port = NonZeroU16::new(fields.number("port")?)
            .ok_or(RegistrationLineErrorKind::Number)
            .map_err(at("port"))?;
        let (priority, weight) = (fields.number("priority")?, fields.number("weight")?);
        let ttl = ttl(fields.value("ttl")?).map_err(at("ttl"))?;
        let addresses = addresses(fields.value("addresses")?).map_err(at("addresses"))?;
        if fields.0.next().is_some() {
            return Err(at("addresses")(RegistrationLineErrorKind::Trailing));
        }
        let registration = Self::new(&service, &domain, host).map_err(at("host"))?;
        registration
            .with_zone(zone)
            .map_err(at("zone"))?
            .with_port(port)
            .with_priority_and_weight(priority, weight)
            .with_ttl(ttl)
            .with_addresses(addresses)
            .map_err(at("addresses"))
    }
}

fn at<E: Into<RegistrationLineErrorKind>>(
    field: &'static str,
) -> impl FnOnce(E) -> RegistrationLineError {
    move |kind| RegistrationLineError {
        field,
        kind: kind.into(),
    }
}

struct Fields<'a>(core::str::Split<'a, char>);

impl<'a> Fields<'a> {
    fn value(&mut self, field: &'static str) -> Result<&'a str, RegistrationLineError> {
        self.0
            .next()
            .and_then(|text| text.strip_prefix(field)?.strip_prefix('='))
            .ok_or(RegistrationLineErrorKind::Missing)
            .map_err(at(field))
    }

    fn parsed(&mut self, field: &'static str) -> Result<DomainName, RegistrationLineError> {
        self.value(field)?.parse::<DomainName>().map_err(at(field))
    }

    fn number(&mut self, field: &'static str) -> Result<u16, RegistrationLineError> {
        digits(self.value(field)?)
            .ok_or(RegistrationLineErrorKind::Number)
            .map_err(at(field))
    }
}

/// The first two labels, which are the service's name, and the domain behind them.
fn service_and_domain(
    owner: &DomainName,
) -> Result<(ServiceName, DomainName), RegistrationLineErrorKind> {
    let domain_at = owner.as_str().match_indices('.').nth(1);
    let (at, _) = domain_at.ok_or(ServiceNameError::Form)?;
    let (service, domain) = owner.as_str().split_at(at);
    let domain = domain.trim_start_matches('.');
    Ok((service.parse()?, domain.parse()?))
}

fn ttl(text: &str) -> Result<Ttl, RegistrationLineErrorKind> {
    digits(text)
        .and_then(|seconds| Ttl::from_secs(seconds).ok())
        .ok_or(RegistrationLineErrorKind::Ttl)
}

fn addresses(text: &str) -> Result<Vec<IpAddr>, RegistrationLineErrorKind> {
    if text == "none" {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|address| address.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| RegistrationLineErrorKind::Address)
}

/// A number of digits alone: `from_str` would take a plus sign.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    const LINE: &str = "owner=_vlmcs._tcp.east.contoso.com zone=contoso.com host=KMS1.contoso.com \
                        port=1700 priority=10 weight=75 ttl=60 addresses=192.0.2.7,2001:db8::7";

    #[test]
    fn a_registration_is_one_line_that_keeps_everything() {
        let registration: Registration = LINE.parse().unwrap();
        assert_eq!(registration.to_string(), LINE);
        assert_eq!(registration.zone().as_str(), "contoso.com");
        assert_eq!(
            registration.srv_record().to_string(),
            "10 75 1700 KMS1.contoso.com."
        );
        assert_eq!(registration.addresses().len(), 2);
        let bare = LINE.replace("192.0.2.7,2001:db8::7", "none");
        assert_eq!(bare.parse::<Registration>().unwrap().to_string(), bare);
    }

    #[test]
    fn addresses_that_are_not_published_for_their_zone_are_kept_all_the_same() {
        let outside = LINE.replace("host=KMS1.contoso.com", "host=kms1.fabrikam.com");
        let registration: Registration = outside.parse().unwrap();
        assert_eq!(registration.addresses(), [] as [IpAddr; 0]);
        assert_eq!(registration.to_string(), outside);
    }

    #[test]
    fn faulty_lines_are_refused_with_the_field() {
        use RegistrationLineErrorKind::{
            Address, Missing, Name, Number, Registration as Whole, Service, Trailing, Ttl,
        };
        for (from, to, field, kind) in [
            ("owner=", "", "owner", Missing),
            (
                "owner=_v",
                "owner=-v",
                "owner",
                Name(DomainNameError::Hyphen(0)),
            ),
            (
                "_vlmcs._tcp",
                "_vlmcs._udp",
                "owner",
                Service(ServiceNameError::Form),
            ),
            (
                ".east.contoso.com",
                "",
                "owner",
                Service(ServiceNameError::Form),
            ),
            (" zone", "  zone", "zone", Missing),
            ("zone=", "zone=x.", "zone", Whole(RegistrationError::Zone)),
            (
                "zone=contoso.com",
                "zone=.",
                "zone",
                Whole(RegistrationError::Zone),
            ),
            (
                "host=KMS1.contoso.com",
                "host=10.0.0.7",
                "host",
                Whole(RegistrationError::HostName),
            ),
            ("=1700", "=0", "port", Number),
            ("=1700", "=65536", "port", Number),
            ("=10 ", "=+10 ", "priority", Number),
            ("=75", "=", "weight", Number),
            ("=60", "=2147483648", "ttl", Ttl),
            ("192.0.2.7,", "192.0.2.7,,", "addresses", Address),
            ("db8::7", "db8::7\n", "addresses", Address),
            ("db8::7", "db8::7 x", "addresses", Trailing),
            (" addresses=192.0.2.7,2001:db8::7", "", "addresses", Missing),
        ] {
            let text = LINE.replacen(from, to, 1);
            let error = text.parse::<Registration>().unwrap_err();
            assert_eq!((error.field(), error.kind()), (field, kind), "{text}");
        }
        let error = LINE
            .replace("1700", "0")
            .parse::<Registration>()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "registration, port: a number from 0 to 65535 is wanted, and for a port not 0"
        );
    }

    proptest! {
        #[test]
        fn any_registration_is_the_same_after_a_line(
            labels in "[a-z]([a-z0-9]|-[a-z]){0,5}(\\.[a-z]{1,6}){0,3}",
            numbers in any::<[u16; 3]>(),
            ttl in 0_u32..=0x7fff_ffff,
            addresses in proptest::collection::vec(any::<IpAddr>(), 0..5),
            up in any::<bool>(),
        ) {
            let domain: DomainName = "sub.contoso.com".parse().unwrap();
            let zone = if up { "com" } else { "_tcp.sub.contoso.com" };
            let registration = Registration::new(&ServiceName::default(), &domain, labels.parse().unwrap())
                .and_then(|registration| registration.with_zone(zone.parse().unwrap()))
                .unwrap()
                .with_port(NonZeroU16::new(numbers[0]).unwrap_or(NonZeroU16::MIN))
                .with_priority_and_weight(numbers[1], numbers[2])
                .with_ttl(Ttl::from_secs(ttl).unwrap());
            let registration = registration.clone().with_addresses(addresses).unwrap_or(registration);
            prop_assert_eq!(registration.to_string().parse(), Ok(registration));
        }

        #[test]
        fn any_text_is_a_registration_or_an_error(text in any::<String>()) {
            if let Ok(registration) = text.parse::<Registration>() {
                prop_assert_eq!(registration.to_string().parse(), Ok(registration));
            }
        }
    }
}
