//! The lab's output for people, and its repeatability.

use super::report::{Report, play};
use crate::support::{LAB, command, run_blocking};

#[test]
fn a_person_gets_tables_and_what_was_seen() {
    let mut lab = command(LAB);
    lab.args(["--scenario", "mixed-groups"]);
    let outcome = run_blocking(lab).exits(0).says(&[
        "Scenario mixed-groups, after \"Key Management Server details: host key types\"",
        "\nMachines\n",
        "machine      ┆ product",
        "│ server-c-01",
        "0xC004F042 SL_E_VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH",
        "\nHosts\n",
        "count (held at most)",
        "│ kms1.contoso.test",
        "Windows: 32 (50)",
        "\nWhat happened",
        "every machine has asked once",
        "\nEvents\n",
        "(request processed by a host)",
        "\nWhat the scenario must show\n",
        "  yes  Windows Server 2008 R2 Datacenter: refused",
    ]);
    assert!(!outcome.stdout.contains("  NO "), "{outcome}");
    assert!(
        !outcome.stdout.contains('\u{1b}'),
        "no colours in a pipe: {outcome}"
    );
    assert_eq!(outcome.stderr, "", "{outcome}");
}

#[test]
fn without_a_scenario_it_is_the_single_site() {
    assert_eq!(play(&[]).scenario, "single-site");
}

#[test]
fn the_same_seed_chooses_the_same_hosts_twice_and_another_seed_others() {
    let chosen = |report: &Report| -> Vec<(String, Option<String>, Option<u32>)> {
        let row =
            |a: &super::report::Attempt| (a.machine.clone(), a.host().map(str::to_owned), a.count);
        report.attempts.iter().map(row).collect()
    };
    let [one, again, other] = ["7", "7", "8"].map(|seed| chosen(&play(&["--seed", seed])));
    assert_eq!(one, again);
    assert_ne!(one, other);
}
