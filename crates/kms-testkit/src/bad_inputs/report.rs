//! What came of a run.

use super::Action;
use core::fmt;

/// A case that did not end as it must.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Group and name of the case.
    pub case: String,
    /// Where it went wrong.
    pub at: Action,
    /// What was expected there.
    pub expected: String,
    /// What came.
    pub found: String,
}

impl Failure {
    pub(super) fn new(at: Action, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self {
            case: String::new(),
            at,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    pub(super) fn of(self, case: String) -> Self {
        Self { case, ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = match self.at {
            Action::Probe => "the count".to_owned(),
            Action::Begin => "begin".to_owned(),
            Action::Step(number) => format!("step {number}"),
            Action::Ending => "the end".to_owned(),
        };
        write!(
            f,
            "{}, {at}: expected {}; found {}",
            self.case, self.expected, self.found
        )
    }
}

/// How many cases were run, and which failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Cases that were run.
    pub run: usize,
    /// Those that failed, in the order of the run.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Nothing, when every case ended as it must.
    ///
    /// # Errors
    /// All failures in one text, a line each.
    pub fn result(&self) -> Result<(), String> {
        if self.failures.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = self.failures.iter().map(Failure::to_string).collect();
        Err(format!(
            "{} of {} cases failed:\n{}",
            lines.len(),
            self.run,
            lines.join("\n")
        ))
    }
}
