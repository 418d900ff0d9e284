//! Reading the corpus, strictly.

use super::{Begin, Case, Expected, Known, Lines, LinesError, Step};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The version of the form that is read.
const FORMAT: u32 = 1;

/// The folder of the corpus in this crate.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bad-inputs")
}

/// Why a corpus cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not JSON of the form.
    #[error("{path}: {source}")]
    Json {
        /// Which.
        path: PathBuf,
        /// Where, and what is wrong.
        source: serde_json::Error,
    },
    /// A file is of another version of the form.
    #[error("{path}: format {found}, where {FORMAT} is read")]
    Format {
        /// Which.
        path: PathBuf,
        /// The version that it names.
        found: u32,
    },
    /// The bytes of a case break the form.
    #[error("{path}: {case}: {source}")]
    Bytes {
        /// Which file.
        path: PathBuf,
        /// Which case.
        case: String,
        /// What is wrong.
        source: LinesError,
    },
    /// A case breaks a rule of the form.
    #[error("{path}: {case}: {rule}")]
    Case {
        /// Which file.
        path: PathBuf,
        /// Which case.
        case: String,
        /// The rule.
        rule: &'static str,
    },
}

/// The cases against a host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostCorpus {
    /// The groups, by the names of their files.
    pub groups: Vec<HostGroup>,
    /// What a runner sends by itself.
    pub probe: Probe,
}

/// A file of cases against a host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HostGroup {
    format: u32,
    /// The group, as "H header".
    pub group: String,
    /// What it is about.
    pub about: String,
    /// Bytes that the cases name.
    #[serde(default)]
    pub bytes: BTreeMap<String, Lines>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// What a runner sends by itself: to learn the count, and to see that a connection serves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Probe {
    format: u32,
    /// What it is.
    pub about: String,
    /// Bytes that the others name.
    #[serde(default)]
    pub bytes: BTreeMap<String, Lines>,
    /// A bind.
    pub bind: Lines,
    /// A RequestActivation in context 0, whose answer has the count.
    pub activation: Lines,
    /// An alter_context that adds a context.
    pub alter_context: Lines,
    /// A GetHostCertificate in that context.
    pub certificate: Lines,
}

impl HostCorpus {
    /// Reads the host's part of the corpus in `folder`.
    ///
    /// # Errors
    /// When a file is missing or breaks the form, or a case a rule of it.
    pub fn load(folder: &Path) -> Result<Self, CorpusError> {
        let path = folder.join("probe.json");
        let probe: Probe = read(&path)?;
        check_format(&path, probe.format)?;
        check_named(&path, &probe.bytes)?;
        for lines in [
            &probe.bind,
            &probe.activation,
            &probe.alter_context,
            &probe.certificate,
        ] {
            check_bytes(&path, "probe", lines, &probe.bytes)?;
        }
        let mut names = BTreeSet::new();
        let mut groups = Vec::new();
        for path in files(&folder.join("host"))? {
            let group: HostGroup = read(&path)?;
            check_format(&path, group.format)?;
            check_named(&path, &group.bytes)?;
            for case in &group.cases {
                check(&path, case, &group.bytes)?;
                check_name(&path, &case.name, &mut names)?;
            }
            groups.push(group);
        }
        Ok(Self { groups, probe })
    }

    /// All cases, each with its group.
    pub fn cases(&self) -> impl Iterator<Item = (&HostGroup, &Case)> {
        let of = |group| move |case| (group, case);
        self.groups
            .iter()
            .flat_map(move |group| group.cases.iter().map(of(group)))
    }
}

/// The JSON files of a folder, by name.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    let failed = |source| CorpusError::Io {
        path: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    files.sort();
    Ok(files)
}

pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, CorpusError> {
    let text = fs::read_to_string(path).map_err(|source| CorpusError::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|source| CorpusError::Json {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn check_format(path: &Path, found: u32) -> Result<(), CorpusError> {
    let path = path.to_owned();
    if found == FORMAT {
        Ok(())
    } else {
        Err(CorpusError::Format { path, found })
    }
}

pub(super) fn check_bytes(
    path: &Path,
    case: &str,
    lines: &Lines,
    named: &BTreeMap<String, Lines>,
) -> Result<usize, CorpusError> {
    let bytes = lines.bytes(named, Known::default());
    bytes
        .map(|bytes| bytes.len())
        .map_err(|source| CorpusError::Bytes {
            path: path.to_owned(),
            case: case.to_owned(),
            source,
        })
}

/// That bytes with names are bytes, whether or not a case names them.
pub(super) fn check_named(path: &Path, named: &BTreeMap<String, Lines>) -> Result<(), CorpusError> {
    for (name, lines) in named {
        check_bytes(path, name, lines, named)?;
    }
    Ok(())
}

pub(super) fn check_name(
    path: &Path,
    name: &str,
    names: &mut BTreeSet<String>,
) -> Result<(), CorpusError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let rule = if name.is_empty() || !name.chars().all(is_plain) {
        "a name has lower-case letters, digits and hyphens"
    } else if names.insert(name.to_owned()) {
        return Ok(());
    } else {
        "another case has this name"
    };
    Err(CorpusError::Case {
        path: path.to_owned(),
        case: name.to_owned(),
        rule,
    })
}

/// The rules for a case that its types do not keep by themselves.
fn check(path: &Path, case: &Case, named: &BTreeMap<String, Lines>) -> Result<(), CorpusError> {
    let broken = |rule| {
        let (path, case) = (path.to_owned(), case.name.clone());
        Err(CorpusError::Case { path, case, rule })
    };
    if !case.wrong.ends_with('.') || case.rule.is_empty() {
        return broken("`wrong` is a sentence, and `rule` names a rule");
    }
    if case.begin == Begin::Bound && !named.contains_key("bind") {
        return broken("a case that begins bound needs bytes named `bind`");
    }
    for step in &case.steps {
        let lines = match step {
            Step::Send {
                bytes,
                repeat,
                pieces,
                ..
            } => {
                if *repeat == 0 || pieces.contains(&0) {
                    return broken("`repeat` and `pieces` are at least 1");
                }
                bytes
            }
            Step::Flood { bytes } => bytes,
            Step::Urgent { bytes } => {
                if check_bytes(path, &case.name, bytes, named)? != 1 {
                    return broken("one byte is sent out of band");
                }
                continue;
            }
            Step::Expect { pdu, times } => {
                let digits = |text: &str, len| {
                    text.len() == len && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
                };
                let right = match pdu {
                    Expected::Fault { status, .. } => digits(status, 8),
                    Expected::Response { hresult, cmid, .. } => {
                        digits(hresult, 8) && cmid.as_ref().is_none_or(|cmid| digits(cmid, 32))
                    }
                    _ => true,
                };
                if *times == 0 || !right {
                    return broken("`times` is at least 1, and numbers are in lower-case digits");
                }
                continue;
            }
            Step::Quiet {} | Step::Finish {} | Step::Reset {} | Step::Idle { .. } => continue,
        };
        if check_bytes(path, &case.name, lines, named)? == 0 {
            return broken("no bytes are sent");
        }
    }
    Ok(())
}
