//! The authority on disk: a folder with the root certificate and the root's private key.

use core::time::Duration;
use kms_core::{Entropy, Timestamp};
use kms_host::identity::{CHAIN_FILE, KEY_FILE};
use kms_keys::{Catalogue, UnknownName};
use kms_service::private_file::{self, PrivateFileError};
use kms_trust::{Authority, HostCertificateRequest, HostKey, IssueError};
use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The root certificate, for everyone.
pub const ROOT_FILE: &str = "root.pem";
/// The root's private key, for the authority alone.
pub const ROOT_KEY_FILE: &str = "root.key";

/// Why the authority's folder, or a host's, could not be made or used.
#[derive(Debug)]
#[non_exhaustive]
pub enum FolderError {
    /// A private file.
    Private(PrivateFileError),
    /// Another file or folder.
    Io(PathBuf, io::Error),
    /// A file that must be new is there already.
    Exists(PathBuf),
    /// The folder has no authority.
    NoAuthority(PathBuf),
    /// The folder's files are no authority.
    Damaged(PathBuf, IssueError),
    /// The authority refused.
    Issue(IssueError),
    /// The catalogue has no such host key.
    HostKey(UnknownName),
}

impl core::fmt::Display for FolderError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Private(error) => error.fmt(f),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Exists(path) => write!(
                f,
                "{}: exists already and is left as it is; name another folder",
                path.display()
            ),
            Self::NoAuthority(folder) => write!(
                f,
                "{}: missing, so there is no authority in this folder; `authority init` makes one",
                folder.join(ROOT_KEY_FILE).display()
            ),
            Self::Damaged(folder, error) => write!(
                f,
                "{}: {error}; {ROOT_FILE} and {ROOT_KEY_FILE} must be those that one `authority init` made",
                folder.display()
            ),
            Self::Issue(error) => error.fmt(f),
            Self::HostKey(error) => write!(f, "{error} (`host catalogue` lists the host keys)"),
        }
    }
}

impl From<PrivateFileError> for FolderError {
    fn from(error: PrivateFileError) -> Self {
        Self::Private(error)
    }
}

impl From<UnknownName> for FolderError {
    fn from(error: UnknownName) -> Self {
        Self::HostKey(error)
    }
}

impl From<IssueError> for FolderError {
    fn from(error: IssueError) -> Self {
        Self::Issue(error)
    }
}

/// Makes a new authority in a folder that does not hold one.
///
/// # Errors
/// When there is one already, or the files cannot be written.
pub fn init(
    folder: &Path,
    name: &str,
    validity: Duration,
    entropy: &mut impl Entropy,
    now: Timestamp,
) -> Result<Authority, FolderError> {
    let authority = Authority::generate(name, validity, entropy, now)?;
    make_folder(folder, [ROOT_KEY_FILE, ROOT_FILE])?;
    // The key first: a root that everyone pins and nobody can use is worse than none.
    private_file::create(&folder.join(ROOT_KEY_FILE), &authority.key_pem())?;
    write_new(&folder.join(ROOT_FILE), authority.root_pem())?;
    Ok(authority)
}

/// Reads the authority in a folder.
///
/// # Errors
/// When a file cannot be read, others may read the key, or key and root do not fit.
pub fn load(folder: &Path) -> Result<Authority, FolderError> {
    let key = private_file::read(&folder.join(ROOT_KEY_FILE)).map_err(|error| match error {
        PrivateFileError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            FolderError::NoAuthority(folder.to_owned())
        }
        other => FolderError::Private(other),
    })?;
    let path = folder.join(ROOT_FILE);
    let root = fs::read_to_string(&path).map_err(|error| FolderError::Io(path, error))?;
    Authority::from_pem(&root, &key).map_err(|error| FolderError::Damaged(folder.to_owned(), error))
}

/// What a host is certified for.
#[derive(Clone, Copy, Debug)]
pub struct HostRequest<'a> {
    /// The host key's id in the catalogue.
    pub host_key: &'a str,
    /// The host's name.
    pub name: &'a str,
    /// How long the certificate is valid.
    pub validity: Duration,
}

/// Makes a host's key and certificate in a new folder; gives the certificate's end.
///
/// # Errors
/// When the host key is unknown, the authority refuses, or the files cannot be written.
pub fn certify(
    authority: &Authority,
    catalogue: &Catalogue,
    request: HostRequest<'_>,
    out: &Path,
    entropy: &mut impl Entropy,
    now: Timestamp,
) -> Result<Timestamp, FolderError> {
    let host_key = catalogue.host_key(request.host_key)?;
    let scope: Vec<&str> = host_key
        .activates
        .iter()
        .map(|group| group.as_str())
        .collect();
    let key = HostKey::generate(entropy);
    let certificate = authority.certify(
        key.public_key(),
        HostCertificateRequest {
            name: request.name,
            scope: &scope,
            validity: request.validity,
        },
        entropy,
        now,
    )?;
    make_folder(out, [KEY_FILE, CHAIN_FILE])?;
    private_file::create(&out.join(KEY_FILE), &key.to_pem())?;
    write_new(&out.join(CHAIN_FILE), &certificate.to_pem())?;
    Ok(certificate.not_after())
}

/// Makes the folder if need be, and sees that it has no file of these names: half a pair beside a
/// stranger's other half would look like damage later.
fn make_folder(folder: &Path, files: [&str; 2]) -> Result<(), FolderError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| FolderError::Io(folder.to_owned(), error))?;
    let taken = files.into_iter().map(|file| folder.join(file));
    match taken.into_iter().find(|path| path.exists()) {
        Some(path) => Err(FolderError::Exists(path)),
        None => Ok(()),
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), FolderError> {
    fs::File::create_new(path)
        .and_then(|mut file| {
            io::Write::write_all(&mut file, text.as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| FolderError::Io(path.to_owned(), error))
}
