//! What the suites share: times, an authority, requests and terms, and certificates that no
//! authority of ours would issue.

#![allow(
    dead_code,
    reason = "every suite compiles this module and uses a part of it"
)]
#![allow(
    unreachable_pub,
    reason = "every suite compiles this module as its own"
)]

use core::time::Duration;
use data_encoding::HEXLOWER;
use ed25519_dalek::{Signer, SigningKey as DalekKey};
use kms_core::{
    ActivationId, ActivationInterval, AnswerTerms, Cmid, KeyId, RenewalInterval, SeededEntropy,
    Timestamp, ValidityInterval,
};
use kms_trust::{
    Authority, Expected, HostCertificate, HostCertificateRequest, HostIdentity, HostKey, Oids,
    TrustAnchors, Verifier,
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData,
    SerialNumber, SignatureAlgorithm, SigningKey,
};

pub const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);
pub const YEAR: Duration = HostCertificateRequest::DEFAULT_VALIDITY;
pub const HOST: &str = "kms-01.contoso.example";
pub const GROUP: &str = "KMS_B";
pub const SCOPE: &[&str] = &["KMS", "KMS_A", GROUP];

/// PROTOCOL section 6: the RequestActivation message.
pub const REQUEST: &str = "\
    010000000100000002000000bb9c000011111111222243338444555555555555a1a2a3a4b1b24c1c8d1dd1d2d3d4d5d6\
    0f0e0d0c0b0a4909880706050403020100112233445546778899aabbccddeeff00000000000000000000000000000000\
    19000000000000000068e5cf8b010000000102030405060708090a0b0c0d0e0f1577732d31372e636f6e746f736f2e65\
    78616d706c65";

pub fn unhex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

pub fn cmid() -> Cmid {
    "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap()
}

pub fn activation_id() -> ActivationId {
    "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6".parse().unwrap()
}

/// PROTOCOL section 6: the answer's terms, given by the host with this key.
pub fn terms(key_id: KeyId) -> AnswerTerms {
    AnswerTerms {
        count: 4,
        activation_interval: ActivationInterval::default(),
        renewal_interval: RenewalInterval::default(),
        validity: ValidityInterval::default(),
        cmid: cmid(),
        host_time: Timestamp::from_millis(1_700_000_000_250),
        key_id,
    }
}

pub fn expected(request: &[u8]) -> Expected<'_> {
    Expected {
        request_message: request,
        cmid: cmid(),
        activation_id: activation_id(),
        group_id: GROUP,
    }
}

pub fn authority(seed: u64) -> Authority {
    Authority::generate(
        "Contoso Activation Root",
        Authority::DEFAULT_VALIDITY,
        &mut SeededEntropy::new(seed),
        NOW,
    )
    .unwrap()
}

pub fn certify(authority: &Authority, key: &HostKey) -> HostCertificate {
    let request = HostCertificateRequest {
        name: HOST,
        scope: SCOPE,
        validity: YEAR,
    };
    let mut entropy = SeededEntropy::new(77);
    authority
        .certify(key.public_key(), request, &mut entropy, NOW)
        .unwrap()
}

pub fn identity(authority: &Authority, seed: u64) -> HostIdentity {
    let key = HostKey::generate(&mut SeededEntropy::new(seed));
    let certificate = certify(authority, &key);
    HostIdentity::new(key, vec![certificate.der().to_vec()]).unwrap()
}

pub fn verifier(root_pem: &str) -> Verifier {
    let anchors = TrustAnchors::from_pem(root_pem).unwrap();
    Verifier::new(anchors, Oids::default(), Verifier::DEFAULT_TOLERANCE)
}

/// A certificate with its key, made as a test needs it.
pub struct Node {
    pub der: Vec<u8>,
    pub key: TestKey,
    params: CertificateParams,
}

#[derive(Clone)]
pub struct TestKey {
    signing: DalekKey,
    public: Vec<u8>,
}

impl TestKey {
    pub fn new(seed: u8) -> Self {
        let signing = DalekKey::from_bytes(&[seed; 32]);
        let public = signing.verifying_key().to_bytes().to_vec();
        Self { signing, public }
    }

    /// The key in PKCS#8.
    pub fn pem(&self) -> String {
        let mut pkcs8 = unhex("302e020100300506032b657004220420");
        pkcs8.extend(self.signing.as_bytes());
        der::pem::encode_string("PRIVATE KEY", der::pem::LineEnding::LF, &pkcs8).unwrap()
    }

    /// A key that claims to have this public half.
    pub fn with_public(public: &[u8]) -> Self {
        let public = public.to_vec();
        Self {
            public,
            ..Self::new(1)
        }
    }
}

impl PublicKeyData for TestKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl SigningKey for TestKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.signing.sign(message).to_bytes().to_vec())
    }
}

impl Node {
    pub fn root(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = TestKey::new(200);
        let mut params = authority_params("Test Root");
        change(&mut params);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, key, params }
    }

    pub fn authority(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let seed = u8::try_from(name.len()).unwrap();
        let mut params = authority_params(name);
        change(&mut params);
        self.issue(params, TestKey::new(seed))
    }

    pub fn host(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        self.host_with_key(TestKey::new(100), change)
    }

    pub fn host_with_key(&self, key: TestKey, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = params(HOST);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(USAGE.to_vec())];
        params.custom_extensions = vec![scope_extension(SCOPE_DER)];
        change(&mut params);
        self.issue(params, key)
    }

    pub fn pem(&self) -> String {
        pem(&self.der)
    }

    fn issue(&self, params: CertificateParams, key: TestKey) -> Self {
        let issuer = Issuer::from_params(&self.params, self.key.clone());
        let der = params.signed_by(&key, &issuer).unwrap().der().to_vec();
        Self { der, key, params }
    }
}

pub const USAGE: &[u64] = &[1, 3, 6, 1, 4, 1, 32473, 1688, 1];
/// SEQUENCE (14), UTF8String "KMS_A", UTF8String "KMS_B".
pub const SCOPE_DER: &[u8] = b"\x30\x0e\x0c\x05KMS_A\x0c\x05KMS_B";

pub fn scope_extension(value: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 32473, 1688, 2], value.to_vec())
}

pub fn pem(der: &[u8]) -> String {
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, der).unwrap()
}

/// Valid from a day before [`NOW`] to ten days after it.
fn params(name: &str) -> CertificateParams {
    let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(1_700_000_000);
    let mut params = CertificateParams::default();
    params.not_before = now - DAY;
    params.not_after = now + 10 * DAY;
    params.serial_number = Some(SerialNumber::from(42_u64));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_identifier_method = KeyIdMethod::PreSpecified(name.as_bytes().to_vec());
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}
