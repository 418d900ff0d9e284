use crate::{GroupIdError, ProductKeyError, nearest::did_you_mean};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;
use kms_core::IntervalError;

/// A name that the catalogue does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalogue has no {kind} {name:?}{}", did_you_mean(.suggestion))]
pub struct UnknownName {
    kind: &'static str,
    name: String,
    suggestion: Option<String>,
}

impl UnknownName {
    pub(super) fn new(kind: &'static str, name: &str, suggestion: Option<&str>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            suggestion: suggestion.map(ToOwned::to_owned),
        }
    }

    /// What was looked for: a product, a host key, a system.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The name that was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that was probably meant.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }
}

/// What is wrong with a catalogue file. It prints one line for each problem:
/// `file:line: field: what is wrong: what to do`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError {
    file_name: String,
    // INVARIANT: not empty, in the order of the lines.
    problems: Vec<CatalogueProblem>,
}

impl CatalogueError {
    /// The most problems that are told of one file.
    pub const MAX_PROBLEMS: usize = 100;

    pub(super) fn new(file_name: &str, mut problems: Vec<CatalogueProblem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self {
            file_name: file_name.to_owned(),
            problems,
        }
    }

    /// The name of the file, as it was given.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The problems, in the order of their lines; at least one.
    #[must_use]
    pub fn problems(&self) -> &[CatalogueProblem] {
        &self.problems
    }
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}:{problem}", self.file_name)?;
        }
        Ok(())
    }
}

impl core::error::Error for CatalogueError {}

/// One thing that is wrong with a catalogue file. It prints as `line: field: what: remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueProblem {
    line: usize,
    field: String,
    kind: CatalogueProblemKind,
}

impl CatalogueProblem {
    pub(super) const fn new(line: usize, field: String, kind: CatalogueProblemKind) -> Self {
        Self { line, field, kind }
    }

    /// The line, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The table and key, as `product.threshold`; empty when the whole file is meant.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &CatalogueProblemKind {
        &self.kind
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        use CatalogueProblemKind as Kind;
        match &self.kind {
            Kind::Form { .. } => {
                "see the form of a catalogue file in the documentation of kms-keys"
            }
            Kind::TooLong { .. } | Kind::TooManyGroups { .. } => {
                "divide it into catalogues for different hosts"
            }
            Kind::Missing => "add it",
            Kind::Name { .. } => {
                "give 1 to 100 characters, none of them a control character, that are not a group id or UUID"
            }
            Kind::Id { .. } => "give a UUID that is not nil, or leave it out to have one made",
            Kind::GroupId(_) => "write it as family/group/generation",
            Kind::Duplicate { .. } => "rename or remove one of the two",
            Kind::Unknown { .. } => "correct the name, or add what it names",
            Kind::Cycle { .. } => "remove one of these inclusions",
            Kind::Range { .. } => "give a number in this range",
            Kind::Period { .. } => "write a number and d, h or min, as in \"30 d\"",
            Kind::Interval(_) => "give a period in this range",
            Kind::ProductKey(_) => "copy the key again, or leave it out",
            Kind::EmptyGroup { .. } => "remove it here, or give it products",
            Kind::NoHostKey => "remove the hosts, or the line host_key = false",
        }
    }
}

impl fmt::Display for CatalogueProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, field, kind } = self;
        write!(f, "{line}: ")?;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        write!(f, "{kind}: {}", self.remedy())
    }
}

/// What is wrong in one place of a catalogue file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueProblemKind {
    /// No TOML, a key that the form does not have, or a value of the wrong type.
    #[error("{message}")]
    #[non_exhaustive]
    Form {
        /// What the reader of TOML says.
        message: String,
    },
    /// The file is too long.
    #[error("the file has {len} bytes, more than the {max} allowed", max = crate::Catalogue::MAX_FILE_LEN)]
    #[non_exhaustive]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The file has too many groups.
    #[error("the file has {count} groups, more than the {max} allowed", max = crate::Catalogue::MAX_GROUPS)]
    #[non_exhaustive]
    TooManyGroups {
        /// How many.
        count: usize,
    },
    /// A table lacks what it must have.
    #[error("missing")]
    Missing,
    /// A text that is no name.
    #[error("{name:?} is no name")]
    #[non_exhaustive]
    Name {
        /// The text.
        name: String,
    },
    /// A text that is no id.
    #[error("{id:?} is no id")]
    #[non_exhaustive]
    Id {
        /// The text.
        id: String,
    },
    /// A text that is no group id.
    #[error(transparent)]
    GroupId(GroupIdError),
    /// A name, id or key that another table has already.
    #[error("{value:?} is used in line {other_line} too")]
    #[non_exhaustive]
    Duplicate {
        /// What is used twice.
        value: String,
        /// The line of the other use.
        other_line: usize,
    },
    /// A reference to what the file does not have.
    #[error("the catalogue has no {kind} {name:?}{}", did_you_mean(.suggestion))]
    #[non_exhaustive]
    Unknown {
        /// What the reference is to: a group, a family, and so on.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The name that was probably meant.
        suggestion: Option<String>,
    },
    /// Groups that include each other.
    #[error("a circle of groups that include each other: {path}")]
    #[non_exhaustive]
    Cycle {
        /// The groups of the circle, the first once more at the end.
        path: String,
    },
    /// A number outside its range.
    #[error("{found} is outside {min} to {max}")]
    #[non_exhaustive]
    Range {
        /// The number.
        found: i64,
        /// The lowest allowed.
        min: i64,
        /// The highest allowed.
        max: i64,
    },
    /// A text that is no period.
    #[error("{found:?} is no period")]
    #[non_exhaustive]
    Period {
        /// The text.
        found: String,
    },
    /// A period that this interval may not have.
    #[error(transparent)]
    Interval(IntervalError),
    /// A text that is no product key.
    #[error(transparent)]
    ProductKey(ProductKeyError),
    /// A group among the hosts of a key for all its products, of which it has none.
    #[error("the group {id} has no products, so it names no hosts")]
    #[non_exhaustive]
    EmptyGroup {
        /// The group.
        id: String,
    },
    /// Hosts of a group that has no host key.
    #[error("a group without a host key has no hosts")]
    NoHostKey,
}
