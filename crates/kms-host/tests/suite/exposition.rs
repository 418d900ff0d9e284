//! A reader of Prometheus' text form that takes nothing but what is well formed.

use std::collections::{BTreeMap, BTreeSet};

/// All metrics of a scrape.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    families: BTreeMap<String, Family>,
}

#[derive(Debug, Default)]
struct Family {
    kind: String,
    /// By the sample's name and labels, as written.
    samples: Vec<(Sample, f64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
}

impl Scrape {
    /// Reads a scrape; panics with the line at fault.
    pub(crate) fn read(text: &str) -> Self {
        let mut scrape = Self::default();
        let mut name = String::new();
        assert!(text.ends_with('\n'), "the last line has no end");
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (named, help) = help.split_once(' ').expect(line);
                assert!(help.len() > 10 && help.ends_with('.'), "{line}");
                let kind = lines.next().expect(line);
                let kind = kind.strip_prefix(&format!("# TYPE {named} ")).expect(kind);
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(named.ends_with("_total"), kind == "counter", "{line}");
                assert!(named.starts_with("kms_host_") && is_name(named), "{line}");
                named.clone_into(&mut name);
                let family = Family {
                    kind: kind.to_owned(),
                    samples: Vec::new(),
                };
                let twice = scrape.families.insert(name.clone(), family);
                assert!(twice.is_none(), "{line}: it is there twice");
            } else {
                let (sample, value) = read_sample(line);
                let family = scrape.families.get_mut(&name).expect(line);
                family.add(&name, sample, value);
            }
        }
        for (name, family) in &scrape.families {
            family.check(name);
        }
        scrape
    }

    /// A sample's value, by name and labels as they are written; `None` if there is none.
    pub(crate) fn find(&self, sample: &str) -> Option<f64> {
        let (wanted, _) = read_sample(&format!("{sample} 0"));
        let mut samples = self.families.values().flat_map(|family| &family.samples);
        samples
            .find(|(sample, _)| *sample == wanted)
            .map(|(_, value)| *value)
    }

    /// The value of a sample that is there.
    pub(crate) fn value(&self, sample: &str) -> f64 {
        self.find(sample)
            .unwrap_or_else(|| panic!("no {sample} in {self:#?}"))
    }

    /// The values of a family's samples with a label, by that label.
    pub(crate) fn by_label(&self, family: &str) -> BTreeMap<&str, f64> {
        let samples = &self.families[family].samples;
        let by_label = samples
            .iter()
            .map(|(sample, value)| (sample.labels[0].1.as_str(), *value));
        by_label.collect()
    }

    /// The names of all families, those without a sample too.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.families.keys().map(String::as_str).collect()
    }
}

impl Family {
    fn add(&mut self, name: &str, sample: Sample, value: f64) {
        let suffix = sample.name.strip_prefix(name).expect(&sample.name);
        if self.kind == "histogram" {
            assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{suffix}");
            assert_eq!(suffix == "_bucket", sample.labels.len() == 1);
        } else {
            assert_eq!(suffix, "", "{name}");
        }
        if self.kind != "gauge" {
            let whole = suffix == "_sum" || value.fract() == 0.0;
            assert!(value >= 0.0 && whole, "{name} {value}");
        }
        assert!(
            self.samples.iter().all(|(other, _)| *other != sample),
            "{sample:?} is there twice"
        );
        self.samples.push((sample, value));
    }

    /// What holds of a whole family: that a histogram's buckets add up.
    fn check(&self, name: &str) {
        if self.kind != "histogram" {
            return;
        }
        let of = |suffix: &str| {
            let named = format!("{name}{suffix}");
            let samples = self.samples.iter();
            samples
                .filter(|(sample, _)| sample.name == named)
                .collect::<Vec<_>>()
        };
        let (buckets, sums, counts) = (of("_bucket"), of("_sum"), of("_count"));
        assert_eq!((sums.len(), counts.len()), (1, 1), "{name}");
        let mut before = (f64::NEG_INFINITY, 0.0);
        for (sample, value) in &buckets {
            let [(label, le)] = &sample.labels[..] else {
                panic!("{sample:?}")
            };
            assert_eq!(label, "le");
            let le = read_value(le);
            assert!(le > before.0 && *value >= before.1, "{name} at {le}");
            before = (le, *value);
        }
        assert_eq!(before, (f64::INFINITY, counts[0].1), "{name}");
        assert_eq!(sums[0].1 == 0.0, counts[0].1 == 0.0, "{name}");
    }
}

fn read_sample(line: &str) -> (Sample, f64) {
    let end = line.find(['{', ' ']).expect(line);
    let (name, rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(labels) => read_labels(labels),
        None => (Vec::new(), rest),
    };
    let value = rest.strip_prefix(' ').expect(line);
    let sample = Sample {
        name: name.to_owned(),
        labels,
    };
    (sample, read_value(value))
}

/// Labels after their opening brace, and what follows the closing one.
fn read_labels(mut text: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        let (name, rest) = text.split_once("=\"").expect(text);
        assert!(is_name(name), "{text}");
        let mut value = String::new();
        let mut chars = rest.chars();
        loop {
            value.push(match chars.next().expect(text) {
                '"' => break,
                '\\' => match chars.next() {
                    Some(escaped @ ('\\' | '"')) => escaped,
                    Some('n') => '\n',
                    other => panic!("{other:?} is no escape in {text}"),
                },
                plain => plain,
            });
        }
        assert!(labels.iter().all(|(other, _)| other != name), "{text}");
        labels.push((name.to_owned(), value));
        let rest = chars.as_str();
        match rest.strip_prefix(',') {
            Some(more) => text = more,
            None => return (labels, rest.strip_prefix('}').expect(text)),
        }
    }
}

fn read_value(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        number => {
            assert!(!number.contains(' '), "{number} has a timestamp");
            let value: f64 = number.parse().expect(number);
            assert!(value.is_finite(), "{number}");
            value
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
