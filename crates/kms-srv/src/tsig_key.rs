use crate::{DomainName, DomainNameError, KeyFileError, key_file};
use alloc::vec::Vec;
use core::{fmt, str::FromStr};
use zeroize::Zeroizing;

/// How updates are signed (RFC 8945 section 6). MD5, SHA-1 and truncated signatures are not offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TsigAlgorithm {
    /// `hmac-sha256`, which every server has.
    #[default]
    HmacSha256,
    /// `hmac-sha384`.
    HmacSha384,
    /// `hmac-sha512`.
    HmacSha512,
}

/// Text that names no algorithm on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such algorithm: offered are hmac-sha256, hmac-sha384 and hmac-sha512")]
#[non_exhaustive]
pub struct TsigAlgorithmError;

impl FromStr for TsigAlgorithm {
    type Err = TsigAlgorithmError;

    fn from_str(text: &str) -> Result<Self, TsigAlgorithmError> {
        [Self::HmacSha256, Self::HmacSha384, Self::HmacSha512]
            .into_iter()
            .find(|algorithm| text.eq_ignore_ascii_case(algorithm.name()))
            .ok_or(TsigAlgorithmError)
    }
}

impl TsigAlgorithm {
    /// The name in DNS and in key files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }
}

impl fmt::Display for TsigAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A secret shared with a DNS server, under a name that both know it by (RFC 8945).
///
/// The secret is overwritten when the key goes away, and never printed. The copy that the DNS library takes
/// while an update is under way is not overwritten.
#[derive(Clone)]
pub struct TsigKey {
    // INVARIANT: the name is not the root and the secret is not empty.
    name: DomainName,
    algorithm: TsigAlgorithm,
    secret: Zeroizing<Vec<u8>>,
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TsigKeyError {
    /// The name is the root.
    #[error("a key needs a name: the one that the DNS server knows it by")]
    NoName,
    /// The name is no DNS name.
    #[error("the key's name: {0}")]
    Name(#[from] DomainNameError),
    /// The algorithm is not on offer.
    #[error("{0}")]
    Algorithm(#[from] TsigAlgorithmError),
    /// The secret has no bytes.
    #[error("the secret is empty")]
    EmptySecret,
    /// The secret is no base64.
    #[error("the secret is not base64 (RFC 4648 section 4, with padding)")]
    Secret,
}

impl TsigKey {
    /// A key with this secret.
    ///
    /// # Errors
    /// When the name is the root or the secret empty.
    pub fn new(
        name: DomainName,
        algorithm: TsigAlgorithm,
        secret: Vec<u8>,
    ) -> Result<Self, TsigKeyError> {
        let secret = Zeroizing::new(secret);
        if name.is_root() {
            return Err(TsigKeyError::NoName);
        }
        if secret.is_empty() {
            return Err(TsigKeyError::EmptySecret);
        }
        Ok(Self {
            name,
            algorithm,
            secret,
        })
    }

    /// The key in the text of a key file, as BIND's `tsig-keygen` and `named.conf` have it:
    /// `key "name" { algorithm hmac-sha256; secret "base64"; };` with comments of the three kinds.
    ///
    /// # Errors
    /// When the text is not one such key.
    pub fn from_key_file(text: &str) -> Result<Self, KeyFileError> {
        key_file::read(text)
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &DomainName {
        &self.name
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> TsigAlgorithm {
        self.algorithm
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TsigKey({}, {}, secret)", self.name, self.algorithm)
    }
}
