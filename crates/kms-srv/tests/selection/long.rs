//! Record sets that are too long to enumerate the orders of.

use super::{
    DRAWS, LEAST_CHANCE, Sampler, chi_square::of_many, chi_square::p_value, draw,
    exact::class_shares, host, legacy, records, rfc_2782,
};

const HOSTS: usize = 256;

/// How many hosts there are of each weight; 256 together.
pub(crate) type Classes<'a> = &'a [(usize, u16)];

/// The class of each host. Those of one class lie all over the list.
fn classes_of_hosts(classes: Classes<'_>) -> Vec<usize> {
    let in_turn: Vec<usize> = (0..)
        .zip(classes)
        .flat_map(|(class, (count, _))| vec![class; *count])
        .collect();
    assert_eq!(in_turn.len(), HOSTS);
    (0..HOSTS).map(|host| in_turn[host * 97 % HOSTS]).collect()
}

/// The chance of a right sampler to stray so far: at each place in the order, in the weight of who has
/// it, and in which of the hosts of that weight it is.
pub(crate) fn chance(classes: Classes<'_>, draws: u32, seed: u64, sampler: impl Sampler) -> f64 {
    let class_of = classes_of_hosts(classes);
    let hosts: Vec<(u16, u16)> = class_of
        .iter()
        .map(|&class| (7, classes[class].1))
        .collect();
    let counts = count_places(&hosts, draws, seed, sampler);
    let mut chances = Vec::new();
    for (counts, shares) in counts.chunks(HOSTS).zip(class_shares(classes)) {
        let of_class = |wanted: usize| {
            let hosts = class_of.iter().zip(counts);
            hosts.filter_map(move |(&class, &count)| (class == wanted).then_some(count))
        };
        let found = (0..)
            .zip(&shares)
            .map(|(class, &share)| (share, of_class(class).sum()));
        chances.push(p_value(found));
        for (class, &(hosts, _)) in classes.iter().enumerate() {
            // Where the class comes up hardly ever, nothing can be said of its hosts.
            if of_class(class).sum::<u32>() > 100 {
                let share = 1.0 / f64::from(u32::try_from(hosts).unwrap());
                chances.push(p_value(of_class(class).map(|count| (share, count))));
            }
        }
    }
    of_many(chances)
}

/// How often each host had each place: a row for each place.
fn count_places(hosts: &[(u16, u16)], draws: u32, seed: u64, sampler: impl Sampler) -> Vec<u32> {
    let mut counts = vec![0; HOSTS * HOSTS];
    draw(&mut records(hosts), draws, seed, sampler, |records| {
        for (record, counts) in records.iter().zip(counts.chunks_mut(HOSTS)) {
            counts[host(record)] += 1;
        }
    });
    counts
}

fn assert_fits(classes: Classes<'_>, draws: u32, seed: u64, sampler: impl Sampler) {
    let chance = chance(classes, draws, seed, sampler);
    assert!(chance > LEAST_CHANCE, "{classes:?}: {chance}");
}

#[test]
fn rfc_2782_256_hosts_of_weights_75_and_25_have_every_place_by_weight() {
    assert_fits(&[(128, 75), (128, 25)], DRAWS, 61, rfc_2782);
}

#[test]
fn rfc_2782_256_hosts_of_small_weights_and_none_have_every_place_by_weight() {
    assert_fits(&[(64, 0), (100, 1), (60, 3), (32, 10)], DRAWS, 62, rfc_2782);
}

#[test]
fn rfc_2782_256_hosts_of_the_smallest_and_the_largest_weight_have_every_place_by_weight() {
    // Any stray among such weights is a large one.
    assert_fits(&[(86, 0), (86, 1), (84, 65_535)], DRAWS / 5, 63, rfc_2782);
}

#[test]
fn rfc_2782_256_hosts_of_the_default_weight_have_every_place_alike() {
    assert_fits(&[(256, 0)], DRAWS, 64, rfc_2782);
}

#[test]
fn windows_vista_256_hosts_have_every_place_alike() {
    // Legacy clients see no weights: for them all hosts are of one class.
    assert_fits(&[(256, 25)], DRAWS, 65, legacy);
}
