use alloc::string::{String, ToString};
use core::fmt;
use der::asn1::ObjectIdentifier;

/// The two object identifiers by which a host's certificate is known.
///
/// The default ones, 1.3.6.1.4.1.32473.1688.1 and .2, stand under the arc that RFC 5612 sets aside
/// for documentation. A vendor with an enterprise number of its own sets its own two, the same in
/// its authority, its hosts and its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oids {
    host_usage: ObjectIdentifier,
    host_scope: ObjectIdentifier,
}

/// Text that cannot be a pair of object identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OidsError {
    /// The first is not an object identifier.
    #[error("the host usage is not an object identifier: write it as 1.3.6.1.4.1.32473.1688.1")]
    HostUsage,
    /// The second is not an object identifier.
    #[error("the host scope is not an object identifier: write it as 1.3.6.1.4.1.32473.1688.2")]
    HostScope,
    /// Both are the same.
    #[error("the host usage and the host scope must be two different object identifiers")]
    Same,
}

impl Oids {
    /// These identifiers, in dotted decimal.
    ///
    /// `host_usage` is the extended key usage of a host, `host_scope` the extension that holds the
    /// ids of the product-key groups.
    ///
    /// # Errors
    /// When one is not an object identifier of at most 39 bytes in DER, or both are the same.
    pub fn new(host_usage: &str, host_scope: &str) -> Result<Self, OidsError> {
        let host_usage = ObjectIdentifier::new(host_usage).map_err(|_| OidsError::HostUsage)?;
        let host_scope = ObjectIdentifier::new(host_scope).map_err(|_| OidsError::HostScope)?;
        if host_usage == host_scope {
            return Err(OidsError::Same);
        }
        Ok(Self {
            host_usage,
            host_scope,
        })
    }

    /// The extended key usage of a host, in dotted decimal.
    #[must_use]
    pub fn host_usage(&self) -> String {
        self.host_usage.to_string()
    }

    /// The extension that holds a host's scope, in dotted decimal.
    #[must_use]
    pub fn host_scope(&self) -> String {
        self.host_scope.to_string()
    }

    pub(crate) const fn usage_id(&self) -> ObjectIdentifier {
        self.host_usage
    }

    pub(crate) const fn scope_id(&self) -> ObjectIdentifier {
        self.host_scope
    }
}

impl Default for Oids {
    fn default() -> Self {
        Self {
            host_usage: ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1688.1"),
            host_scope: ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1688.2"),
        }
    }
}

impl fmt::Display for Oids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usage {}, scope {}", self.host_usage, self.host_scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_identifiers_are_those_of_the_protocol() {
        let oids = Oids::default();
        assert_eq!(oids.host_usage(), "1.3.6.1.4.1.32473.1688.1");
        assert_eq!(oids.host_scope(), "1.3.6.1.4.1.32473.1688.2");
        assert_eq!(
            Oids::new(&oids.host_usage(), &oids.host_scope()),
            Ok(oids),
            "they are read as they are written"
        );
    }

    #[test]
    fn text_that_is_no_pair_of_identifiers_is_refused_by_name() {
        let good = "1.3.6.1.4.1.99999.1";
        assert_eq!(Oids::new("host", good), Err(OidsError::HostUsage));
        assert_eq!(Oids::new(good, "1"), Err(OidsError::HostScope));
        assert_eq!(Oids::new(good, good), Err(OidsError::Same));
    }
}
