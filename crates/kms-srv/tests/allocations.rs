//! How often the heap is asked for memory: never to put records into an order.
//!
//! In a binary of its own, since the counting allocator counts for the whole binary, each thread by
//! itself.
#![allow(clippy::unwrap_used, reason = "tests")]

use allocation_counter::measure;
use core::hint::black_box;
use kms_core::SeededEntropy;
use kms_srv::{SelectionRule, SrvRecord, order};

fn records(hosts: u16, priority_and_weight: fn(u16) -> (u16, u16)) -> Vec<SrvRecord> {
    let record = |host| {
        let (priority, weight) = priority_and_weight(host);
        let target = format!("kms{host}.contoso.com").parse().unwrap();
        SrvRecord::new(priority, weight, 1688, target)
    };
    (0..hosts).map(record).collect()
}

#[test]
fn the_counter_sees_a_copy_of_records_and_nothing_else() {
    let records = records(4, |_| (0, 0));
    // The list and the four names.
    let copying = measure(|| drop(black_box(records.clone())));
    assert_eq!(copying.count_total, 5);
    assert_eq!(measure(|| ()).count_total, 0);
}

#[test]
fn limit_nothing_is_allocated_to_order_records() {
    for rule in [SelectionRule::Rfc2782, SelectionRule::Legacy] {
        for hosts in [0, 1, 2, 4, 16, 32, 256, 5000] {
            for priority_and_weight in [
                |_| (0, 0),
                |host| (host % 2, [75, 25][usize::from(host / 2 % 2)]),
                |host| (7, host),
                |host| (host, 0),
            ] as [fn(u16) -> (u16, u16); 4]
            {
                let mut records = records(hosts, priority_and_weight);
                let mut entropy = SeededEntropy::new(1);
                let ordering = measure(|| {
                    for _ in 0..10 {
                        order(black_box(&mut records), rule, &mut entropy);
                    }
                });
                assert_eq!(ordering.count_total, 0, "{hosts} hosts, {rule:?}");
            }
        }
    }
}
