use crate::{DomainName, Registration, SrvRecord};
use alloc::vec::Vec;
use core::{fmt, net::IpAddr};

/// One record of a registration, without its time to live, which has no part in whether two are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnRecord {
    Srv { owner: DomainName, srv: SrvRecord },
    Address { host: DomainName, address: IpAddr },
}

impl OwnRecord {
    /// All records of a registration, the SRV record first.
    pub(crate) fn all(registration: &Registration) -> Vec<Self> {
        let srv = Self::Srv {
            owner: registration.owner().clone(),
            srv: registration.srv_record(),
        };
        let addresses = registration.addresses().iter().map(|&address| {
            let host = registration.host().clone();
            Self::Address { host, address }
        });
        core::iter::once(srv).chain(addresses).collect()
    }

    /// The name that the record stands at.
    pub(crate) const fn owner(&self) -> &DomainName {
        match self {
            Self::Srv { owner, .. } => owner,
            Self::Address { host, .. } => host,
        }
    }
}

impl fmt::Display for OwnRecord {
    /// Type and data as in a zone file: `SRV 10 75 1688 kms1.contoso.com.`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Srv { srv, .. } => write!(f, "SRV {srv}"),
            Self::Address { address, .. } => match address {
                IpAddr::V4(address) => write!(f, "A {address}"),
                IpAddr::V6(address) => write!(f, "AAAA {address}"),
            },
        }
    }
}
