use crate::{
    HostKey, HostPublicKey, IssueError, MAX_CERTIFICATE_LEN, MAX_NAME_LEN, Oids, PemError,
    TrustAnchors, TrustAnchorsError, Verifier,
    anchors::read_root,
    certificate::Certificate,
    pem::{decode_certificates, encode_certificate},
    scope::check_text,
    signature::key_id,
    template::{Public, Signing, arcs, encode_scope, params, repeat_name},
};
use alloc::{string::String, vec, vec::Vec};
use core::{fmt, time::Duration};
use kms_core::{Entropy, KeyId, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
};
use zeroize::Zeroizing;

/// Certifies hosts: a root certificate and its private key, both of which belong on a machine that
/// is not on a network. A client's product pins the root.
pub struct Authority {
    key: HostKey,
    root_pem: String,
    root: Certificate,
    name: String,
    issuer_name: DistinguishedName,
    oids: Oids,
}

/// What an authority is asked to certify of a host.
#[derive(Clone, Copy, Debug)]
pub struct HostCertificateRequest<'a> {
    /// The host's name, 1 to 64 characters; it becomes the common name. Clients show it.
    pub name: &'a str,
    /// The ids of the product-key groups that the host's key may activate, those implied by the
    /// hierarchy included; at least one, each of 1 to 64 characters.
    pub scope: &'a [&'a str],
    /// For how long, from now; see [`DEFAULT_VALIDITY`](Self::DEFAULT_VALIDITY).
    pub validity: Duration,
}

/// A host's certificate as it was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCertificate {
    der: Vec<u8>,
    not_after: Timestamp,
}

impl HostCertificateRequest<'_> {
    /// How long a host's certificate should be valid unless there is a reason: 365 days. The shorter
    /// it is, the less a stolen key is worth; a renewal has to be carried to the host by hand.
    pub const DEFAULT_VALIDITY: Duration = Duration::from_secs(365 * DAY);
}

impl Authority {
    /// How long a root should be valid unless there is a reason: 20 years, since products that pin it
    /// are out of reach.
    pub const DEFAULT_VALIDITY: Duration = Duration::from_secs(7305 * DAY);

    /// How long before the time of issue a certificate is valid already: 4 hours, so that a machine
    /// whose clock is behind by what clients tolerate can use it at once.
    pub const BACKDATING: Duration = Duration::from_secs(4 * 60 * 60);

    /// A new authority with a fresh key and a self-signed root, valid for `validity` from `now`.
    /// `entropy` must be the operating system's generator.
    ///
    /// # Errors
    /// When the name is not 1 to 64 characters without control characters, or the validity is out
    /// of range.
    pub fn generate(
        name: &str,
        validity: Duration,
        entropy: &mut impl Entropy,
        now: Timestamp,
    ) -> Result<Self, IssueError> {
        check_text(name, MAX_NAME_LEN).map_err(IssueError::Name)?;
        let key = HostKey::generate(entropy);
        let not_before = now.saturating_sub(Self::BACKDATING);
        let mut params = params(not_before, now.saturating_add(validity), entropy)?;
        if validity < SECOND {
            return Err(IssueError::Validity);
        }
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.key_identifier_method = KeyIdMethod::PreSpecified(key.public_key().identifier());
        let certificate = params.self_signed(&Signing::of(&key));
        let certificate = certificate.map_err(|_| IssueError::Encode)?;
        Self::new(
            encode_certificate(certificate.der()),
            certificate.der(),
            key,
        )
    }

    /// Reads an authority back, or one that was made elsewhere: its root certificate and its private
    /// key (PKCS#8), both in PEM.
    ///
    /// # Errors
    /// When either is not what it should be, or they do not belong together.
    pub fn from_pem(root_cert_pem: &str, key_pem: &str) -> Result<Self, IssueError> {
        let key = HostKey::from_pem(key_pem)?;
        let certificates = decode_certificates(root_cert_pem, 1)?;
        let der = certificates.first().ok_or(PemError::Empty)?;
        Self::new(encode_certificate(der), der, key)
    }

    /// The same authority with a vendor's own identifiers.
    #[must_use]
    pub fn with_oids(self, oids: Oids) -> Self {
        Self { oids, ..self }
    }

    /// The root certificate in PEM: what clients pin.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The private key in PEM, PKCS#8. Wiped when dropped; whoever has it can certify hosts.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        self.key.to_pem()
    }

    /// The root's common name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The last second at which the root is valid, and every certificate below it.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.root.not_after()
    }

    /// Certifies a host's public key. The certificate is verified as a client does it before it is
    /// handed out.
    ///
    /// It has a random serial number of 20 bytes, the extended key usage and the scope extension of
    /// the authority's [`Oids`], and is valid from [`BACKDATING`](Self::BACKDATING) before `now`,
    /// but not before the root. `entropy` must be the operating system's generator.
    ///
    /// # Errors
    /// When the name, the scope or the validity is out of range, or a client would refuse the
    /// certificate, as when the root has expired.
    pub fn certify(
        &self,
        host_public_key: HostPublicKey,
        request: HostCertificateRequest<'_>,
        entropy: &mut impl Entropy,
        now: Timestamp,
    ) -> Result<HostCertificate, IssueError> {
        check_text(request.name, MAX_NAME_LEN).map_err(IssueError::Name)?;
        let scope = encode_scope(request.scope)?;
        let not_before = now
            .saturating_sub(Self::BACKDATING)
            .max(self.root.not_before());
        let not_after = now.saturating_add(request.validity);
        if request.validity < SECOND {
            return Err(IssueError::Validity);
        }
        if not_after.as_millis().div_euclid(1000) > self.not_after().as_millis().div_euclid(1000) {
            return Err(IssueError::BeyondRoot {
                wanted: not_after,
                root: self.not_after(),
            });
        }
        let mut params = params(not_before, not_after, entropy)?;
        params
            .distinguished_name
            .push(DnType::CommonName, request.name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::Other(arcs(self.oids.usage_id()))];
        params.custom_extensions = vec![CustomExtension::from_oid_content(
            &arcs(self.oids.scope_id()),
            scope,
        )];
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = KeyIdMethod::PreSpecified(host_public_key.identifier());
        let certificate = params
            .signed_by(&Public(host_public_key), &self.issuer()?)
            .map_err(|_| IssueError::Encode)?;
        let certificate = HostCertificate {
            der: certificate.der().to_vec(),
            not_after: Timestamp::from_millis(not_after.as_millis().div_euclid(1000) * 1000),
        };
        self.check(&certificate, &request, now)?;
        Ok(certificate)
    }

    fn new(root_pem: String, der: &[u8], key: HostKey) -> Result<Self, IssueError> {
        read_root(der).map_err(IssueError::Root)?;
        let root = Certificate::from_der(der).map_err(IssueError::Root)?;
        if root.public_key().map_err(IssueError::Root)? != key.public_key() {
            return Err(IssueError::OtherKey);
        }
        Ok(Self {
            name: root.common_name().map_err(IssueError::Root)?,
            issuer_name: repeat_name(&root)?,
            root_pem,
            root,
            key,
            oids: Oids::default(),
        })
    }

    fn issuer(&self) -> Result<Issuer<'static, Signing<'_>>, IssueError> {
        let identifier = self
            .root
            .subject_key_identifier()
            .map_err(IssueError::Root)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = self.issuer_name.clone();
        params.key_identifier_method = KeyIdMethod::PreSpecified(
            identifier.unwrap_or_else(|| self.key.public_key().identifier()),
        );
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Ok(Issuer::new(params, Signing::of(&self.key)))
    }

    /// Nothing is handed out that was not read back: what a client sees must be what was asked for.
    fn check(
        &self,
        certificate: &HostCertificate,
        request: &HostCertificateRequest<'_>,
        now: Timestamp,
    ) -> Result<(), IssueError> {
        let (found, limit) = (certificate.der.len(), MAX_CERTIFICATE_LEN);
        if found > limit {
            return Err(IssueError::TooLarge { found, limit });
        }
        let anchors = TrustAnchors::from_pem(&self.root_pem).map_err(|error| match error {
            TrustAnchorsError::Pem(error) => IssueError::Pem(error),
            TrustAnchorsError::Root { fault, .. } => IssueError::Root(fault),
        })?;
        let verifier = Verifier::new(anchors, self.oids, Verifier::DEFAULT_TOLERANCE);
        let host = verifier
            .verify_chain(&[certificate.der()], now)
            .map_err(IssueError::Refused)?;
        let as_asked = host.name() == request.name
            && host
                .scope()
                .iter()
                .all(|id| request.scope.contains(&id.as_str()))
            && request.scope.iter().all(|id| host.scope().contains(*id));
        if as_asked {
            Ok(())
        } else {
            Err(IssueError::Encode)
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("name", &self.name)
            .field("key", &self.key)
            .field("not_after", &self.not_after())
            .field("oids", &self.oids)
            .finish_non_exhaustive()
    }
}

impl HostCertificate {
    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        encode_certificate(&self.der)
    }

    /// The key id that the host's answers will carry.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        key_id(&self.der)
    }

    /// The last second at which it is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

const DAY: u64 = 24 * 60 * 60;
const SECOND: Duration = Duration::from_secs(1);
