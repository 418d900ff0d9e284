use crate::{DomainName, DomainNameError};
use alloc::{collections::BTreeMap, vec::Vec};
use core::{fmt, str::FromStr};

/// One line of a publish list: a domain in which a host publishes its SRV record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the documents have these three fields"
)]
pub struct PublishEntry {
    /// The domain.
    pub domain: DomainName,
    /// The record's priority there.
    pub priority: u16,
    /// The record's weight there.
    pub weight: u16,
}

impl PublishEntry {
    /// An entry with the default priority and weight, 0 and 0.
    #[must_use]
    pub const fn new(domain: DomainName) -> Self {
        Self {
            domain,
            priority: 0,
            weight: 0,
        }
    }
}

impl fmt::Display for PublishEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.domain, self.priority, self.weight)
    }
}

/// The domains in which a host publishes itself (the documents' `DnsDomainPublishList`): lines of
/// `domain[, priority[, weight]]`.
///
/// A list that is not empty replaces the host's home domain; who wants to publish there too lists it.
/// The scenario document's Table 5 prints host names in the place of domains; there it is a plan for four
/// hosts, and reads as such here: the entries are its hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishList {
    entries: Vec<PublishEntry>,
}

/// What is wrong with a publish list, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("publish list, line {line}, {field}: {kind}")]
pub struct PublishListError {
    line: usize,
    field: PublishField,
    kind: PublishListErrorKind,
}

/// A field of a line of a publish list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the documents have these three fields"
)]
pub enum PublishField {
    /// The first: the domain.
    Domain,
    /// The second: the priority.
    Priority,
    /// The third: the weight.
    Weight,
}

impl fmt::Display for PublishField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Domain => "domain",
            Self::Priority => "priority",
            Self::Weight => "weight",
        })
    }
}

/// What is wrong with a field of a publish list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishListErrorKind {
    /// Not a DNS name.
    #[error("{0}")]
    Name(#[from] DomainNameError),
    /// The root of DNS.
    #[error("the root of DNS is no domain to publish in")]
    Root,
    /// A domain that an earlier line has.
    #[error("line {0} names the same domain; a host has one record in each")]
    Repeated(usize),
    /// Not a number from 0 to 65535.
    #[error("a number from 0 to 65535 is wanted")]
    Number,
    /// A fourth field.
    #[error("nothing may follow it; a line is domain[, priority[, weight]]")]
    Trailing,
}

impl PublishListError {
    /// The line, counted from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The field.
    #[must_use]
    pub const fn field(&self) -> PublishField {
        self.field
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn kind(&self) -> PublishListErrorKind {
        self.kind
    }
}

impl PublishList {
    /// The list in these lines. Empty lines are passed over, but counted.
    ///
    /// # Errors
    /// When a line is not `domain[, priority[, weight]]`, or names a domain again.
    pub fn from_lines<'a>(
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, PublishListError> {
        let mut entries = Vec::new();
        let mut seen: BTreeMap<DomainName, usize> = BTreeMap::new();
        for (line, text) in (1..).zip(lines) {
            if text.trim().is_empty() {
                continue;
            }
            let fail = |(field, kind)| PublishListError { line, field, kind };
            let entry = entry(text).map_err(fail)?;
            if let Some(&first) = seen.get(&entry.domain) {
                let kind = PublishListErrorKind::Repeated(first);
                return Err(fail((PublishField::Domain, kind)));
            }
            seen.insert(entry.domain.clone(), line);
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// The entries, in the order of their lines.
    #[must_use]
    pub fn entries(&self) -> &[PublishEntry] {
        &self.entries
    }

    /// Where a host publishes: the list's entries, or its home domain when the list is empty, or nowhere.
    #[must_use]
    pub fn or_home(&self, home: Option<&DomainName>) -> Vec<PublishEntry> {
        if self.entries.is_empty() {
            home.cloned().map(PublishEntry::new).into_iter().collect()
        } else {
            self.entries.clone()
        }
    }
}

impl FromStr for PublishList {
    type Err = PublishListError;

    fn from_str(text: &str) -> Result<Self, PublishListError> {
        Self::from_lines(text.lines())
    }
}

type Fault = (PublishField, PublishListErrorKind);

fn entry(text: &str) -> Result<PublishEntry, Fault> {
    let mut fields = text.split(',').map(str::trim);
    let domain: DomainName = fields
        .next()
        .unwrap_or_default()
        .parse()
        .map_err(|error| (PublishField::Domain, PublishListErrorKind::Name(error)))?;
    if domain.is_root() {
        return Err((PublishField::Domain, PublishListErrorKind::Root));
    }
    let priority = number(fields.next(), PublishField::Priority)?;
    let weight = number(fields.next(), PublishField::Weight)?;
    if fields.next().is_some() {
        return Err((PublishField::Weight, PublishListErrorKind::Trailing));
    }
    Ok(PublishEntry {
        domain,
        priority,
        weight,
    })
}

fn number(text: Option<&str>, field: PublishField) -> Result<u16, Fault> {
    match text {
        None => Ok(0),
        // `u16::from_str` would take a plus sign.
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text
            .parse()
            .map_err(|_| (field, PublishListErrorKind::Number)),
        Some(_) => Err((field, PublishListErrorKind::Number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use proptest::prelude::{any, prop_assert, proptest};

    fn refused(text: &str) -> (usize, PublishField, PublishListErrorKind) {
        let error = text.parse::<PublishList>().unwrap_err();
        (error.line(), error.field(), error.kind())
    }

    #[test]
    fn deploy_kms_priority_and_weight_are_optional_and_0() {
        let list: PublishList = "contoso.com\n east.contoso.com. , 10\r\n\nwest.contoso.com,10,75"
            .parse()
            .unwrap();
        let lines: Vec<String> = list.entries().iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "contoso.com, 0, 0",
                "east.contoso.com, 10, 0",
                "west.contoso.com, 10, 75"
            ]
        );
    }

    #[test]
    fn deploy_kms_a_list_replaces_the_home_domain() {
        let home: DomainName = "contoso.com".parse().unwrap();
        let empty = PublishList::default();
        assert_eq!(
            empty.or_home(Some(&home)),
            [PublishEntry::new(home.clone())]
        );
        assert_eq!(empty.or_home(None), []);
        let list: PublishList = "east.contoso.com, 10, 75".parse().unwrap();
        assert_eq!(list.or_home(Some(&home)), list.entries());
    }

    #[test]
    fn errors_name_the_line_and_the_field() {
        use PublishField::{Domain, Priority, Weight};
        use PublishListErrorKind::{Name, Number, Repeated, Root, Trailing};
        let cases = [
            ("a.b\n-c", (2, Domain, Name(DomainNameError::Hyphen(0)))),
            ("\n\n, 1", (3, Domain, Name(DomainNameError::Empty))),
            (".", (1, Domain, Root)),
            ("a, x", (1, Priority, Number)),
            ("a, +1", (1, Priority, Number)),
            ("a, ", (1, Priority, Number)),
            ("a, 65536", (1, Priority, Number)),
            ("a, 1, -1", (1, Weight, Number)),
            ("a, 1, 2,", (1, Weight, Trailing)),
            ("a, 1\nb\nA., 2", (3, Domain, Repeated(1))),
        ];
        for (text, expected) in cases {
            assert_eq!(refused(text), expected, "{text:?}");
        }
        let error = "a, 1\nb, x".parse::<PublishList>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "publish list, line 2, priority: a number from 0 to 65535 is wanted"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_list_or_an_error_inside_it(text in any::<String>()) {
            if let Err(error) = text.parse::<PublishList>() {
                prop_assert!((1..=text.lines().count()).contains(&error.line()));
            }
        }
    }
}
