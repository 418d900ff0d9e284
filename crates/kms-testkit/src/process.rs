//! Child processes that end with the test, and what they print.

use core::time::Duration;
use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};
use tokio::{
    sync::mpsc,
    time::{self, MissedTickBehavior},
};

const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How many of the last lines an error quotes.
const QUOTED_LINES: usize = 20;

/// Where a child printed a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// A line that a child printed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Where.
    pub stream: Stream,
    /// Without its end; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// Why a child did not do what was waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The program did not start.
    #[error("cannot start {program}")]
    #[non_exhaustive]
    Start {
        /// The program's path as given.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The deadline passed.
    #[error("{program} has not done it after {waited:?}; its last lines:\n{last_lines}")]
    #[non_exhaustive]
    Deadline {
        /// The program's path as given.
        program: String,
        /// How long.
        waited: Duration,
        /// Up to 20 lines that it printed last.
        last_lines: String,
    },
    /// The child closed both its outputs, as it does by ending, before the line came.
    #[error("{program} stopped printing before the line came; its last lines:\n{last_lines}")]
    #[non_exhaustive]
    OutputEnded {
        /// The program's path as given.
        program: String,
        /// Up to 20 lines that it printed last.
        last_lines: String,
    },
    /// The child could not be watched or signalled.
    #[error("cannot reach the process of {program}")]
    #[non_exhaustive]
    Process {
        /// The program's path as given.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// A child process that is killed, by its process id, and waited for when this is dropped.
/// What it prints is read all the time, so that it never blocks on a full pipe.
#[derive(Debug)]
pub struct ChildGuard {
    program: String,
    child: Child,
    lines: mpsc::UnboundedReceiver<Line>,
    last_lines: VecDeque<String>,
}

impl ChildGuard {
    /// Starts `command` with its standard output and error piped here; its standard input is as
    /// `command` says.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Start`].
    pub fn start(mut command: Command) -> Result<Self, ProcessError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| ProcessError::Start {
                program: program.clone(),
                source,
            })?;
        let (sender, lines) = mpsc::unbounded_channel();
        if let Some(stdout) = child.stdout.take() {
            forward(stdout, Stream::Stdout, sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            forward(stderr, Stream::Stderr, sender);
        }
        Ok(Self {
            program,
            child,
            lines,
            last_lines: VecDeque::new(),
        })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that `predicate` accepts, and returns it. Lines come in the order of each
    /// stream, from the start or from after the line returned last; those before it are used up.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Deadline`] when `deadline` passes first, [`ProcessError::OutputEnded`] when
    /// no more lines can come.
    pub async fn wait_for_line(
        &mut self,
        deadline: Duration,
        mut predicate: impl FnMut(&Line) -> bool,
    ) -> Result<Line, ProcessError> {
        let found = async {
            while let Some(line) = self.lines.recv().await {
                remember(&mut self.last_lines, &line);
                if predicate(&line) {
                    return Some(line);
                }
            }
            None
        };
        match time::timeout(deadline, found).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(ProcessError::OutputEnded {
                program: self.program.clone(),
                last_lines: self.quote(),
            }),
            Err(_) => Err(self.deadline_error(deadline)),
        }
    }

    /// Asks the process to end by SIGTERM, as a service manager does. Does nothing when it has
    /// ended.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Process`] when the system refuses.
    #[cfg(unix)]
    pub fn terminate(&mut self) -> Result<(), ProcessError> {
        use rustix::process::{Pid, Signal, kill_process};

        // Only a child that was not yet waited for is sure to own its process id.
        if self.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM)
                .map_err(|error| self.process_error(error.into()))?;
        }
        Ok(())
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Deadline`] when `deadline` passes first, [`ProcessError::Process`] when
    /// the system refuses to tell.
    pub async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        let ended = async {
            let mut ticks = time::interval(POLL_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Some(status) = self.try_wait()? {
                    return Ok(status);
                }
            }
        };
        match time::timeout(deadline, ended).await {
            Ok(status) => status,
            Err(_) => Err(self.deadline_error(deadline)),
        }
    }

    fn try_wait(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        self.child
            .try_wait()
            .map_err(|error| self.process_error(error))
    }

    fn deadline_error(&mut self, waited: Duration) -> ProcessError {
        ProcessError::Deadline {
            program: self.program.clone(),
            waited,
            last_lines: self.quote(),
        }
    }

    fn process_error(&self, source: io::Error) -> ProcessError {
        ProcessError::Process {
            program: self.program.clone(),
            source,
        }
    }

    /// The last lines, with those that nobody has waited for.
    fn quote(&mut self) -> String {
        while let Ok(line) = self.lines.try_recv() {
            remember(&mut self.last_lines, &line);
        }
        self.last_lines.make_contiguous().join("\n")
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // Both fail only for a process that is gone, which is what is wanted. Waiting makes sure
        // that its ports are free again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads lines in a thread of its own, which ends with the stream or with the receiver.
fn forward(stream: impl Read + Send + 'static, name: Stream, sender: mpsc::UnboundedSender<Line>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut bytes) {
            let text = String::from_utf8_lossy(&bytes);
            let line = Line {
                stream: name,
                text: text.trim_end_matches(['\r', '\n']).to_owned(),
            };
            if sender.send(line).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}

fn remember(lines: &mut VecDeque<String>, line: &Line) {
    if lines.len() == QUOTED_LINES {
        lines.pop_front();
    }
    lines.push_back(line.text.clone());
}
