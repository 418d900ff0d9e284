//! Reading the fields of a file's tables, and writing down what is wrong with them.
//!
//! A field that is wrong is replaced by some value that is right, so that one mistake is told once
//! and everything else is still looked at. The result is thrown away when anything was told.

use super::{
    CatalogueError, CatalogueProblem, CatalogueProblemKind as Kind, folded, form::Field, period,
    place::Lines,
};
use crate::{Catalogue, GroupId, nearest::nearest};
use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use kms_core::IntervalError;
use kms_core::Threshold;
use toml::Spanned;
use uuid::Uuid;

#[derive(Debug)]
pub(super) struct Report {
    lines: Lines,
    problems: Vec<CatalogueProblem>,
}

impl Report {
    pub(super) const fn new(lines: Lines) -> Self {
        Self {
            lines,
            problems: Vec::new(),
        }
    }

    pub(super) fn into_problems(self) -> Vec<CatalogueProblem> {
        self.problems
    }

    /// Writes down a problem with the field at `offset`.
    pub(super) fn add(&mut self, offset: usize, field: &str, kind: Kind) {
        if !self.is_full() {
            let line = self.lines.line(offset);
            let problem = CatalogueProblem::new(line, field.to_owned(), kind);
            self.problems.push(problem);
        }
    }

    /// Whether nothing was wrong so far.
    pub(super) const fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn is_full(&self) -> bool {
        self.problems.len() >= CatalogueError::MAX_PROBLEMS
    }

    /// A field of the table at `table` that must be there.
    pub(super) fn required<'a>(
        &mut self,
        table: usize,
        field: &str,
        value: &'a Field<String>,
    ) -> Option<&'a Spanned<String>> {
        if value.is_none() {
            self.add(table, field, Kind::Missing);
        }
        value.as_ref()
    }

    /// Whether a text is a name: printable, of bearable length, and not mistakable for an id.
    pub(super) fn is_name(&mut self, field: &str, value: &Spanned<String>) -> bool {
        const MAX_CHARS: usize = 100;
        let name = value.get_ref();
        let good = !name.is_empty()
            && name.trim() == name
            && name.chars().count() <= MAX_CHARS
            && !name.chars().any(char::is_control)
            && name.parse::<GroupId>().is_err()
            && Uuid::try_parse(name).is_err();
        if !good {
            let name = name.clone();
            self.add(value.span().start, field, Kind::Name { name });
        }
        good
    }

    /// The id that a table gives, or else the one made from its kind and name.
    pub(super) fn id(
        &mut self,
        field: &str,
        value: &Field<String>,
        kind: &str,
        name: &str,
    ) -> Uuid {
        let made = Uuid::new_v5(
            &Catalogue::NAMESPACE,
            alloc::format!("{kind}:{name}").as_bytes(),
        );
        let Some(value) = value else {
            return made;
        };
        match Uuid::try_parse(value.get_ref()) {
            Ok(id) if !id.is_nil() => id,
            _ => {
                let id = value.get_ref().clone();
                self.add(value.span().start, field, Kind::Id { id });
                made
            }
        }
    }

    /// A number within a range that fits 32 bits.
    pub(super) fn number(&mut self, field: &str, value: &Spanned<i64>, min: u32, max: u32) -> u32 {
        let found = *value.get_ref();
        match u32::try_from(found) {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                let (min, max) = (min.into(), max.into());
                let kind = Kind::Range { found, min, max };
                self.add(value.span().start, field, kind);
                min.try_into().unwrap_or_default()
            }
        }
    }

    pub(super) fn threshold(&mut self, field: &str, value: &Spanned<i64>) -> Threshold {
        let (min, max) = (Threshold::MIN.machines(), Threshold::MAX.machines());
        let machines = self.number(field, value, min, max);
        Threshold::new(machines).unwrap_or(Threshold::MIN)
    }

    /// A period as `make` takes it; `default` when the field is not there.
    pub(super) fn period<T>(
        &mut self,
        field: &str,
        value: &Field<String>,
        default: T,
        make: impl FnOnce(u32) -> Result<T, IntervalError>,
    ) -> T {
        let Some(value) = value else {
            return default;
        };
        let kind = match period::minutes(value.get_ref()).map(make) {
            Some(Ok(period)) => return period,
            Some(Err(error)) => Kind::Interval(error),
            None => Kind::Period {
                found: value.get_ref().clone(),
            },
        };
        self.add(value.span().start, field, kind);
        default
    }
}

/// What can be referred to by a name, which each has to itself whatever its case.
#[derive(Debug)]
pub(super) struct Names<T> {
    kind: &'static str,
    entries: BTreeMap<String, Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    name: String,
    offset: usize,
    value: T,
}

impl<T> Names<T> {
    /// No names yet, of what `kind` says in errors.
    pub(super) const fn new(kind: &'static str) -> Self {
        Self {
            kind,
            entries: BTreeMap::new(),
        }
    }

    /// Gives the name at `offset` to a value, unless another has it; whether it was given.
    pub(super) fn insert(
        &mut self,
        report: &mut Report,
        offset: usize,
        field: &str,
        name: &str,
        value: T,
    ) -> bool {
        let key = folded(name);
        if let Some(first) = self.entries.get(&key) {
            let other_line = report.lines.line(first.offset);
            let value = name.to_owned();
            report.add(offset, field, Kind::Duplicate { value, other_line });
            return false;
        }
        let name = name.to_owned();
        let entry = Entry {
            name,
            offset,
            value,
        };
        self.entries.insert(key, entry);
        true
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.entries.get(&folded(name)).map(|entry| &entry.value)
    }

    /// What a field refers to.
    pub(super) fn refer(
        &self,
        report: &mut Report,
        field: &str,
        reference: &Spanned<String>,
    ) -> Option<&T> {
        let name = reference.get_ref();
        let value = self.get(name);
        if value.is_none() && !report.is_full() {
            let names = self.entries.values().map(|entry| entry.name.as_str());
            let kind = Kind::Unknown {
                kind: self.kind,
                name: name.clone(),
                suggestion: nearest(name, names).map(ToString::to_string),
            };
            report.add(reference.span().start, field, kind);
        }
        value
    }

    /// The names as they are compared, with their values.
    pub(super) fn into_folded(self) -> impl Iterator<Item = (String, T)> {
        self.entries
            .into_iter()
            .map(|(key, entry)| (key, entry.value))
    }
}
