use crate::{DomainName, DomainNameError};
use core::{fmt, str::FromStr};

/// The first two labels of the records that hosts publish: `_vlmcs._tcp` unless a vendor uses its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName {
    // INVARIANT: two labels, `_` and at least one more byte, then `_tcp`.
    name: DomainName,
}

/// Why text is no service name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceNameError {
    /// Not a DNS name at all.
    #[error("a service name is a DNS name: {0}")]
    Name(#[from] DomainNameError),
    /// Not two labels of the wanted form.
    #[error("a service name has the form _service._tcp, as _vlmcs._tcp")]
    Form,
}

impl ServiceName {
    /// The name of the SRV records for this service in `domain`: `_vlmcs._tcp.contoso.com`.
    ///
    /// # Errors
    /// [`DomainNameError::TooLong`] when both together are longer than a name may be.
    pub fn within(&self, domain: &DomainName) -> Result<DomainName, DomainNameError> {
        self.name.within(domain)
    }

    /// The two labels.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        self.name.as_str()
    }
}

impl Default for ServiceName {
    /// `_vlmcs._tcp`.
    fn default() -> Self {
        // INVARIANT: the text is a name, as a test checks; the root stands for what cannot happen.
        let name = "_vlmcs._tcp".parse().unwrap_or_else(|_| DomainName::root());
        Self { name }
    }
}

impl FromStr for ServiceName {
    type Err = ServiceNameError;

    fn from_str(text: &str) -> Result<Self, ServiceNameError> {
        let name: DomainName = text.parse()?;
        let mut labels = name.labels();
        let (service, protocol) = (labels.next(), labels.next());
        let service_fits = service
            .and_then(|label| label.strip_prefix('_'))
            .is_some_and(|rest| !rest.is_empty() && !rest.contains('_'));
        let protocol_fits = protocol.is_some_and(|label| label.eq_ignore_ascii_case("_tcp"));
        let ends = labels.next().is_none();
        drop(labels);
        if service_fits && protocol_fits && ends {
            Ok(Self { name })
        } else {
            Err(ServiceNameError::Form)
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.name, f)
    }
}

impl fmt::Debug for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceName({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_documented_service_is_the_default() {
        let domain: DomainName = "contoso.com".parse().unwrap();
        let name = ServiceName::default().within(&domain).unwrap();
        assert_eq!(name.to_string(), "_vlmcs._tcp.contoso.com");
        assert_eq!(Ok(ServiceName::default()), "_VLMCS._TCP".parse());
    }

    #[test]
    fn other_services_have_two_labels_with_underscores() {
        assert!("_acme-activation._tcp".parse::<ServiceName>().is_ok());
        for text in [
            "vlmcs._tcp",
            "_vlmcs.tcp",
            "_vlmcs._udp",
            "_vlmcs",
            "_._tcp",
            "__a._tcp",
            "_vlmcs._tcp.contoso.com",
            ".",
        ] {
            assert_eq!(
                text.parse::<ServiceName>(),
                Err(ServiceNameError::Form),
                "{text}"
            );
        }
        assert_eq!(
            "".parse::<ServiceName>(),
            Err(ServiceNameError::Name(DomainNameError::Empty))
        );
    }
}
