//! The order in which hosts are asked while they fail one after the other.

use super::{LEAST_CHANCE, Order, chance_of_keys, count, exact::orders, legacy, rfc_2782, uniform};
use std::collections::BTreeMap;

/// KMS and MAK Activation Scenarios, Table 5: E1, E2, W1, W2 as the clients of each site see them.
const EAST: [(u16, u16); 4] = [(10, 75), (10, 25), (90, 75), (90, 25)];
const WEST: [(u16, u16); 4] = [(90, 75), (90, 25), (10, 75), (10, 25)];

/// Who is asked next, of those clients whose first hosts were these and all failed.
fn after(failed: &[usize], counts: &BTreeMap<Order, u32>) -> BTreeMap<usize, u32> {
    let mut next = BTreeMap::new();
    for (order, count) in counts {
        if let Some([host, ..]) = order.strip_prefix(failed) {
            *next.entry(*host).or_default() += count;
        }
    }
    next
}

/// Whom a client asks first that finds only these hosts.
fn first_of(hosts: &[(u16, u16)], left: &[usize]) -> BTreeMap<usize, f64> {
    let listed: Vec<(u16, u16)> = left.iter().map(|&host| hosts[host]).collect();
    let mut first = BTreeMap::new();
    for (order, probability) in orders(&listed) {
        *first.entry(left[order[0]]).or_default() += probability;
    }
    first
}

#[test]
fn activate_clients_a_host_that_fails_leaves_the_list_and_the_next_is_chosen_from_the_others() {
    // Whoever failed, the next is chosen as if the failed ones had never been listed.
    for (seed, hosts) in (81..).zip([
        vec![(0, 0); 4],
        vec![(0, 1), (0, 2), (0, 3), (0, 4)],
        vec![(0, 0), (0, 5), (1, 0), (0, 10)],
        EAST.to_vec(),
    ]) {
        let counts = count(&hosts, seed, rfc_2782);
        let mut failed_ways: Vec<Order> = counts
            .keys()
            .flat_map(|order| (0..order.len()).map(|failed| order[..failed].to_vec()))
            .collect();
        failed_ways.sort();
        failed_ways.dedup();
        let ways = u32::try_from(failed_ways.len()).unwrap();
        for failed in failed_ways {
            let left: Order = (0..hosts.len()).filter(|n| !failed.contains(n)).collect();
            let chance = chance_of_keys(&after(&failed, &counts), &first_of(&hosts, &left));
            let least = LEAST_CHANCE / f64::from(ways);
            assert!(chance > least, "{hosts:?} after {failed:?}: {chance}");
        }
    }
}

#[test]
fn scenarios_table_5_each_site_asks_its_own_two_hosts_before_the_two_of_the_other() {
    for (seed, hosts, own) in [(91, EAST, [0, 1]), (92, WEST, [2, 3])] {
        let counts = count(&hosts, seed, rfc_2782);
        assert_eq!(counts.len(), 4, "{counts:?}");
        for order in counts.keys() {
            assert!(
                order[..2].iter().all(|host| own.contains(host)),
                "{order:?}"
            );
        }
        let exact = orders(&hosts);
        for (order, probability) in &exact {
            // 75 % and 25 %, but for the number 0 that RFC 2782 draws too.
            let share = |host: usize| [75.5, 25.5][host % 2] / 101.0;
            let documented = share(order[0]) * share(order[2]);
            assert!((probability - documented).abs() < 1e-9, "{order:?}");
        }
        assert!(chance_of_keys(&counts, &exact) > LEAST_CHANCE, "{counts:?}");
    }
}

#[test]
fn scenarios_table_5_windows_vista_asks_the_four_in_any_order() {
    let counts = count(&EAST, 93, legacy);
    assert!(
        chance_of_keys(&counts, &uniform(4)) > LEAST_CHANCE,
        "{counts:?}"
    );
}
