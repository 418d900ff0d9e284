use crate::{
    HostPublicKey, KeyError, Oids, TextFault,
    scope::{MAX_NAME_LEN, check_text, decode_scope},
};
#[cfg(feature = "issue")]
use alloc::vec::Vec;
use alloc::{collections::BTreeSet, string::String};
use core::time::Duration;
use der::{Decode, asn1::ObjectIdentifier};
use kms_core::Timestamp;
#[cfg(feature = "issue")]
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::{
    Certificate as X509,
    certificate::Version,
    ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage},
    name::Name,
    time::Time,
};

/// The largest certificate that is read or issued, in bytes of DER.
pub const MAX_CERTIFICATE_LEN: usize = 4096;

/// The most certificates of a chain, the host's included and the root left out
/// (PROTOCOL section 3).
pub const MAX_CHAIN_LEN: usize = 4;

/// What is wrong with one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It is larger than [`MAX_CERTIFICATE_LEN`].
    #[error("it has {found} bytes: at most {limit} are allowed")]
    #[non_exhaustive]
    TooLarge {
        /// Its size.
        found: usize,
        /// The largest allowed.
        limit: usize,
    },
    /// The bytes are not a certificate.
    #[error("it is not an X.509 version 3 certificate in DER (at offset 0x{offset:x})")]
    #[non_exhaustive]
    Malformed {
        /// Where it stopped making sense, in bytes from its start; 0 when that cannot be said.
        offset: u32,
    },
    /// Its key cannot verify an Ed25519 signature.
    #[error("its public key is of no use: {0}")]
    PublicKey(KeyError),
    /// It is used before its time.
    #[error(
        "it is not valid before {not_before}, and it is {now} here: check this machine's clock"
    )]
    #[non_exhaustive]
    NotYetValid {
        /// From when it is valid.
        not_before: Timestamp,
        /// The time at which it was used.
        now: Timestamp,
    },
    /// It is used after its time.
    #[error(
        "it expired at {not_after}, and it is {now} here: renew it, or check this machine's clock"
    )]
    #[non_exhaustive]
    Expired {
        /// The last second at which it is valid.
        not_after: Timestamp,
        /// The time at which it was used.
        now: Timestamp,
    },
    /// An authority's certificate stands where a host's is wanted.
    #[error("it is an authority's and not a host's: the host's certificate comes first")]
    HostIsAuthority,
    /// A host's certificate stands where an issuer's is wanted.
    #[error("it is not an authority's: basicConstraints with cA is missing")]
    NotAuthority,
    /// Its keyUsage extension forbids what its key is used for.
    #[error("its key usage does not allow {wanted}")]
    #[non_exhaustive]
    KeyUsage {
        /// The usage that is missing.
        wanted: &'static str,
    },
    /// Its extended key usage is not that of a host.
    #[error("it is not an activation host's: its extended key usage is another")]
    HostUsage,
    /// Its subject has no usable common name, which is the host's name.
    #[error("its common name is of no use: {0}")]
    CommonName(TextFault),
    /// It does not say which key groups the host may activate.
    #[error("it has no scope: the extension that names the key groups is missing")]
    ScopeMissing,
    /// Its scope extension is there twice or is not a `SEQUENCE OF UTF8String`.
    #[error(
        "its scope is malformed: a sequence of UTF-8 group ids of 1 to 64 characters is wanted, once"
    )]
    ScopeMalformed,
    /// The next certificate of the chain is not its issuer's.
    #[error("its issuer is not the subject of the certificate that follows it")]
    NotLinked,
    /// It is a root, which a chain leaves out.
    #[error("it is a root: a chain leaves the root out")]
    IsRoot,
    /// It is not its own issuer, as a root is.
    #[error("it is not a root: its issuer is not itself")]
    NotRoot,
    /// It is not signed by its own key, as a root is.
    #[error("it is damaged: its own key did not sign it")]
    SelfSignature,
}

/// What a host's certificate says of the host.
#[derive(Clone, Debug)]
pub(crate) struct HostFields {
    pub(crate) name: String,
    pub(crate) scope: BTreeSet<String>,
    pub(crate) public_key: HostPublicKey,
}

/// The parts of a certificate that rustls-webpki does not give out. Reading one verifies nothing.
#[derive(Debug)]
pub(crate) struct Certificate(X509);

impl Certificate {
    pub(crate) fn from_der(bytes: &[u8]) -> Result<Self, CertificateFault> {
        let (found, limit) = (bytes.len(), MAX_CERTIFICATE_LEN);
        if found > limit {
            return Err(CertificateFault::TooLarge { found, limit });
        }
        let certificate = X509::from_der(bytes).map_err(malformed)?;
        if certificate.tbs_certificate().version() == Version::V3 {
            Ok(Self(certificate))
        } else {
            Err(CertificateFault::Malformed { offset: 0 })
        }
    }

    pub(crate) fn subject(&self) -> &Name {
        self.0.tbs_certificate().subject()
    }

    pub(crate) fn issuer(&self) -> &Name {
        self.0.tbs_certificate().issuer()
    }

    pub(crate) fn not_before(&self) -> Timestamp {
        timestamp(self.0.tbs_certificate().validity().not_before)
    }

    /// The last second at which it is valid (RFC 5280 section 4.1.2.5 includes it).
    pub(crate) fn not_after(&self) -> Timestamp {
        timestamp(self.0.tbs_certificate().validity().not_after)
    }

    pub(crate) fn check_time(&self, now: Timestamp) -> Result<(), CertificateFault> {
        check_time(self.not_before(), self.not_after(), now)
    }

    pub(crate) fn public_key(&self) -> Result<HostPublicKey, CertificateFault> {
        let info = self.0.tbs_certificate().subject_public_key_info();
        let bytes = (info.algorithm.oid == ED25519 && info.algorithm.parameters.is_none())
            .then(|| info.subject_public_key.as_bytes()?.try_into().ok())
            .flatten()
            .ok_or(KeyError::NotEd25519)
            .map_err(CertificateFault::PublicKey)?;
        HostPublicKey::from_bytes(bytes).map_err(CertificateFault::PublicKey)
    }

    /// The subject's common name.
    pub(crate) fn common_name(&self) -> Result<String, CertificateFault> {
        let name = self
            .subject()
            .common_name()
            .map_err(malformed)?
            .map(String::from)
            .unwrap_or_default();
        check_text(&name, MAX_NAME_LEN).map_err(CertificateFault::CommonName)?;
        Ok(name)
    }

    /// Checks that it may issue certificates (RFC 5280 sections 4.2.1.3 and 4.2.1.9).
    pub(crate) fn check_authority(&self) -> Result<(), CertificateFault> {
        if !self.is_authority()? {
            return Err(CertificateFault::NotAuthority);
        }
        self.check_key_usage(KeyUsage::key_cert_sign, "signing certificates")
    }

    #[cfg(feature = "issue")]
    pub(crate) fn subject_key_identifier(&self) -> Result<Option<Vec<u8>>, CertificateFault> {
        let found = self.extension::<SubjectKeyIdentifier>()?;
        Ok(found.map(|identifier| identifier.0.as_bytes().to_vec()))
    }

    /// How many authorities may stand below this one, when it says so.
    pub(crate) fn path_len(&self) -> Result<Option<u8>, CertificateFault> {
        Ok(self
            .extension::<BasicConstraints>()?
            .and_then(|constraints| constraints.path_len_constraint))
    }

    /// Reads what a host's certificate must hold (PROTOCOL section 4).
    pub(crate) fn host_fields(&self, oids: &Oids) -> Result<HostFields, CertificateFault> {
        if self.is_authority()? {
            return Err(CertificateFault::HostIsAuthority);
        }
        self.check_key_usage(KeyUsage::digital_signature, "signing answers")?;
        let usages = self.extension::<ExtendedKeyUsage>()?;
        if !usages.is_some_and(|usages| usages.0.contains(&oids.usage_id())) {
            return Err(CertificateFault::HostUsage);
        }
        Ok(HostFields {
            name: self.common_name()?,
            scope: self.scope(oids)?,
            public_key: self.public_key()?,
        })
    }

    fn scope(&self, oids: &Oids) -> Result<BTreeSet<String>, CertificateFault> {
        let extensions = self.0.tbs_certificate().extensions();
        let mut found = extensions
            .into_iter()
            .flatten()
            .filter(|extension| extension.extn_id == oids.scope_id());
        let scope = found.next().ok_or(CertificateFault::ScopeMissing)?;
        if found.next().is_some() {
            return Err(CertificateFault::ScopeMalformed);
        }
        decode_scope(scope.extn_value.as_bytes()).ok_or(CertificateFault::ScopeMalformed)
    }

    fn is_authority(&self) -> Result<bool, CertificateFault> {
        let constraints = self.extension::<BasicConstraints>()?;
        Ok(constraints.is_some_and(|constraints| constraints.ca))
    }

    /// A certificate without the extension may be used for anything (RFC 5280 section 4.2.1.3).
    fn check_key_usage(
        &self,
        allows: fn(&KeyUsage) -> bool,
        wanted: &'static str,
    ) -> Result<(), CertificateFault> {
        match self.extension::<KeyUsage>()? {
            Some(usage) if !allows(&usage) => Err(CertificateFault::KeyUsage { wanted }),
            Some(_) | None => Ok(()),
        }
    }

    fn extension<'a, T>(&'a self) -> Result<Option<T>, CertificateFault>
    where
        T: Decode<'a, Error = der::Error> + der::oid::AssociatedOid,
    {
        let found = self.0.tbs_certificate().get_extension::<T>();
        found
            .map(|found| found.map(|(_critical, value)| value))
            .map_err(malformed)
    }
}

/// Whether `now` lies in a validity. Certificates count whole seconds, the last one included.
pub(crate) fn check_time(
    not_before: Timestamp,
    not_after: Timestamp,
    now: Timestamp,
) -> Result<(), CertificateFault> {
    let second = now.as_millis().div_euclid(1000);
    if second < not_before.as_millis().div_euclid(1000) {
        Err(CertificateFault::NotYetValid { not_before, now })
    } else if second > not_after.as_millis().div_euclid(1000) {
        Err(CertificateFault::Expired { not_after, now })
    } else {
        Ok(())
    }
}

fn timestamp(time: Time) -> Timestamp {
    // The calendar of DER ends with the year 9999, far inside the range.
    Timestamp::EPOCH.saturating_add(Duration::from_secs(time.to_unix_duration().as_secs()))
}

fn malformed(error: der::Error) -> CertificateFault {
    let offset = error.position().map_or(0, u32::from);
    CertificateFault::Malformed { offset }
}

/// id-Ed25519 (RFC 8410 section 3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
