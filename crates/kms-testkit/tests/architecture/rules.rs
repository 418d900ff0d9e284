//! The rules, as functions over what was read, so that each can be seen to fail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where a package of ours stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    /// kms-core, which every other may use.
    Core,
    /// An engine without I/O: the core tier but for kms-core.
    Engine,
    /// What the services share of the machine: clocks, entropy, configuration and private files.
    Support,
    /// What puts sockets and files around engines.
    Service,
    /// Test support.
    Testkit,
    /// Binaries and benches.
    Top,
}

const TIERS: [(Tier, &[&str]); 6] = [
    (Tier::Core, &["kms-core"]),
    (
        Tier::Engine,
        &[
            "kms-wire",
            "kms-count",
            "kms-keys",
            "kms-srv",
            "kms-license",
            "kms-trust",
        ],
    ),
    (Tier::Support, &["kms-service"]),
    (Tier::Service, &["kms-host", "kms-client"]),
    (Tier::Testkit, &["kms-testkit"]),
    (Tier::Top, &["examples", "benches"]),
];

/// Nothing of these may be in the normal tree of a crate of the core tier, which is handed time,
/// entropy and bytes.
const NOT_IN_CORE_TIER: &[&str] = &["getrandom", "rand", "tokio"];

/// Nothing of these may be in what a product compiles that embeds the client: no C, no TLS, no
/// HTTP, no SQL.
const NOT_IN_CLIENT: &[&str] = &[
    "aws-lc-rs",
    "aws-lc-sys",
    "cc",
    "cmake",
    "hyper",
    "libsqlite3-sys",
    "openssl-sys",
    "ring",
    "rusqlite",
    "rustls",
];

/// Nothing of these may be in any normal tree: the one provider of cryptography is aws-lc-rs.
const NOT_ANYWHERE: &[&str] = &["ring"];

/// A section of a manifest that lists dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Dev,
    Build,
}

/// A package of ours, as its manifest describes it.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// What it depends on, of ours and of others, optional ones included.
    pub(crate) dependencies: Vec<(String, Kind)>,
    /// Lies in `crates/`.
    pub(crate) is_crate: bool,
    pub(crate) has_readme: bool,
    pub(crate) has_description: bool,
    /// `[lints] workspace = true`.
    pub(crate) has_workspace_lints: bool,
}

/// The edges between packages of ours that their tiers forbid.
pub(crate) fn tier_violations(packages: &[Package]) -> Vec<String> {
    let mut violations = Vec::new();
    for package in packages {
        let Some(from) = tier(&package.name) else {
            violations.push(format!(
                "{} stands in no tier: place it in TIERS",
                package.name
            ));
            continue;
        };
        for (name, kind) in &package.dependencies {
            if tier(name).is_some_and(|to| !is_allowed(from, to, *kind)) {
                violations.push(format!(
                    "{} ({from:?}) must not have {name} as a {kind:?} dependency",
                    package.name
                ));
            }
        }
    }
    violations
}

fn tier(name: &str) -> Option<Tier> {
    TIERS
        .iter()
        .find(|(_, names)| names.contains(&name))
        .map(|&(tier, _)| tier)
}

fn is_allowed(from: Tier, to: Tier, kind: Kind) -> bool {
    match (from, to) {
        (_, Tier::Top) | (Tier::Core, _) => false,
        (Tier::Engine | Tier::Support, to) => to == Tier::Core,
        (Tier::Service, Tier::Core | Tier::Engine | Tier::Support) => true,
        (Tier::Service, Tier::Service) => false,
        (Tier::Service, Tier::Testkit) => kind == Kind::Dev,
        (Tier::Testkit, to) => to != Tier::Testkit,
        (Tier::Top, _) => true,
    }
}

/// What manifests lack.
pub(crate) fn manifest_violations(packages: &[Package], unsafe_code: Option<&str>) -> Vec<String> {
    let mut violations = Vec::new();
    if unsafe_code != Some("forbid") {
        violations.push("the workspace's lints must forbid unsafe_code".to_owned());
    }
    for package in packages {
        let rules = [
            (!package.is_crate || package.has_readme, "a README.md"),
            (package.has_description, "a description"),
            (package.has_workspace_lints, "[lints] workspace = true"),
        ];
        for (_, lacks) in rules.into_iter().filter(|&(holds, _)| !holds) {
            violations.push(format!("{} lacks {lacks}", package.name));
        }
    }
    violations
}

/// Which edges of the resolved graph a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edges {
    /// What is linked.
    Normal,
    /// What is linked, and what runs to build it, as a C compiler's driver does.
    NormalAndBuild,
}

/// What must not be in the resolved tree of a package, or of all of ours for `None`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TreeRule {
    pub(crate) root: Option<&'static str>,
    pub(crate) edges: Edges,
    pub(crate) forbidden: &'static [&'static str],
}

/// The rules about resolved trees.
pub(crate) fn tree_rules() -> Vec<TreeRule> {
    let mut rules = vec![
        TreeRule {
            root: None,
            edges: Edges::Normal,
            forbidden: NOT_ANYWHERE,
        },
        TreeRule {
            root: Some("kms-client"),
            edges: Edges::NormalAndBuild,
            forbidden: NOT_IN_CLIENT,
        },
    ];
    for (tier, names) in TIERS {
        if matches!(tier, Tier::Core | Tier::Engine) {
            rules.extend(names.iter().map(|&name| TreeRule {
                root: Some(name),
                edges: Edges::Normal,
                forbidden: NOT_IN_CORE_TIER,
            }));
        }
    }
    rules
}

/// A resolved dependency graph: package, as `name v1.2.3`, to what it depends on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) edges: BTreeMap<String, BTreeSet<String>>,
    pub(crate) roots: BTreeSet<String>,
}

impl Tree {
    /// What `cargo tree --prefix depth --format {p}` prints: the depth and the package in each
    /// line, those that were printed before without what is below them.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tree = Self::default();
        let mut above: Vec<String> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let wrong = || format!("not a line of cargo tree: {line:?}");
            let package = line.trim_start_matches(|c: char| c.is_ascii_digit());
            let depth = line.strip_suffix(package).ok_or_else(wrong)?;
            let depth: usize = depth.parse().map_err(|_| wrong())?;
            let mut words = package.split(' ');
            let (Some(name), Some(version)) = (words.next(), words.next()) else {
                return Err(wrong());
            };
            let node = format!("{name} {version}");
            above.truncate(depth);
            if above.len() != depth {
                return Err(wrong());
            }
            match above.last() {
                None => tree.roots.insert(node.clone()),
                Some(parent) => {
                    let edges = tree.edges.entry(parent.clone()).or_default();
                    edges.insert(node.clone())
                }
            };
            above.push(node);
        }
        Ok(tree)
    }

    /// The shortest way from a root to a package of that name.
    fn way_to(&self, name: &str) -> Option<Vec<&str>> {
        let mut ways: VecDeque<Vec<&str>> = self.roots.iter().map(|root| vec![&**root]).collect();
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            let last = *way.last()?;
            if package_name(last) == name {
                return Some(way);
            }
            if seen.insert(last) {
                for next in self.edges.get(last).into_iter().flatten() {
                    let mut longer = way.clone();
                    longer.push(next);
                    ways.push_back(longer);
                }
            }
        }
        None
    }
}

/// The ways by which a package enters that the rule forbids.
pub(crate) fn tree_violations(rule: &TreeRule, tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    let holds_root = |root| tree.roots.iter().any(|node| package_name(node) == root);
    if tree.roots.is_empty() || rule.root.is_some_and(|root| !holds_root(root)) {
        violations.push(format!("the tree of {rule:?} was not read"));
    }
    for name in rule.forbidden {
        if let Some(way) = tree.way_to(name) {
            violations.push(format!("{name} must not be there: {}", way.join(" -> ")));
        }
    }
    violations
}

fn package_name(node: &str) -> &str {
    node.split(' ').next().unwrap_or(node)
}

mod tests {
    use super::*;
    use core::slice::from_ref;

    fn package(name: &str, dependencies: &[(&str, Kind)]) -> Package {
        Package {
            name: name.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|&(name, kind)| (name.to_owned(), kind))
                .collect(),
            is_crate: true,
            has_readme: true,
            has_description: true,
            has_workspace_lints: true,
        }
    }

    #[test]
    fn each_kind_of_forbidden_edge_between_ours_is_seen() {
        use Kind::{Build, Dev, Normal};
        let forbidden = [
            ("kms-core", "kms-wire", Normal),
            ("kms-core", "kms-wire", Dev),
            ("kms-core", "kms-testkit", Dev),
            ("kms-core", "kms-host", Build),
            ("kms-wire", "kms-count", Normal),
            ("kms-wire", "kms-count", Dev),
            ("kms-keys", "kms-trust", Build),
            ("kms-srv", "kms-client", Normal),
            ("kms-license", "kms-testkit", Dev),
            ("kms-trust", "kms-host", Dev),
            ("kms-count", "examples", Dev),
            ("kms-keys", "kms-service", Normal),
            ("kms-service", "kms-keys", Normal),
            ("kms-service", "kms-host", Dev),
            ("kms-host", "kms-client", Normal),
            ("kms-host", "kms-client", Dev),
            ("kms-client", "kms-host", Normal),
            ("kms-client", "kms-host", Build),
            ("kms-host", "kms-testkit", Normal),
            ("kms-client", "kms-testkit", Build),
            ("kms-client", "benches", Dev),
            ("kms-testkit", "examples", Dev),
            ("examples", "benches", Normal),
            ("benches", "examples", Dev),
        ];
        for (from, to, kind) in forbidden {
            let violations = tier_violations(&[package(from, &[(to, kind)])]);
            assert_eq!(violations.len(), 1, "{from} -> {to} {kind:?}");
            assert!(violations[0].contains(from) && violations[0].contains(to));
        }
    }

    #[test]
    fn the_edges_that_the_tiers_are_for_are_allowed() {
        use Kind::{Build, Dev, Normal};
        let violations = tier_violations(&[
            package("kms-core", &[("uuid", Normal), ("proptest", Dev)]),
            package("kms-wire", &[("kms-core", Normal), ("kms-core", Dev)]),
            package("kms-trust", &[("kms-core", Normal), ("rcgen", Normal)]),
            package(
                "kms-host",
                &[
                    ("kms-core", Normal),
                    ("kms-count", Normal),
                    ("kms-service", Normal),
                    ("kms-testkit", Dev),
                ],
            ),
            package("kms-client", &[("kms-srv", Normal), ("kms-license", Build)]),
            package("kms-testkit", &[("kms-core", Normal), ("kms-host", Dev)]),
            package("examples", &[("kms-host", Normal), ("kms-testkit", Normal)]),
            package("benches", &[("kms-client", Normal), ("kms-testkit", Dev)]),
        ]);
        assert_eq!(violations, [""; 0]);
    }

    #[test]
    fn a_package_in_no_tier_is_seen() {
        let violations = tier_violations(&[package("kms-new", &[])]);
        assert_eq!(violations, ["kms-new stands in no tier: place it in TIERS"]);
    }

    #[test]
    fn each_lack_of_a_manifest_is_seen() {
        let whole = package("kms-core", &[]);
        assert_eq!(
            manifest_violations(from_ref(&whole), Some("forbid")),
            [""; 0]
        );
        let binaries = Package {
            is_crate: false,
            has_readme: false,
            ..whole.clone()
        };
        assert_eq!(manifest_violations(&[binaries], Some("forbid")), [""; 0]);
        let lacking = [
            (
                "a README.md",
                Package {
                    has_readme: false,
                    ..whole.clone()
                },
            ),
            (
                "a description",
                Package {
                    has_description: false,
                    ..whole.clone()
                },
            ),
            (
                "[lints] workspace = true",
                Package {
                    has_workspace_lints: false,
                    ..whole.clone()
                },
            ),
        ];
        for (lack, package) in lacking {
            assert_eq!(
                manifest_violations(&[package], Some("forbid")),
                [format!("kms-core lacks {lack}")]
            );
        }
        for level in [None, Some("deny")] {
            assert_eq!(
                manifest_violations(from_ref(&whole), level),
                ["the workspace's lints must forbid unsafe_code"]
            );
        }
    }

    /// A tree of `root` that holds `forbidden` two steps down, below what was printed before.
    fn planted(root: &str, forbidden: &str) -> Tree {
        Tree::parse(&format!(
            "0{root} v0.1.0 (crates/{root})\n1helper v1.2.3\n2{forbidden} v0.17.0\n\
             1other v2.0.0 (proc-macro)\n2helper v1.2.3 (*)\n\n0{root} v0.1.0 (*)\n"
        ))
        .unwrap()
    }

    #[test]
    fn each_forbidden_package_is_seen_in_each_tree_that_must_not_hold_it() {
        let rules = tree_rules();
        assert_eq!(rules.len(), 2 + 7);
        for rule in rules {
            let root = rule.root.unwrap_or("kms-host");
            for name in rule.forbidden {
                assert_eq!(
                    tree_violations(&rule, &planted(root, name)),
                    [format!(
                        "{name} must not be there: {root} v0.1.0 -> helper v1.2.3 -> {name} v0.17.0"
                    )]
                );
            }
            let fine = planted(root, "thiserror");
            assert_eq!(tree_violations(&rule, &fine), [""; 0]);
        }
    }

    #[test]
    fn only_the_whole_name_counts() {
        let rule = TreeRule {
            root: None,
            edges: Edges::Normal,
            forbidden: &["ring", "rustls"],
        };
        for name in ["ring-compat", "rustls-pki-types", "string"] {
            assert_eq!(tree_violations(&rule, &planted("kms-host", name)), [""; 0]);
        }
    }

    #[test]
    fn a_tree_that_was_not_read_is_seen() {
        for rule in tree_rules() {
            let violations = tree_violations(&rule, &Tree::default());
            assert_eq!(violations.len(), 1, "{rule:?}");
        }
        let rule = tree_rules()[1];
        assert_eq!(
            tree_violations(&rule, &planted("kms-host", "tokio")).len(),
            1
        );
    }

    #[test]
    fn text_that_is_no_tree_is_an_error() {
        for text in [
            "error: no such package",
            "0",
            "0kms-core",
            "1kms-core v0.1.0",
        ] {
            Tree::parse(text).unwrap_err();
        }
    }
}
