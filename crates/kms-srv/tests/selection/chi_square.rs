//! How likely a right sampler strays as far from its distribution as one that was seen.

/// Cells that are expected less often are put together: the chi-square distribution is that of the
/// statistic only where none is rare.
const LEAST_EXPECTED: f64 = 10.0;

/// The chance that a right sampler strays from the distribution at least so far, from each cell's
/// probability and how often it was drawn. It is 0 when something was drawn that never can be.
pub(crate) fn p_value(cells: impl IntoIterator<Item = (f64, u32)>) -> f64 {
    let mut cells: Vec<(f64, f64)> = cells
        .into_iter()
        .map(|(probability, found)| (probability, f64::from(found)))
        .collect();
    let certain: f64 = cells.iter().map(|(probability, _)| probability).sum();
    assert!((certain - 1.0).abs() < 1e-9, "probabilities of {certain}");
    let draws: f64 = cells.iter().map(|(_, found)| found).sum();
    if cells.iter().any(|&cell| cell.0 <= 0.0 && cell.1 > 0.0) {
        return 0.0;
    }
    cells.retain(|(probability, _)| *probability > 0.0);
    cells.sort_by(|a, b| b.0.total_cmp(&a.0));
    while let [.., (next, into), (last, found)] = &mut cells[..]
        && *last * draws < LEAST_EXPECTED
    {
        (*next, *into) = (*next + *last, *into + *found);
        cells.pop();
        cells.sort_by(|a, b| b.0.total_cmp(&a.0));
    }
    let statistic = cells
        .iter()
        .map(|(probability, found)| (found - probability * draws).powi(2) / (probability * draws))
        .sum();
    above(statistic, cells.len() - 1)
}

/// The smallest of several chances, as the chance that one of so many is so small.
pub(crate) fn of_many(chances: impl IntoIterator<Item = f64>) -> f64 {
    let (mut smallest, mut many) = (1.0_f64, 0.0);
    for chance in chances {
        smallest = smallest.min(chance);
        many += 1.0;
    }
    (smallest * many).min(1.0)
}

/// The chance of a statistic this large or larger: the regularised upper incomplete gamma function of
/// half the degrees and half the statistic.
fn above(statistic: f64, degrees: usize) -> f64 {
    let (a, x) = (0.5 * number(degrees), 0.5 * statistic);
    if degrees == 0 || x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - ln_gamma_of_half(degrees)).exp();
    if x < a + 1.0 {
        // The series of the lower function.
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-16 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        (1.0 - scale * sum).max(0.0)
    } else {
        // The continued fraction of the upper function, from its far end.
        let fraction = (1..2000).rev().map(f64::from).fold(0.0, |tail, n| {
            let partial = x + 2.0f64.mul_add(n, 1.0) - a;
            n * (n - a) / (partial - tail)
        });
        scale / (x + 1.0 - a - fraction)
    }
}

fn ln_gamma_of_half(degrees: usize) -> f64 {
    let (mut at, mut sum) = match degrees % 2 {
        0 => (1.0, 0.0),
        _ => (0.5, 0.5 * core::f64::consts::PI.ln()),
    };
    while at < 0.5 * number(degrees) {
        sum += f64::ln(at);
        at += 1.0;
    }
    sum
}

fn number(count: usize) -> f64 {
    u32::try_from(count).unwrap().into()
}

#[test]
fn the_percentage_points_are_those_of_the_printed_tables() {
    // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4: the upper critical values.
    for (degrees, statistic, chance) in [
        (1, 2.706, 0.10),
        (1, 10.828, 0.001),
        (2, 13.816, 0.001),
        (3, 16.266, 0.001),
        (5, 11.070, 0.05),
        (10, 29.588, 0.001),
        (23, 49.728, 0.001),
        (50, 67.505, 0.05),
        (100, 149.449, 0.001),
        (100, 82.358, 0.90),
    ] {
        let found = above(statistic, degrees);
        assert!(
            (found / chance - 1.0).abs() < 0.002,
            "{degrees} {statistic}: {found}"
        );
    }
    // With two degrees it is an exponential function.
    for half in [0.001, 0.5, 1.9, 2.1, 40.0, 300.0] {
        let exact = f64::exp(-half);
        assert!((above(2.0 * half, 2) / exact - 1.0).abs() < 1e-9, "{half}");
    }
}

#[test]
fn chances_of_a_right_sampler_are_themselves_uniform() {
    use kms_core::{Entropy, SeededEntropy};
    let mut entropy = SeededEntropy::new(101);
    let mut tenths = [0_u32; 10];
    for _ in 0..10_000 {
        let mut found = [0_u32; 20];
        for _ in 0..1000 {
            found[usize::try_from(entropy.below(20)).unwrap()] += 1;
        }
        let chance = p_value(found.map(|found| (0.05, found)));
        let tenth = (0_u32..9).filter(|&n| chance >= f64::from(n + 1) / 10.0);
        tenths[tenth.count()] += 1;
    }
    let chance = p_value(tenths.map(|found| (0.1, found)));
    assert!(chance > 0.001, "{tenths:?}");
}

#[test]
fn rare_cells_count_together_and_impossible_ones_never_fit() {
    // 10 of the last cells are expected to be drawn 1 time each of 1000.
    let mut cells = vec![(0.99, 990)];
    cells.extend([(0.001, 1); 10]);
    assert!(p_value(cells.clone()) > 0.999);
    cells[10].1 = 60;
    assert!(p_value(cells.clone()) < 1e-6);
    assert!(p_value([(1.0, 1000), (0.0, 0)]) > 0.999);
    assert!(p_value([(1.0, 1000), (0.0, 1)]) <= 0.0);
}
