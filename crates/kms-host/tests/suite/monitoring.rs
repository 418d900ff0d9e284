//! The alert rules and the dashboard that come with the host: that they name what it tells.

use crate::{exposition::Scrape, fixture::Fixture, metrics::scrape_of};
use kms_host::MemoryStore;
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

fn packaging(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../packaging")
        .join(path)
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn scrape() -> Scrape {
    scrape_of(&Fixture::new().service(MemoryStore))
}

/// The metrics that a text names, a histogram's by its family.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices("kms_host_") {
        let name: String = text
            .split_at(at)
            .1
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix));
        names.insert(histogram.unwrap_or(&name).to_owned());
    }
    names
}

/// The names of the alert rules.
fn alerts() -> BTreeSet<String> {
    let rules = read(packaging("prometheus/alerts.yml"));
    let names = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

#[test]
fn every_metric_of_the_alert_rules_is_in_a_scrape() {
    let (scrape, rules) = (scrape(), read(packaging("prometheus/alerts.yml")));
    let named = named(&rules);
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(scrape.names().contains(&*name), "{name}");
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let scrape = scrape();
    let shown = named(&read(packaging("grafana/kms-host.json")));
    let told: BTreeSet<String> = scrape.names().into_iter().map(str::to_owned).collect();
    assert_eq!(shown, told);
}

#[test]
fn the_readme_describes_every_metric_and_no_other() {
    let readme = include_str!("../../README.md");
    let section = readme.split_once("\n## Metrics and health\n").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let table: BTreeSet<String> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(named)
        .collect();
    let scrape = scrape();
    let told: BTreeSet<String> = scrape.names().into_iter().map(str::to_owned).collect();
    assert_eq!(table, told);
}

#[test]
fn every_alert_is_tested_and_explained() {
    let (tests, readme) = (
        read(packaging("prometheus/alerts.test.yml")),
        read(packaging("prometheus/README.md")),
    );
    let alerts = alerts();
    assert!(alerts.len() > 10, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert}");
        assert!(readme.contains(&format!("| `{alert}` |")), "{alert}");
    }
}

/// Runs promtool, which must have nothing to say against its input.
fn promtool(arguments: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(packaging("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, of the Debian package prometheus, must be in the PATH");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
}

#[test]
#[ignore = "needs promtool, of the Debian package prometheus"]
fn promtool_finds_the_scrape_and_the_rules_in_order() {
    let fixture = Fixture::new();
    let service = fixture.service(MemoryStore);
    service.metrics().alert("new_cmids");
    promtool(&["check", "metrics"], &service.metrics_text().unwrap());
    promtool(&["check", "rules", "alerts.yml"], "");
    promtool(&["test", "rules", "alerts.test.yml"], "");
}
