//! The README names a test in each row of its tables: they must exist.

const README: &str = include_str!("../../README.md");
const SOURCES: [&str; 7] = [
    include_str!("clock.rs"),
    include_str!("simulation.rs"),
    include_str!("states.rs"),
    include_str!("timers.rs"),
    include_str!("../../src/clock.rs"),
    include_str!("../../src/timers.rs"),
    include_str!("../../src/record.rs"),
];

/// The last cells of the tables that have a column for tests.
fn rows() -> Vec<&'static str> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in README.lines() {
        let Some(last) = line
            .strip_suffix('|')
            .and_then(|line| line.rsplit('|').next())
        else {
            in_table = false;
            continue;
        };
        match last.trim() {
            "test" => in_table = true,
            cell if in_table && !cell.starts_with("---") => rows.push(cell),
            _ => {}
        }
    }
    rows
}

#[test]
fn every_row_of_the_readme_names_a_test_that_exists() {
    let rows = rows();
    assert_eq!(rows.len(), 16 + 8 + 14, "rows were added or lost");
    for row in rows {
        if row == "none is needed" {
            continue;
        }
        let name = row.trim_matches('`');
        let test = format!("#[test]\n    fn {name}() {{");
        let outer = format!("#[test]\nfn {name}() {{");
        let found = SOURCES
            .iter()
            .any(|source| source.contains(&test) || source.contains(&outer));
        assert!(found, "no test is called {name}");
    }
}

#[test]
fn every_test_that_the_prose_of_the_readme_names_exists() {
    let prose = README
        .lines()
        .filter(|line| !line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|text| text.matches('_').count() >= 4);
    let mut seen = 0;
    for name in prose {
        let wanted = format!("fn {name}() {{");
        let found = SOURCES.iter().any(|source| source.contains(&wanted));
        assert!(found, "no test is called {name}");
        seen += 1;
    }
    assert_eq!(seen, 3);
}
