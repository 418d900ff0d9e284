use crate::{
    HostKey, HostPublicKey, IssueError, MAX_GROUP_ID_LEN, certificate::Certificate,
    scope::check_text,
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;
use der::{Encode, Tagged, asn1::ObjectIdentifier};
use kms_core::{Entropy, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, DnValue, PublicKeyData, SerialNumber,
    SignatureAlgorithm, SigningKey,
};

/// The parts that every certificate has (RFC 5280 section 4.1).
pub(crate) fn params(
    not_before: Timestamp,
    not_after: Timestamp,
    entropy: &mut impl Entropy,
) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(not_before)?;
    params.not_after = epoch + since_epoch(not_after)?;
    params.serial_number = Some(serial_number(entropy));
    params.distinguished_name = DistinguishedName::new();
    Ok(params)
}

/// Random and so unique, positive, and always of 20 bytes (RFC 5280 section 4.1.2.2).
fn serial_number(entropy: &mut impl Entropy) -> SerialNumber {
    let mut bytes = [0; 20];
    entropy.fill(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    SerialNumber::from_slice(&bytes)
}

/// rcgen writes UTCTime through 2049 and GeneralizedTime after it (RFC 5280 section 4.1.2.5); its
/// calendar panics outside its range, so times are bounded here.
fn since_epoch(time: Timestamp) -> Result<Duration, IssueError> {
    let seconds = u64::try_from(time.as_millis().div_euclid(1000))
        .ok()
        .filter(|seconds| *seconds <= END_OF_CALENDAR)
        .ok_or(IssueError::Validity)?;
    Ok(Duration::from_secs(seconds))
}

/// Writes the value of the scope extension (PROTOCOL section 4).
pub(crate) fn encode_scope(scope: &[&str]) -> Result<Vec<u8>, IssueError> {
    if scope.is_empty() {
        return Err(IssueError::ScopeEmpty);
    }
    for (number, id) in (1..).zip(scope) {
        check_text(id, MAX_GROUP_ID_LEN).map_err(|fault| IssueError::GroupId { number, fault })?;
    }
    let ids: Vec<String> = scope.iter().map(ToString::to_string).collect();
    ids.to_der().map_err(|_| IssueError::Encode)
}

pub(crate) fn arcs(oid: ObjectIdentifier) -> Vec<u64> {
    oid.arcs().map(u64::from).collect()
}

/// The root's name for the issuer field, which must be its subject to the byte.
pub(crate) fn repeat_name(root: &Certificate) -> Result<DistinguishedName, IssueError> {
    let mut name = DistinguishedName::new();
    for part in root.subject().iter_rdn() {
        let mut attributes = part.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else {
            return Err(IssueError::RootName);
        };
        let text =
            core::str::from_utf8(attribute.value.value()).map_err(|_| IssueError::RootName)?;
        let value = match attribute.value.tag() {
            der::Tag::Utf8String => DnValue::Utf8String(text.to_string()),
            der::Tag::PrintableString => {
                DnValue::PrintableString(text.try_into().map_err(|_| IssueError::RootName)?)
            }
            _ => return Err(IssueError::RootName),
        };
        let kind = DnType::from_oid(&arcs(attribute.oid));
        if name.get(&kind).is_some() {
            return Err(IssueError::RootName);
        }
        name.push(kind, value);
    }
    Ok(name)
}

/// An authority's key as rcgen wants it.
pub(crate) struct Signing<'a> {
    key: &'a HostKey,
    public: Public,
}

impl<'a> Signing<'a> {
    pub(crate) fn of(key: &'a HostKey) -> Self {
        let public = Public(key.public_key());
        Self { key, public }
    }
}

impl PublicKeyData for Signing<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.public.algorithm()
    }
}

impl SigningKey for Signing<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign(message).to_vec())
    }
}

/// A public key as rcgen wants it.
pub(crate) struct Public(pub(crate) HostPublicKey);

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

/// 9999-12-31T23:59:59Z.
const END_OF_CALENDAR: u64 = 253_402_300_799;
