//! A catalogue file: what it may say, and what is told when it is wrong.
#![allow(
    clippy::unwrap_used,
    reason = "the setting for tests does not reach helper functions"
)]

use core::fmt::Write;
use kms_keys::{Catalogue, CatalogueError, CatalogueProblemKind as Kind, GroupId};

/// A small file without problems, to which tests add or in which they replace a line.
const GOOD: &str = r#"
[[application]]
name = "App"

[[family]]
name = "Fam"
id = "0c6ba0b7-7a4e-4b0e-8a2f-7b1d3d0a4f11"

[[policy]]
name = "Short"
grace = "1 d"
oot_grace = "2 h"
validity = "15 min"
rearms = 0
reduced_functionality = true
activation_interval = "15 min"
renewal_interval = "30 d"

[[system]]
name = "Old System"

[[group]]
id = "v/low/1"
title = "Low"
hosts = ["Old System", "v/high/1"]
application = "App"
family = "Fam"
threshold = 3

[[group]]
id = "v/high/1"
title = "High"
includes = ["v/low/1"]

[[product]]
name = "Low One"
group = "v/low/1"
client_setup_key = "BCDFG-HJKMP-QRTVW-XY234-67892"

[[product]]
name = "High One"
aliases = ["Highest"]
id = "7f3c0a52-3d0e-4f43-9b57-6a1c9f0d2e10"
group = "v/high/1"
application = "app"
family = "FAM"
threshold = 1000000
policy = "short"
"#;

fn parse(text: &str) -> Result<Catalogue, CatalogueError> {
    Catalogue::parse(text, "vendor.toml")
}

/// What is told when one line of the good file is another.
fn told_of(line: &str, instead: &str) -> Vec<String> {
    assert_eq!(GOOD.matches(line).count(), 1, "{line}");
    told(&GOOD.replace(line, instead))
}

/// What is told when something is added behind the good file, whose last line is 48.
fn told_behind(more: &str) -> Vec<String> {
    told(&format!("{GOOD}{more}"))
}

fn told(text: &str) -> Vec<String> {
    let error = parse(text).unwrap_err();
    assert_eq!(error.file_name(), "vendor.toml");
    let printed = error.to_string();
    let lines: Vec<String> = printed.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), error.problems().len());
    for (line, problem) in lines.iter().zip(error.problems()) {
        let (number, field) = (problem.line(), problem.field());
        let place = if field.is_empty() {
            String::new()
        } else {
            format!("{field}: ")
        };
        assert!(
            line.starts_with(&format!("vendor.toml:{number}: {place}")),
            "{line}"
        );
        assert!(line.ends_with(problem.remedy()), "{line}");
    }
    // The tests state places and problems; the remedies follow from the kind of problem.
    lines
        .iter()
        .zip(error.problems())
        .map(|(line, problem)| {
            let line = line.strip_prefix("vendor.toml:").unwrap();
            let remedy = format!(": {}", problem.remedy());
            line.strip_suffix(&remedy).unwrap().to_owned()
        })
        .collect()
}

#[test]
fn everything_that_a_file_says_is_in_the_catalogue() {
    let catalogue = parse(GOOD).unwrap();
    let high = catalogue.product_named("high one").unwrap();
    assert_eq!(catalogue.product_named(" HIGHEST\n"), Ok(high));
    assert_eq!(high.aliases, ["Highest"]);
    assert_eq!(
        high.activation_id.to_string(),
        "7f3c0a52-3d0e-4f43-9b57-6a1c9f0d2e10"
    );
    assert_eq!(
        high.counted_id.to_string(),
        "0c6ba0b7-7a4e-4b0e-8a2f-7b1d3d0a4f11"
    );
    assert_eq!(high.threshold.machines(), 1_000_000);
    let policy = high.policy;
    assert_eq!(
        (policy.grace.minutes(), policy.oot_grace.minutes()),
        (1440, 120)
    );
    assert_eq!((policy.validity.minutes(), policy.rearms), (15, 0));
    assert!(policy.reduced_functionality);
    assert_eq!(policy.activation_interval.minutes(), 15);
    assert_eq!(policy.renewal_interval.minutes(), 43_200);

    let low = catalogue.product_named("Low One").unwrap();
    assert_eq!(low.policy, kms_keys::Policy::default());
    assert_eq!(low.threshold.machines(), 3);
    assert_eq!(low.application_id, high.application_id);
    assert!(catalogue.may_activate("v/high/1", low).unwrap());
    assert!(!catalogue.may_activate("V/LOW/1", high).unwrap());

    let key = catalogue.host_key("v/low/1").unwrap();
    assert_eq!(key.title, "Low");
    assert_eq!(key.hosts, ["Old System", "High One"]);
    for (system, may) in [("old system", true), ("highest", true), ("Low One", false)] {
        assert_eq!(catalogue.may_host(system, "v/low/1"), Ok(may), "{system}");
    }
    // The other key names no hosts, so any may be one.
    assert_eq!(
        catalogue.may_host("Some Other System", "v/high/1"),
        Ok(true)
    );
    assert_eq!(catalogue.applications().len(), 1);
    assert_eq!(catalogue.families().next().unwrap().name, "Fam");
    let groups: Vec<&str> = catalogue.groups().map(GroupId::as_str).collect();
    assert_eq!(groups, ["v/low/1", "v/high/1"]);
}

#[test]
fn a_group_may_do_without_a_host_key() {
    let catalogue = parse(&GOOD.replace("includes = [\"v/low/1\"]", "host_key = false")).unwrap();
    assert_eq!(catalogue.host_keys().len(), 1);
    assert!(catalogue.host_key("v/high/1").is_err());
    assert_eq!(catalogue.groups().len(), 2);
}

#[test]
fn an_empty_file_is_an_empty_catalogue() {
    assert_eq!(parse(""), Ok(Catalogue::default()));
}

#[test]
fn text_that_is_not_toml_is_told_with_its_place() {
    assert_eq!(
        told_of("rearms = 0", "rearms"),
        ["14: policy.rearms: key with no value, expected `=`"]
    );
    assert_eq!(
        told("name = 'a"),
        ["1: name: invalid literal string, expected `'`"]
    );
}

#[test]
fn unknown_keys_and_tables_are_refused() {
    for (table, line, instead, place) in [
        ("table", "[[system]]", "[[systm]]", "19: systm"),
        (
            "application",
            "name = \"App\"",
            "nam = \"App\"",
            "3: application.nam",
        ),
        ("policy", "rearms = 0", "rearm = 0", "14: policy.rearm"),
        (
            "system",
            "name = \"Old System\"",
            "title = \"Old System\"",
            "20: system.title",
        ),
        (
            "group",
            "title = \"Low\"",
            "tile = \"Low\"",
            "24: group.tile",
        ),
        (
            "product",
            "aliases = [\"Highest\"]",
            "alias = \"Highest\"",
            "42: product.alias",
        ),
    ] {
        let told = told_of(line, instead);
        let [problem] = &told[..] else {
            panic!("{table}: {told:?}")
        };
        assert!(
            problem.starts_with(&format!("{place}: unknown field `")),
            "{problem}"
        );
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    assert_eq!(
        told_of("threshold = 3", "threshold = \"3\""),
        ["28: group.threshold: invalid type: string \"3\", expected i64"]
    );
    assert_eq!(
        told_of("reduced_functionality = true", "reduced_functionality = 1"),
        ["15: policy.reduced_functionality: invalid type: integer `1`, expected a boolean"]
    );
}

#[test]
fn whatever_a_table_lacks_is_told() {
    assert_eq!(
        told_behind(
            "[[application]]\n[[family]]\n[[policy]]\n[[system]]\n[[group]]\n[[product]]\n"
        ),
        [
            "49: application.name: missing",
            "50: family.name: missing",
            "51: policy.name: missing",
            "52: system.name: missing",
            "53: group.title: missing",
            "53: group.id: missing",
            "54: product.name: missing",
            "54: product.group: missing",
        ]
    );
}

#[test]
fn a_product_needs_an_application_family_and_threshold_from_somewhere() {
    assert_eq!(
        told_behind("[[product]]\nname = 'x'\ngroup = 'v/high/1'\n"),
        [
            "49: product.application: missing",
            "49: product.family: missing",
            "49: product.threshold: missing",
        ]
    );
}

#[test]
fn references_to_nothing_are_told_with_the_nearest_name() {
    for (line, instead, expected) in [
        (
            "includes = [\"v/low/1\"]",
            "includes = [\n\"v/low/1\",\n\"v/lo/1\"]",
            "35: group.includes: the catalogue has no group \"v/lo/1\": did you mean \"v/low/1\"?",
        ),
        (
            "hosts = [\"Old System\", ",
            "hosts = [\"Old Sistem\", ",
            "25: group.hosts: the catalogue has no product, system or group \"Old Sistem\": did you mean \"Old System\"?",
        ),
        (
            "application = \"App\"",
            "application = \"Apt\"",
            "26: group.application: the catalogue has no application \"Apt\": did you mean \"App\"?",
        ),
        (
            "family = \"FAM\"",
            "family = \"Something\"",
            "46: product.family: the catalogue has no family \"Something\"",
        ),
        (
            "policy = \"short\"",
            "policy = \"shrt\"",
            "48: product.policy: the catalogue has no policy \"shrt\": did you mean \"Short\"?",
        ),
        (
            "group = \"v/high/1\"",
            "group = \"v/height/1\"",
            "44: product.group: the catalogue has no group \"v/height/1\": did you mean \"v/high/1\"?",
        ),
    ] {
        assert_eq!(told_of(line, instead), [expected]);
    }
}

#[test]
fn circles_of_groups_are_told_in_order() {
    assert_eq!(
        told_of(
            "title = \"Low\"",
            "title = \"Low\"\nincludes = [\"v/high/1\"]"
        ),
        [
            "25: group.includes: a circle of groups that include each other: v/low/1 includes v/high/1 includes v/low/1"
        ]
    );
    assert_eq!(
        told_of(
            "title = \"Low\"",
            "title = \"Low\"\nincludes = [\"v/low/1\"]"
        ),
        [
            "25: group.includes: a circle of groups that include each other: v/low/1 includes v/low/1"
        ]
    );
}

#[test]
fn what_is_used_twice_is_told_with_the_other_place() {
    let product = "group = 'v/low/1'\n";
    for (more, expected) in [
        (
            "[[application]]\nname = 'APP'\n".to_owned(),
            "50: application.name: \"APP\" is used in line 3 too",
        ),
        (
            "[[family]]\nname = 'Fam'\n".to_owned(),
            "50: family.name: \"Fam\" is used in line 6 too",
        ),
        (
            "[[family]]\nname = 'G'\nid = '0C6BA0B7-7a4e-4b0e-8a2f-7b1d3d0a4f11'\n".to_owned(),
            "51: family.id: \"0c6ba0b7-7a4e-4b0e-8a2f-7b1d3d0a4f11\" is used in line 7 too",
        ),
        (
            "[[policy]]\nname = 'short'\n".to_owned(),
            "50: policy.name: \"short\" is used in line 10 too",
        ),
        (
            "[[system]]\nname = 'old system'\n".to_owned(),
            "50: system.name: \"old system\" is used in line 20 too",
        ),
        (
            "[[group]]\nid = 'v/low/1'\ntitle = 'Again'\n".to_owned(),
            "50: group.id: \"v/low/1\" is used in line 23 too",
        ),
        (
            format!("[[product]]\nname = 'low one'\n{product}"),
            "50: product.name: \"low one\" is used in line 36 too",
        ),
        (
            format!("[[product]]\nname = 'highest'\n{product}"),
            "50: product.name: \"highest\" is used in line 42 too",
        ),
        (
            format!("[[product]]\nname = 'old system'\n{product}"),
            "50: product.name: \"old system\" is used in line 20 too",
        ),
        (
            format!("[[product]]\nname = 'n'\naliases = [\n'low one']\n{product}"),
            "52: product.aliases: \"low one\" is used in line 36 too",
        ),
        (
            format!(
                "[[product]]\nname = 'n'\nid = '7f3c0a52-3d0e-4f43-9b57-6a1c9f0d2e10'\n{product}"
            ),
            "51: product.id: \"7f3c0a52-3d0e-4f43-9b57-6a1c9f0d2e10\" is used in line 43 too",
        ),
        (
            format!(
                "[[product]]\nname = 'n'\nclient_setup_key = 'bcdfg-hjkmp-qrtvw-xy234-67892'\n{product}"
            ),
            "51: product.client_setup_key: \"BCDFG-HJKMP-QRTVW-XY234-67892\" is used in line 38 too",
        ),
    ] {
        assert_eq!(told_behind(&more), [expected]);
    }
}

#[test]
fn numbers_outside_their_range_are_told() {
    for (number, line) in [
        ("0", 28),
        ("-1", 28),
        ("1000001", 28),
        ("9223372036854775807", 28),
    ] {
        assert_eq!(
            told_of("threshold = 3", &format!("threshold = {number}")),
            [format!(
                "{line}: group.threshold: {number} is outside 1 to 1000000"
            )]
        );
    }
    assert_eq!(
        told_of("threshold = 1000000", "threshold = 0"),
        ["47: product.threshold: 0 is outside 1 to 1000000"]
    );
    assert_eq!(
        told_of("rearms = 0", "rearms = -1"),
        ["14: policy.rearms: -1 is outside 0 to 4294967295"]
    );
}

#[test]
fn bad_periods_are_told() {
    for (line, name) in [
        ("grace = \"1 d\"", "grace"),
        ("oot_grace = \"2 h\"", "oot_grace"),
        ("validity = \"15 min\"", "validity"),
        ("activation_interval = \"15 min\"", "activation_interval"),
        ("renewal_interval = \"30 d\"", "renewal_interval"),
    ] {
        let number = GOOD.lines().position(|found| found == line).unwrap() + 1;
        assert_eq!(
            told(&GOOD.replace(&format!("\n{line}\n"), &format!("\n{name} = \"1 week\"\n"))),
            [format!("{number}: policy.{name}: \"1 week\" is no period")]
        );
    }
    for (line, instead, expected) in [
        (
            "activation_interval = \"15 min\"",
            "activation_interval = \"14 min\"",
            "16: policy.activation_interval: activation interval of 14 minutes: allowed are 15 to 43200",
        ),
        (
            "renewal_interval = \"30 d\"",
            "renewal_interval = \"31 d\"",
            "17: policy.renewal_interval: renewal interval of 44640 minutes: allowed are 15 to 43200",
        ),
        (
            "validity = \"15 min\"",
            "validity = \"0 d\"",
            "13: policy.validity: validity interval of 0 minutes: allowed are 1 to 4294967295",
        ),
    ] {
        assert_eq!(told_of(line, instead), [expected]);
    }
}

#[test]
fn bad_key_text_is_told_with_the_character() {
    assert_eq!(
        told_of("BCDFG-HJKMP", "BCDFG-HJKMO"),
        [
            "38: product.client_setup_key: 'O' at position 5 of group 2: a product key is made of BCDFGHJKMPQRTVWXY2346789 only"
        ]
    );
}

#[test]
fn bad_ids_are_told() {
    for id in ["", "x", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(
            told_of("7f3c0a52-3d0e-4f43-9b57-6a1c9f0d2e10", id),
            [format!("43: product.id: {id:?} is no id")]
        );
    }
    assert_eq!(
        told_behind("[[group]]\nid = 'v/low'\ntitle = 'Two parts'\n"),
        ["50: group.id: a group id has three parts, family/group/generation, this one has 2"]
    );
}

#[test]
fn bad_names_are_told() {
    let long = "x".repeat(101);
    for name in [
        "",
        " x",
        "x ",
        "a\u{7}b",
        "a\nb",
        "a/b/c",
        "7f3c0a52-3d0e-4f43-9b57-6a1c9f0d2e10",
        &long,
    ] {
        let quoted = toml_text(name);
        for (line, field) in [
            ("\"Old System\"\n", "system.name"),
            ("\"Highest\"", "product.aliases"),
            ("\"High\"\n", "group.title"),
        ] {
            let told = told_of(
                line,
                &format!("{quoted}{}", &line.trim_start_matches(|c| c != '\n')),
            );
            let expected = format!("{field}: {name:?} is no name");
            assert!(
                told.iter().any(|problem| problem.ends_with(&expected)),
                "{told:?}"
            );
        }
    }
    let longest = "ü".repeat(100);
    assert!(parse(&GOOD.replace("Highest", &longest)).is_ok());
}

/// A text as TOML writes it, with everything escaped.
fn toml_text(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        write!(quoted, "\\U{:08x}", u32::from(c)).unwrap();
    }
    quoted + "\""
}

#[test]
fn hosts_without_a_host_key_or_without_products_are_told() {
    assert_eq!(
        told_of("title = \"Low\"", "title = \"Low\"\nhost_key = false"),
        ["26: group.hosts: a group without a host key has no hosts"]
    );
    let empty = "[[group]]\nid = 'v/empty/1'\ntitle = 'Empty'\nhosts = ['v/empty/1']\n";
    assert_eq!(
        told_behind(empty),
        ["52: group.hosts: the group v/empty/1 has no products, so it names no hosts"]
    );
}

#[test]
fn all_problems_are_told_in_the_order_of_their_lines() {
    let text = GOOD
        .replace("threshold = 3", "threshold = 0")
        .replace("renewal_interval = \"30 d\"", "renewal_interval = \"soon\"")
        .replace("policy = \"short\"", "policy = \"long\"");
    assert_eq!(
        told(&text),
        [
            "17: policy.renewal_interval: \"soon\" is no period",
            "28: group.threshold: 0 is outside 1 to 1000000",
            "48: product.policy: the catalogue has no policy \"long\"",
        ]
    );
}

#[test]
fn limits_are_held_exactly() {
    let padded = |len: usize| format!("{GOOD}{}", "#".repeat(len - GOOD.len()));
    assert!(parse(&padded(Catalogue::MAX_FILE_LEN)).is_ok());
    assert_eq!(
        told(&padded(Catalogue::MAX_FILE_LEN + 1)),
        ["1: the file has 1048577 bytes, more than the 1048576 allowed"]
    );

    let groups = |count: usize| {
        (0..count).fold(String::new(), |mut text, number| {
            write!(text, "[[group]]\nid = 'v/g/{number}'\ntitle = 't'\n").unwrap();
            text
        })
    };
    assert_eq!(parse(&groups(500)).unwrap().groups().len(), 500);
    assert_eq!(
        told(&groups(501)),
        ["1: the file has 501 groups, more than the 500 allowed"]
    );

    let products = "[[product]]\n".repeat(80);
    let error = parse(&products).unwrap_err();
    assert_eq!(error.problems().len(), CatalogueError::MAX_PROBLEMS);
    assert!(
        error
            .problems()
            .iter()
            .all(|problem| *problem.kind() == Kind::Missing)
    );
}
