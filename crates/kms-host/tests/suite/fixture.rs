//! An authority with a host that it certified, in a folder that goes with it.

use core::time::Duration;
use kms_core::{
    Clock as _, Cmid, Decode as _, Encode as _, LicenseStatus, Now, SeededEntropy, Threshold, Tick,
    Timestamp,
};
use kms_host::{
    HostConfig, HostReply, HostService, StartError, Store,
    identity::{CHAIN_FILE, KEY_FILE},
};
use kms_keys::{Catalogue, Product};
use kms_service::private_file;
use kms_testkit::clock::ManualClock;
use kms_trust::{
    Authority, Expected, HostCertificateRequest, HostKey, Oids, TrustAnchors, VerifiedAnswer,
    VerifiedHost, Verifier,
};
use kms_wire::{ActivationAnswer, ActivationRequest, CertificateChain};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const HOST_KEY: &str = "windows/server-b/2008r2";
pub(crate) const HOST_NAME: &str = "kms1.contoso.test";

/// When every test begins.
pub(crate) const START: Now = Now {
    tick: Tick::from_millis(5_000_000),
    wall: Timestamp::from_millis(1_700_000_000_000),
};

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) catalogue: Catalogue,
    pub(crate) clock: ManualClock,
    authority: Authority,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let fixture = Self::uncertified();
        fixture.certify();
        fixture
    }

    /// The host has a key and no certificate.
    pub(crate) fn uncertified() -> Self {
        let authority = Authority::generate(
            "Contoso Root",
            Authority::DEFAULT_VALIDITY,
            &mut SeededEntropy::new(1),
            START.wall,
        )
        .unwrap();
        let fixture = Self {
            folder: tempfile::tempdir().unwrap(),
            catalogue: Catalogue::builtin(),
            clock: ManualClock::new(START),
            authority,
        };
        fs::create_dir(fixture.identity()).unwrap();
        private_file::create(&fixture.identity().join(KEY_FILE), &host_key().to_pem()).unwrap();
        fixture
    }

    fn certify(&self) {
        let scope: Vec<&str> = self
            .catalogue
            .groups_activated_by(HOST_KEY)
            .unwrap()
            .iter()
            .map(kms_keys::GroupId::as_str)
            .collect();
        let request = HostCertificateRequest {
            name: HOST_NAME,
            scope: &scope,
            validity: HostCertificateRequest::DEFAULT_VALIDITY,
        };
        let certificate = self
            .authority
            .certify(
                host_key().public_key(),
                request,
                &mut SeededEntropy::new(3),
                START.wall,
            )
            .unwrap();
        fs::write(self.identity().join(CHAIN_FILE), certificate.to_pem()).unwrap();
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.folder.path().join("kms1")
    }

    /// The host's configuration with more lines.
    pub(crate) fn config(&self, more: &str) -> HostConfig {
        let text = format!("listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n{more}");
        HostConfig::parse(&text, &self.folder.path().join("host.toml")).unwrap()
    }

    pub(crate) fn start<S: Store>(
        &self,
        more: &str,
        store: S,
    ) -> Result<HostService<S, ManualClock>, StartError> {
        let mut entropy = SeededEntropy::new(4);
        HostService::new(&self.config(more), store, self.clock.clone(), &mut entropy)
    }

    /// A host that counts every machine: the tests' machines share an address, or a connection.
    pub(crate) fn service<S: Store>(&self, store: S) -> HostService<S, ManualClock> {
        self.start("[admission]\npolicy = \"compat\"\n", store)
            .unwrap()
    }

    /// Windows 7 Enterprise: a client, with a threshold of 25.
    pub(crate) fn client(&self) -> &Product {
        self.product("Windows 7 Enterprise")
    }

    pub(crate) fn product(&self, name: &str) -> &Product {
        self.catalogue.product_named(name).unwrap()
    }

    /// A valid request of a machine, now.
    pub(crate) fn request(&self, machine: u64) -> ActivationRequest {
        request(self.client(), machine, self.clock.now().wall)
    }

    pub(crate) fn message(&self, machine: u64) -> Vec<u8> {
        self.request(machine).to_vec()
    }

    fn verifier(&self) -> Verifier {
        let anchors = TrustAnchors::from_pem(self.authority.root_pem()).unwrap();
        Verifier::new(anchors, Oids::default(), Verifier::DEFAULT_TOLERANCE)
    }

    /// What GetHostCertificate brought, verified as a client does.
    pub(crate) fn verify_chain(&self, bytes: &[u8]) -> VerifiedHost {
        let chain = CertificateChain::decode_all(bytes).unwrap();
        self.verifier()
            .verify_chain(chain.certificates(), START.wall)
            .unwrap()
    }

    /// An answer, verified as a client does.
    pub(crate) fn verify(
        &self,
        host: &VerifiedHost,
        message: &[u8],
        answer: &[u8],
    ) -> VerifiedAnswer {
        let request = ActivationRequest::decode_all(message).unwrap();
        let answer = ActivationAnswer::decode_all(answer).unwrap();
        let product = self.catalogue.product(request.activation_id).unwrap();
        let expected = Expected {
            request_message: message,
            cmid: request.cmid,
            activation_id: request.activation_id,
            group_id: product.group.as_str(),
        };
        self.verifier()
            .verify_answer(
                host,
                expected,
                &answer.terms,
                &answer.signature,
                self.clock.now().wall,
            )
            .unwrap()
    }
}

pub(crate) fn host_key() -> HostKey {
    HostKey::generate(&mut SeededEntropy::new(2))
}

/// A valid request of a machine with a name of 15 bytes, which needs more than its product does.
pub(crate) fn request(product: &Product, machine: u64, at: Timestamp) -> ActivationRequest {
    ActivationRequest {
        minor_version: 0,
        virtual_machine: false,
        license_status: LicenseStatus::OobGrace,
        minutes_remaining: 40_123,
        application_id: product.application_id,
        activation_id: product.activation_id,
        counted_id: product.counted_id,
        cmid: Cmid::random(&mut SeededEntropy::new(machine)),
        previous_cmid: None,
        required_count: Threshold::new(1000).unwrap(),
        request_time: at,
        nonce: [7; 16],
        machine_name: "ws-17.contoso.x".parse().unwrap(),
    }
}

pub(crate) fn answer(reply: &HostReply) -> ActivationAnswer {
    match reply {
        HostReply::Answer(bytes) => ActivationAnswer::decode_all(bytes).unwrap(),
        refused => panic!("{refused:?}"),
    }
}

/// A text file that only its owner can read, in a folder.
pub(crate) fn private(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    private_file::create(&path, text).unwrap();
    path
}
