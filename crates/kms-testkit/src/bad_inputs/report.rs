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
        self.result_but_for(&[])
    }

    /// Nothing, when every case ended as it must but for these, whose names are given with their
    /// groups: they are known to fail, and must.
    ///
    /// # Errors
    /// All other failures in one text, a line each, and those of `gaps` that did not fail.
    pub fn result_but_for(&self, gaps: &[&str]) -> Result<(), String> {
        let is_gap = |failure: &&Failure| gaps.contains(&failure.case.as_str());
        let failed = |gap: &&str| self.failures.iter().any(|failure| failure.case == *gap);
        let mut lines: Vec<String> = self
            .failures
            .iter()
            .filter(|failure| !is_gap(failure))
            .map(Failure::to_string)
            .collect();
        let closed = gaps.iter().filter(|gap| !failed(gap));
        lines.extend(closed.map(|gap| format!("{gap}: a known gap that is none any more")));
        if lines.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{} of {} cases failed:\n{}",
            lines.len(),
            self.run,
            lines.join("\n")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cases: &[&str]) -> Report {
        let failures = cases.iter().map(|case| {
            Failure::new(Action::Step(2), "one thing", "another").of((*case).to_owned())
        });
        Report {
            run: 9,
            failures: failures.collect(),
        }
    }

    #[test]
    fn every_failure_has_a_line() {
        assert_eq!(report(&[]).result(), Ok(()));
        assert_eq!(
            report(&["H/a", "B/b"]).result(),
            Err(
                "2 of 9 cases failed:\nH/a, step 2: expected one thing; found another\n\
                 B/b, step 2: expected one thing; found another"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_known_gap_must_fail() {
        assert_eq!(report(&["H/a"]).result_but_for(&["H/a"]), Ok(()));
        let other = report(&["H/a", "B/b"])
            .result_but_for(&["H/a"])
            .unwrap_err();
        assert!(other.contains("B/b") && !other.contains("H/a"), "{other}");
        let closed = report(&[]).result_but_for(&["H/a"]).unwrap_err();
        assert!(closed.contains("H/a: a known gap"), "{closed}");
    }
}
