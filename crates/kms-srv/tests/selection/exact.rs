//! What RFC 2782 implies, worked out from its text: for few records over all orders, for many over
//! how many of each weight are left.

use super::Order;
use std::collections::BTreeMap;

pub(crate) fn permutations(items: &[usize]) -> Vec<Order> {
    if items.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        for tail in permutations(&rest) {
            all.push([vec![first], tail].concat());
        }
    }
    all
}

/// The probability of each order of hosts of these priorities and weights.
pub(crate) fn orders(hosts: &[(u16, u16)]) -> BTreeMap<Order, f64> {
    let mut groups: BTreeMap<u16, Order> = BTreeMap::new();
    for (host, &(priority, _)) in hosts.iter().enumerate() {
        groups.entry(priority).or_default().push(host);
    }
    let mut exact = BTreeMap::from([(vec![], 1.0)]);
    for group in groups.values() {
        let weights: Vec<u16> = group.iter().map(|&host| hosts[host].1).collect();
        let mut longer = BTreeMap::new();
        for (head, chance) in &exact {
            for (tail, share) in orders_of_one_priority(&weights) {
                let tail: Order = tail.into_iter().map(|at| group[at]).collect();
                longer.insert([head.clone(), tail].concat(), chance * share);
            }
        }
        exact = longer;
    }
    exact
}

/// RFC 2782's text, followed to the letter: over all ways to lay the records out, those of weight 0
/// first, and all numbers from 0 to the sum inclusive.
pub(crate) fn orders_of_one_priority(weights: &[u16]) -> BTreeMap<Order, f64> {
    fn follow(
        weights: &[u16],
        laid_out: &[usize],
        taken: &Order,
        probability: f64,
        exact: &mut BTreeMap<Order, f64>,
    ) {
        if laid_out.is_empty() {
            *exact.entry(taken.clone()).or_default() += probability;
            return;
        }
        let sum: u32 = laid_out.iter().map(|&host| u32::from(weights[host])).sum();
        let mut numbers_for = vec![0_u32; laid_out.len()];
        for number in 0..=sum {
            let mut running_sum = 0;
            let reached = laid_out.iter().position(|&host| {
                running_sum += u32::from(weights[host]);
                running_sum >= number
            });
            numbers_for[reached.unwrap()] += 1;
        }
        for (at, numbers) in numbers_for.into_iter().enumerate() {
            if numbers > 0 {
                let mut rest = laid_out.to_vec();
                let host = rest.remove(at);
                let taken = [taken.clone(), vec![host]].concat();
                let probability = probability * f64::from(numbers) / f64::from(sum + 1);
                follow(weights, &rest, &taken, probability, exact);
            }
        }
    }
    let layouts = permutations(&(0..weights.len()).collect::<Order>());
    let mut exact = BTreeMap::new();
    for layout in &layouts {
        let mut layout = layout.clone();
        layout.sort_by_key(|&host| weights[host] != 0);
        let probability = 1.0 / f64::from(u32::try_from(layouts.len()).unwrap());
        follow(weights, &layout, &vec![], probability, &mut exact);
    }
    exact
}

/// For each place in the order, the probability that it goes to some record of each class: a class is
/// so many records of the same weight, all with the same chance.
///
/// Who comes next is decided by how many records of each class are left. So the probability of each
/// such composition follows from those with one record more.
pub(crate) fn class_shares(classes: &[(usize, u16)]) -> Vec<Vec<f64>> {
    let places: usize = classes.iter().map(|(count, _)| count).sum();
    let mut shares = vec![vec![0.0; classes.len()]; places];
    // Compositions by how many were taken, counted through as the digits of a number are.
    let steps: Vec<usize> = classes
        .iter()
        .scan(1, |step, (count, _)| {
            let this = *step;
            *step *= count + 1;
            Some(this)
        })
        .collect();
    let compositions = classes.iter().map(|(count, _)| count + 1).product();
    let mut probability = vec![0.0; compositions];
    probability[0] = 1.0;
    let mut taken = vec![0; classes.len()];
    for at in 0..compositions {
        let place: usize = taken.iter().sum();
        if place < places {
            let left = taken.iter().zip(classes);
            let left: Vec<(usize, u16)> = left
                .map(|(taken, (count, weight))| (count - taken, *weight))
                .collect();
            for (class, chance) in next_class(&left).into_iter().enumerate() {
                if chance > 0.0 {
                    let chance = probability[at] * chance;
                    shares[place][class] += chance;
                    probability[at + steps[class]] += chance;
                }
            }
        }
        for (taken, (count, _)) in taken.iter_mut().zip(classes) {
            *taken += 1;
            if *taken <= *count {
                break;
            }
            *taken = 0;
        }
    }
    shares
}

/// Of the numbers from 0 to the sum, a record of weight w is reached by w, whichever way the records
/// are laid out; 0 reaches the one that lies first, which is one of weight 0 while there are any.
fn next_class(left: &[(usize, u16)]) -> Vec<f64> {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let weight_of = |&(count, weight): &(usize, u16)| number(count) * f64::from(weight);
    let numbers = 1.0 + left.iter().map(weight_of).sum::<f64>();
    let weightless: usize = left.iter().filter(|c| c.1 == 0).map(|c| c.0).sum();
    let all: usize = left.iter().map(|c| c.0).sum();
    let share = |class: &(usize, u16)| {
        let lies_first = match weightless {
            0 => number(class.0) / number(all),
            _ if class.1 == 0 => number(class.0) / number(weightless),
            _ => 0.0,
        };
        (weight_of(class) + lies_first) / numbers
    };
    left.iter().map(share).collect()
}

#[test]
fn the_exact_probabilities_are_those_worked_out_by_hand() {
    let first = |weights: &[u16], host: usize| -> f64 {
        let exact = orders_of_one_priority(weights);
        let leading = exact.iter().filter(|(order, _)| order[0] == host);
        leading.map(|(_, probability)| probability).sum()
    };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(near(first(&[75, 25], 0), 75.5 / 101.0));
    assert!(near(first(&[0, 1, 3, 6], 0), 1.0 / 11.0));
    assert!(near(first(&[1, 2, 3, 4], 3), 4.25 / 11.0));
    let exact = orders_of_one_priority(&[0, 0, 0, 0]);
    assert!(near(exact[&vec![3, 1, 0, 2]], 1.0 / 24.0));
    let exact = orders(&[(9, 25), (1, 75), (9, 75), (1, 25)]);
    let chance = 75.5 / 101.0 * 25.5 / 101.0;
    assert!(near(exact[&vec![1, 3, 0, 2]], chance));
    assert_eq!(exact.len(), 4);
}

#[test]
fn the_two_ways_to_the_exact_probabilities_agree() {
    for classes in [
        vec![(2, 0), (3, 1)],
        vec![(1, 75), (3, 25)],
        vec![(2, 0), (2, 1), (2, 9)],
        vec![(1, 1), (1, 2), (1, 3), (2, 4)],
        vec![(5, 0)],
    ] {
        let class_of: Vec<usize> = (0..)
            .zip(&classes)
            .flat_map(|(class, (count, _))| vec![class; *count])
            .collect();
        let weights: Vec<u16> = class_of.iter().map(|&class| classes[class].1).collect();
        let mut shares = vec![vec![0.0; classes.len()]; weights.len()];
        for (order, probability) in orders_of_one_priority(&weights) {
            for (place, host) in order.into_iter().enumerate() {
                shares[place][class_of[host]] += probability;
            }
        }
        let differences = class_shares(&classes)
            .concat()
            .into_iter()
            .zip(shares.concat())
            .map(|(a, b)| (a - b).abs());
        assert!(differences.fold(0.0, f64::max) < 1e-12, "{classes:?}");
    }
}
