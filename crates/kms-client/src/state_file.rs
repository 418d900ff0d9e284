//! A small file that is written whole and durably, in two generations, and tells damage from absence.
//!
//! The first line is `kms-client-state <format> <generation> <SHA-256, hexadecimal>`, the rest is the
//! caller's text; the sum is over the generation, a line feed and the text. A write makes the new
//! content durable as `<name>.new`, keeps the old file as `<name>.previous`, and then renames the new
//! one into place, so that a crash at any moment leaves either the old or the new content under the
//! name. What a crash leaves beside it is removed by the next write.

use core::fmt::Write as _;
use rustix::fs::{FlockOperation, OFlags, flock};
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
    #[error("{path}: {action}: {source}{}", remedy_of(source))]
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
    /// Another release wrote the file, in a form that this one does not read.
    #[error(
        "{path}: written in format {found}, and this release reads format {FORMAT}: use the release that wrote it"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
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

/// Keeps other processes from writing; see [`StateFile::lock`].
#[derive(Debug)]
pub struct StateLock {
    // The system unlocks it when it is closed.
    _folder: File,
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
            Ok(Some(bytes)) => check(&bytes).map(Some).map_err(|fault| match fault {
                Fault::Format(found) => StateFileError::Format {
                    path: self.path.clone(),
                    found,
                },
                Fault::Damage(reason) => StateFileError::Damaged {
                    path: self.path.clone(),
                    reason,
                    remedy: self.remedy(),
                },
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

    /// Waits until no other process writes a state file of this folder, and keeps them waiting until
    /// the lock is dropped or the process ends. Who writes what he has read holds it over both.
    ///
    /// # Errors
    /// When the folder cannot be opened or locked.
    pub fn lock(&self) -> Result<StateLock, StateFileError> {
        // The folder, because the file under the name is another one after each write.
        let folder = File::open(folder(&self.path))
            .map_err(|source| self.io("its folder cannot be opened", source))?;
        flock(&folder, FlockOperation::LockExclusive)
            .map_err(|error| self.io("its folder cannot be locked", error.into()))?;
        Ok(StateLock { _folder: folder })
    }

    /// Writes the next generation, durably: after `Ok` it survives a crash or a loss of power.
    ///
    /// # Errors
    /// When the system refuses a step; the file then holds its old content, or the new one whole.
    pub fn store(&self, stored: &Stored) -> Result<(), StateFileError> {
        let new = self.beside(".new");
        self.write_new(&new, stored)
            .map_err(|source| self.io("cannot be written", source))?;
        self.keep_previous()
            .map_err(|source| self.io("its predecessor cannot be kept", source))?;
        fs::rename(&new, &self.path)
            .and_then(|()| File::open(folder(&self.path)))
            .and_then(|folder| folder.sync_all())
            .map_err(|source| self.io("cannot be put in place", source))
    }

    fn write_new(&self, new: &Path, stored: &Stored) -> io::Result<()> {
        let Stored { generation, text } = stored;
        let sum = checksum(*generation, text);
        let content = format!("{MAGIC} {FORMAT} {generation} {sum}\n{text}");
        if !is_within_limit(content.as_bytes()) {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let mut file = create(new)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()
    }

    /// The present file gets the predecessor's name beside its own, so that its own is never unused.
    fn keep_previous(&self) -> io::Result<()> {
        let link = self.beside(".link");
        remove(&link)?;
        match fs::hard_link(&self.path, &link) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            // Not every file system has links.
            Err(_) => copy(&self.path, &link)?,
        }
        fs::rename(&link, self.previous_path())
    }

    fn remedy(&self) -> String {
        let (path, previous) = (self.path.display(), self.previous_path());
        let sound = matches!(read(&previous), Ok(Some(bytes)) if check(&bytes).is_ok());
        if sound {
            let previous = previous.display();
            format!(
                "the state before the last change is sound: to go back to it, run: cp -p '{previous}' '{path}'"
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

/// A new file that only its owner can read. What a crash left under its name is replaced, not followed.
fn create(path: &Path) -> io::Result<File> {
    remove(path)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let content = read(from)?.unwrap_or_default();
    let mut file = create(to)?;
    file.write_all(&content)?;
    file.sync_all()
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let mut options = OpenOptions::new();
    let file = match options.read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    file.take(MAX_STATE_FILE + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn is_within_limit(content: &[u8]) -> bool {
    u64::try_from(content.len()).is_ok_and(|len| len <= MAX_STATE_FILE)
}

fn remedy_of(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "; make the folder that it is to be in",
        ErrorKind::PermissionDenied => {
            "; give the user who runs this the right to read the file and to write in its folder"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make room on the disk",
        ErrorKind::FileTooLarge => "; raise the limit on the size of files",
        ErrorKind::ReadOnlyFilesystem => "; put the state file where it can be written",
        ErrorKind::InvalidInput | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            "; name a file of its own for the state"
        }
        _ => "; check the disk and its file system",
    }
}

/// What is wrong with the content of a file.
enum Fault {
    Format(String),
    Damage(String),
}

impl<T: Into<String>> From<T> for Fault {
    fn from(reason: T) -> Self {
        Self::Damage(reason.into())
    }
}

fn check(bytes: &[u8]) -> Result<Stored, Fault> {
    if !is_within_limit(bytes) {
        return Err(format!("more than {MAX_STATE_FILE} bytes").into());
    }
    let text = core::str::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 from byte {} on", error.valid_up_to()))?;
    let (head, body) = text.split_once('\n').ok_or("the first line does not end")?;
    let mut words = head.split(' ');
    let mut next = |name: &str| words.next().ok_or_else(|| format!("line 1 has no {name}"));
    if next("name")? != MAGIC {
        return Err(format!("line 1 does not begin with {MAGIC}").into());
    }
    let format = next("format")?;
    if format != FORMAT {
        // A number is a format of another release, anything else is no format at all.
        return Err(match format.parse::<u16>() {
            Ok(number) => Fault::Format(number.to_string()),
            Err(_) => format!("{format:?} in line 1 is no format").into(),
        });
    }
    let generation: u64 = next("generation")?
        .parse()
        .map_err(|_| "the generation in line 1 is no number")?;
    let sum = next("checksum")?;
    if words.next().is_some() {
        return Err("line 1 has words too many".into());
    }
    if sum != checksum(generation, body) {
        return Err("the content does not have the checksum in line 1".into());
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
        // A flip of the format, or of what ends it, may make it the number of another.
        let format = MAGIC.len() + 1..=MAGIC.len() + 2;
        let damaged = |bytes: &[u8], at: usize| {
            fs::write(file.path(), bytes).unwrap();
            match file.load().unwrap_err() {
                StateFileError::Damaged { .. } => {}
                StateFileError::Format { .. } if format.contains(&at) => {}
                error => panic!("{at}: {error}"),
            }
            assert_eq!(fs::read(file.path()).unwrap(), bytes);
        };
        for at in 0..sound.len() {
            damaged(&sound[..at], at);
            for bit in 0..8 {
                let mut bytes = sound.clone();
                bytes[at] ^= 1 << bit;
                damaged(&bytes, at);
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
    fn a_file_of_another_format_asks_for_its_release_and_not_for_a_new_start() {
        let (_folder, file) = file();
        let text = format!("{MAGIC} 2 whatever that format has\n");
        fs::write(file.path(), &text).unwrap();
        let error = file.load().unwrap_err().to_string();
        assert!(
            error.contains("format 2") && error.ends_with("use the release that wrote it"),
            "{error}"
        );
        assert!(!error.contains("move"), "{error}");
    }

    /// The steps of a write, as the file system sees them. A crash may come after any of them, and
    /// within the writing.
    fn steps(file: &StateFile, content: &[u8]) -> Vec<Box<dyn Fn()>> {
        let (path, previous) = (file.path().to_owned(), file.previous_path());
        let (new, link) = (file.beside(".new"), file.beside(".link"));
        let has_old = path.exists();
        let mut steps: Vec<Box<dyn Fn()>> = Vec::new();
        for len in [0, 1, content.len() / 2, content.len()] {
            let (new, content) = (new.clone(), content[..len].to_owned());
            steps.push(Box::new(move || fs::write(&new, &content).unwrap()));
        }
        if has_old {
            let (path, link) = (path.clone(), link.clone());
            let to = link.clone();
            steps.push(Box::new(move || fs::hard_link(&path, &to).unwrap()));
            steps.push(Box::new(move || fs::rename(&link, &previous).unwrap()));
        }
        steps.push(Box::new(move || fs::rename(&new, &path).unwrap()));
        steps
    }

    #[test]
    fn after_a_crash_at_any_step_of_a_write_the_old_or_the_new_content_is_there() {
        for writes_before in 0..=2 {
            let prepare = || {
                let (folder, file) = file();
                for generation in 1..=writes_before {
                    file.store(&stored(generation, "old")).unwrap();
                }
                (folder, file)
            };
            let new = stored(writes_before + 1, "new");
            let (_folder, model) = prepare();
            model.store(&new).unwrap();
            let content = fs::read(model.path()).unwrap();
            let (_folder, probe) = prepare();
            let count = steps(&probe, &content).len();
            for done in 0..=count {
                let (_folder, file) = prepare();
                let old = file.load().unwrap();
                for step in steps(&file, &content).iter().take(done) {
                    step();
                }
                let found = file.load().unwrap();
                let wanted = if done == count {
                    Some(new.clone())
                } else {
                    old
                };
                assert_eq!(found, wanted, "{writes_before} writes, {done} steps");
                // The next write is none the worse for what lies about.
                let next = stored(writes_before + 2, "next");
                file.store(&next).unwrap();
                assert_eq!(file.load().unwrap(), Some(next));
                assert!(!file.beside(".new").exists());
            }
            // The steps are those of a write: they end in the same files.
            let (_folder, by_steps) = prepare();
            for step in steps(&by_steps, &content) {
                step();
            }
            for (a, b) in [
                (by_steps.path().to_owned(), model.path().to_owned()),
                (by_steps.previous_path(), model.previous_path()),
            ] {
                assert_eq!(fs::read(a).ok(), fs::read(b).ok());
            }
        }
    }

    #[test]
    fn without_links_the_predecessor_is_a_copy() {
        let (_folder, file) = file();
        file.store(&stored(1, "one")).unwrap();
        let to = file.beside(".link");
        fs::write(&to, "left by a crash").unwrap();
        copy(file.path(), &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), fs::read(file.path()).unwrap());
    }

    #[test]
    fn the_file_is_its_owners_alone_whatever_lay_in_its_place() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (folder, file) = file();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "untouched").unwrap();
        symlink(&elsewhere, file.beside(".new")).unwrap();
        for generation in 1..=2 {
            file.store(&stored(generation, "text")).unwrap();
            let mode = fs::metadata(file.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);
            fs::write(file.beside(".new"), "left by a crash").unwrap();
        }
        let mode = fs::metadata(file.previous_path()).unwrap().permissions();
        assert_eq!(mode.mode() & 0o7777, 0o600);
        assert_eq!(fs::read(elsewhere).unwrap(), b"untouched");
    }

    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let (folder, _) = file();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
        for path in [pipe, folder.path().to_owned()] {
            let error = StateFile::new(path).load().unwrap_err().to_string();
            assert!(
                error.contains("not a regular file; name a file of its own"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_write_that_fails_names_the_file_and_the_remedy_and_leaves_the_old_content() {
        let (folder, file) = file();
        file.store(&stored(1, "one")).unwrap();
        for (in_the_way, wanted) in [(".new", "cannot be written"), (".link", "predecessor")] {
            let in_the_way = file.beside(in_the_way);
            fs::create_dir(&in_the_way).unwrap();
            let error = file.store(&stored(2, "two")).unwrap_err().to_string();
            let path = file.path().display().to_string();
            assert!(
                error.starts_with(&path) && error.contains(wanted),
                "{error}"
            );
            assert_eq!(file.load().unwrap(), Some(stored(1, "one")));
            fs::remove_dir(&in_the_way).unwrap();
        }
        let nowhere = StateFile::new(folder.path().join("none").join("state"));
        let error = nowhere.store(&stored(1, "one")).unwrap_err().to_string();
        assert!(
            error.ends_with("make the folder that it is to be in"),
            "{error}"
        );
    }

    #[test]
    fn limit_state_file_size() {
        let (_folder, file) = file();
        let most = usize::try_from(MAX_STATE_FILE).unwrap();
        let head = format!("{MAGIC} {FORMAT} 1 {}\n", checksum(1, "")).len();
        let largest = stored(1, &"x".repeat(most - head));
        file.store(&largest).unwrap();
        let more = stored(1, &"x".repeat(most - head + 1));
        let error = file.store(&more).unwrap_err();
        assert!(error.to_string().contains("cannot be written"), "{error}");
        assert_eq!(file.load().unwrap(), Some(largest));
        fs::write(file.path(), "x".repeat(most + 1)).unwrap();
        let error = file.load().unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn who_writes_what_he_has_read_under_the_lock_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path().join("state"));
        let add = || {
            for _ in 0..10 {
                let _lock = file.lock().unwrap();
                let generation = file.load().unwrap().map_or(0, |stored| stored.generation) + 1;
                let text = String::new();
                file.store(&Stored { generation, text }).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(add);
            }
        });
        assert_eq!(file.load().unwrap().unwrap().generation, 40);
    }
}
