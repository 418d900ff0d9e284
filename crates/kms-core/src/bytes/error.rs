use core::fmt;

/// Why and where bytes could not be decoded.
///
/// The offset is absolute in the outermost buffer, also when a bounded child reader failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    context: &'static str,
    field: &'static str,
    offset: usize,
    kind: DecodeErrorKind,
    // How many more bytes are needed, 0 when no further input helps. A whole word, as all the others
    // are: a lone byte here would make every result that may hold an error be copied in odd pieces.
    needed: usize,
}

/// What was wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end inside a field.
    #[non_exhaustive]
    Truncated {
        /// Bytes that the field takes.
        wanted: usize,
        /// Bytes that were left.
        available: usize,
    },
    /// Bytes are left behind the last field.
    #[non_exhaustive]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A field holds a value that it must not hold.
    #[non_exhaustive]
    Value {
        /// The value found.
        found: u64,
        /// What is allowed.
        expected: &'static str,
    },
    /// A field breaks a rule that is not about one number.
    #[non_exhaustive]
    Rule {
        /// The rule.
        rule: &'static str,
    },
    /// A count or length is above the limit set for it.
    #[non_exhaustive]
    Limit {
        /// The value found.
        found: u64,
        /// The highest value allowed.
        limit: u64,
    },
}

impl DecodeError {
    /// An error in `field` of the structure `context` at an absolute offset.
    #[must_use]
    #[cold]
    pub const fn new(
        context: &'static str,
        field: &'static str,
        offset: usize,
        kind: DecodeErrorKind,
    ) -> Self {
        Self {
            context,
            field,
            offset,
            kind,
            needed: 0,
        }
    }

    #[cold]
    pub(super) const fn truncated(
        context: &'static str,
        field: &'static str,
        offset: usize,
        wanted: usize,
        available: usize,
        more_would_help: bool,
    ) -> Self {
        let kind = DecodeErrorKind::Truncated { wanted, available };
        Self {
            context,
            field,
            offset,
            kind,
            needed: if more_would_help {
                wanted.saturating_sub(available)
            } else {
                0
            },
        }
    }

    /// That of the first of `fields`, which follow each other from an offset on, that is not wholly
    /// there.
    #[cold]
    pub(super) fn truncated_in(
        context: &'static str,
        fields: &'static [(&'static str, usize)],
        offset: usize,
        available: usize,
        more_would_help: bool,
    ) -> Self {
        let mut read = 0;
        for &(field, size) in fields {
            let left = available - read;
            if size > left {
                return Self::truncated(context, field, offset + read, size, left, more_would_help);
            }
            read += size;
        }
        // Reached only if the list is shorter than the structure that it describes.
        let left = available - read;
        Self::truncated(
            context,
            "end",
            offset + read,
            left + 1,
            left,
            more_would_help,
        )
    }

    /// The structure that was being read.
    #[must_use]
    pub const fn context(&self) -> &'static str {
        self.context
    }

    /// The field that was being read.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// Where the field begins, in bytes from the start of the outermost buffer.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What was wrong.
    #[must_use]
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// At least how many more bytes are needed, when more input could help;
    /// `None` when the bytes are wrong whatever follows.
    #[must_use]
    pub const fn needed(&self) -> Option<usize> {
        match self.needed {
            0 => None,
            needed => Some(needed),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.context, self.field)?;
        match self.kind {
            DecodeErrorKind::Truncated { wanted, available } => {
                write!(f, "{wanted} bytes wanted, {available} left")?;
            }
            DecodeErrorKind::Trailing { count } => write!(f, "{count} bytes too many")?,
            DecodeErrorKind::Value { found, expected } => {
                write!(f, "{found} found, expected {expected}")?;
            }
            DecodeErrorKind::Rule { rule } => f.write_str(rule)?,
            DecodeErrorKind::Limit { found, limit } => {
                write!(f, "{found} is above the limit of {limit}")?;
            }
        }
        write!(f, " (at offset {:#x})", self.offset)
    }
}

impl core::error::Error for DecodeError {}
