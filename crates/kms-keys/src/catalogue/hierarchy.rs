//! What each group reaches along the `includes` edges, and the circles that forbid it.

use alloc::{collections::BTreeSet, vec, vec::Vec};

/// The groups that each group reaches, itself among them, by index; or one circle of groups that
/// include each other, in order. `includes[n]` are the groups that group `n` includes.
///
/// Without circles, reaching is a partial order: that is what makes "least authority" mean anything.
pub(super) fn reach(includes: &[Vec<usize>]) -> Result<Vec<BTreeSet<usize>>, Vec<usize>> {
    // From the lowest groups up (Kahn 1962), without recursion.
    let mut waits_for: Vec<usize> = includes.iter().map(Vec::len).collect();
    let mut included_by = vec![Vec::new(); includes.len()];
    for (group, below) in includes.iter().enumerate() {
        for &below in below {
            if let Some(above) = included_by.get_mut(below) {
                above.push(group);
            }
        }
    }
    let mut ready: Vec<usize> = (0..includes.len())
        .filter(|&group| waits_for.get(group) == Some(&0))
        .collect();
    let mut reached = vec![BTreeSet::new(); includes.len()];
    let mut done = 0;
    while let Some(group) = ready.pop() {
        done += 1;
        let mut all = BTreeSet::from([group]);
        for &below in includes.get(group).into_iter().flatten() {
            all.extend(reached.get(below).into_iter().flatten());
        }
        if let Some(place) = reached.get_mut(group) {
            *place = all;
        }
        for &above in included_by.get(group).into_iter().flatten() {
            if let Some(count) = waits_for.get_mut(above) {
                *count -= 1;
                if *count == 0 {
                    ready.push(above);
                }
            }
        }
    }
    if done == includes.len() {
        Ok(reached)
    } else {
        Err(circle(includes, &waits_for))
    }
}

/// A circle among the groups that still wait for one: each of them includes another such, so a walk
/// among them comes back to where it was.
fn circle(includes: &[Vec<usize>], waits_for: &[usize]) -> Vec<usize> {
    let waits = |group: &usize| waits_for.get(*group).is_some_and(|&count| count > 0);
    let mut path = Vec::new();
    let mut next = (0..includes.len()).find(waits);
    while let Some(group) = next {
        if let Some(start) = path.iter().position(|&seen| seen == group) {
            return path.split_off(start);
        }
        path.push(group);
        let below = includes.get(group).into_iter().flatten();
        next = below.copied().find(|below| waits(below));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn circles_are_found_behind_what_leads_to_them() {
        assert_eq!(reach(&[vec![0]]), Err(vec![0]));
        assert_eq!(reach(&[vec![1], vec![0]]), Err(vec![0, 1]));
        let tail = [vec![1], vec![2], vec![3], vec![1, 4], vec![]];
        assert_eq!(reach(&tail), Err(vec![1, 2, 3]));
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let chain: Vec<Vec<usize>> = (0..500)
            .map(|n| if n == 0 { vec![] } else { vec![n - 1] })
            .collect();
        let reached = reach(&chain).unwrap();
        assert_eq!(reached[499].len(), 500);
        assert_eq!(reached[0].len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_reached_is_what_a_walk_reaches(
            edges in prop::collection::vec((0_usize..7, 0_usize..7), 0..14),
        ) {
            let mut includes = vec![Vec::new(); 7];
            for (above, below) in edges {
                includes[above].push(below);
            }
            // Warshall's closure, as a model.
            let mut closure = [[false; 7]; 7];
            for (above, below) in includes.iter().enumerate() {
                below.iter().for_each(|&below| closure[above][below] = true);
            }
            for via in 0..7 {
                for from in 0..7 {
                    for to in 0..7 {
                        closure[from][to] |= closure[from][via] && closure[via][to];
                    }
                }
            }
            match reach(&includes) {
                Ok(reached) => for (from, reached) in reached.iter().enumerate() {
                    let expected: BTreeSet<usize> =
                        (0..7).filter(|&to| to == from || closure[from][to]).collect();
                    prop_assert_eq!(reached, &expected);
                    prop_assert!(!closure[from][from]);
                },
                Err(circle) => {
                    prop_assert!(!circle.is_empty());
                    for (at, from) in circle.iter().enumerate() {
                        let to = circle[(at + 1) % circle.len()];
                        prop_assert!(includes[*from].contains(&to));
                    }
                }
            }
        }
    }
}
