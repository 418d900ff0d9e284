//! A small file that is written whole and durably, in two generations, and tells damage from absence.
//!
//! The first line is `kms-client-state <format> <generation> <SHA-256, hexadecimal>`, the rest is the
//! caller's text; the sum is over the generation, a line feed and the text. A write makes the new content durable under another name, keeps
//! the old file as `<name>.previous`, and then renames the new one into place, so that a crash at
//! any moment leaves either the old or the new content under the name.

use core::fmt::Write as _;
use sha2::{Digest, Sha256};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The largest state file that is read, in bytes.
pub const MAX_STATE_FILE: u64 = 1024 * 1024;

const MAGIC: &str = "kms-client-state";
const FORMAT: &str = "1";

/// Why a state file was not read or written. It is left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateFileError {
    /// The system refused.
    #[error("{path}: {action}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file is there, and not what was written.
    #[error("{path}: damaged: {reason}; {remedy}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The file is gone, but the generation before it is there.
    #[error("{path}: missing, though {previous} is there; {remedy}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The generation before it.
        previous: PathBuf,
        /// What to do.
        remedy: String,
    },
}

/// The place of a state file.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: PathBuf,
}

/// What a state file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// One more with each write.
    pub generation: u64,
    /// The caller's text.
    pub text: String,
}

impl StateFile {
    /// The state file at `path`, whether or not it exists.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the generation before it is kept.
    #[must_use]
    pub fn previous_path(&self) -> PathBuf {
        self.beside(".previous")
    }

    /// Reads the file; `None` when neither it nor the generation before it exists.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is gone while its predecessor is there.
    pub fn load(&self) -> Result<Option<Stored>, StateFileError> {
        let previous = self.previous_path();
        match read(&self.path) {
            Ok(Some(bytes)) => check(&bytes)
                .map(Some)
                .map_err(|reason| StateFileError::Damaged {
                    path: self.path.clone(),
                    reason,
                    remedy: self.remedy(),
                }),
            Ok(None) if previous.exists() => Err(StateFileError::Missing {
                path: self.path.clone(),
                previous,
                remedy: self.remedy(),
            }),
            Ok(None) => Ok(None),
            Err(source) => Err(self.io("cannot be read", source)),
        }
    }

    /// Writes the next generation, durably: after `Ok` it survives a crash or a loss of power.
    ///
    /// # Errors
    /// When the system refuses a step; the file then holds its old content, or the new one whole.
    pub fn store(&self, stored: &Stored) -> Result<(), StateFileError> {
        let new = self.beside(".new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .map_err(|source| self.io("cannot be written", source))?;
        let generation = stored.generation;
        let sum = checksum(generation, &stored.text);
        file.write_all(format!("{MAGIC} {FORMAT} {generation} {sum}\n{}", stored.text).as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|source| self.io("cannot be written", source))?;
        self.keep_previous()
            .map_err(|source| self.io("its predecessor cannot be kept", source))?;
        fs::rename(&new, &self.path)
            .and_then(|()| File::open(folder(&self.path)))
            .and_then(|folder| folder.sync_all())
            .map_err(|source| self.io("cannot be put in place", source))
    }

    /// The present file gets the predecessor's name beside its own, so that its own is never unused.
    fn keep_previous(&self) -> io::Result<()> {
        let link = self.beside(".link");
        match fs::remove_file(&link) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match fs::hard_link(&self.path, &link) {
            Ok(()) => fs::rename(&link, self.previous_path()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remedy(&self) -> String {
        let (path, previous) = (self.path.display(), self.previous_path());
        let sound = matches!(read(&previous), Ok(Some(bytes)) if check(&bytes).is_ok());
        if sound {
            let previous = previous.display();
            format!(
                "the state before the last change is sound: to go back to it, run: cp {previous} {path}"
            )
        } else {
            format!(
                "to start again with a new grace period, move {path} and {} away",
                previous.display()
            )
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self
            .path
            .file_name()
            .map_or_else(OsString::new, OsString::from);
        name.push(suffix);
        self.path.with_file_name(name)
    }

    fn io(&self, action: &'static str, source: io::Error) -> StateFileError {
        StateFileError::Io {
            path: self.path.clone(),
            action,
            source,
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."))
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_STATE_FILE + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn check(bytes: &[u8]) -> Result<Stored, String> {
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_STATE_FILE) {
        return Err(format!("more than {MAX_STATE_FILE} bytes"));
    }
    let text = core::str::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 from byte {} on", error.valid_up_to()))?;
    let (head, body) = text.split_once('\n').ok_or("the first line does not end")?;
    let mut words = head.split(' ');
    let mut next = |name: &str| words.next().ok_or_else(|| format!("line 1 has no {name}"));
    if next("name")? != MAGIC {
        return Err(format!("line 1 does not begin with {MAGIC}"));
    }
    let format = next("format")?;
    if format != FORMAT {
        return Err(format!(
            "format {format:?} is not {FORMAT}, which this release reads"
        ));
    }
    let generation: u64 = next("generation")?
        .parse()
        .map_err(|_| "the generation in line 1 is no number")?;
    let sum = next("checksum")?;
    if words.next().is_some() {
        return Err("line 1 has words too many".to_owned());
    }
    if sum != checksum(generation, body) {
        return Err("the content does not have the checksum in line 1".to_owned());
    }
    Ok(Stored {
        generation,
        text: body.to_owned(),
    })
}

fn checksum(generation: u64, text: &str) -> String {
    let sum = Sha256::new()
        .chain_update(format!("{generation}\n"))
        .chain_update(text)
        .finalize();
    sum.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(generation: u64, text: &str) -> Stored {
        Stored {
            generation,
            text: text.to_owned(),
        }
    }

    fn file() -> (tempfile::TempDir, StateFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path().join("state"));
        (folder, file)
    }

    #[test]
    fn nothing_written_is_nothing_read() {
        let (_folder, file) = file();
        assert_eq!(file.load().unwrap(), None);
    }

    #[test]
    fn the_newest_generation_is_read_and_the_one_before_is_kept() {
        let (_folder, file) = file();
        for generation in 1..=3 {
            file.store(&stored(generation, &format!("text {generation}\nline 2")))
                .unwrap();
        }
        assert_eq!(file.load().unwrap(), Some(stored(3, "text 3\nline 2")));
        let previous = StateFile::new(file.previous_path());
        assert_eq!(previous.load().unwrap(), Some(stored(2, "text 2\nline 2")));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_damage_and_changes_nothing() {
        let (_folder, file) = file();
        file.store(&stored(1, "some state")).unwrap();
        let sound = fs::read(file.path()).unwrap();
        let damaged = |bytes: &[u8]| {
            fs::write(file.path(), bytes).unwrap();
            let error = file.load().unwrap_err();
            assert!(matches!(error, StateFileError::Damaged { .. }), "{error}");
            assert_eq!(fs::read(file.path()).unwrap(), bytes);
        };
        for at in 0..sound.len() {
            damaged(&sound[..at]);
            for bit in 0..8 {
                let mut bytes = sound.clone();
                bytes[at] ^= 1 << bit;
                damaged(&bytes);
            }
        }
    }

    #[test]
    fn damage_names_the_sound_predecessor_or_a_new_start() {
        let (_folder, file) = file();
        file.store(&stored(1, "one")).unwrap();
        fs::write(file.path(), "garbage").unwrap();
        assert!(
            file.load()
                .unwrap_err()
                .to_string()
                .contains("to start again")
        );
        file.store(&stored(1, "one")).unwrap();
        file.store(&stored(2, "two")).unwrap();
        fs::write(file.path(), "garbage").unwrap();
        let error = file.load().unwrap_err().to_string();
        assert!(
            error.contains("cp ") && error.contains("state.previous"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_gone_while_its_predecessor_is_there_is_not_a_first_start() {
        let (_folder, file) = file();
        file.store(&stored(1, "one")).unwrap();
        file.store(&stored(2, "two")).unwrap();
        fs::remove_file(file.path()).unwrap();
        assert!(matches!(file.load(), Err(StateFileError::Missing { .. })));
    }

    #[test]
    fn limit_state_file_size() {
        let (_folder, file) = file();
        let most = usize::try_from(MAX_STATE_FILE).unwrap();
        let head = format!("{MAGIC} {FORMAT} 1 {}\n", checksum(1, "")).len();
        file.store(&stored(1, &"x".repeat(most - head))).unwrap();
        assert!(file.load().is_ok());
        file.store(&stored(1, &"x".repeat(most - head + 1)))
            .unwrap();
        assert!(
            file.load()
                .unwrap_err()
                .to_string()
                .contains("more than 1048576 bytes")
        );
    }
}
