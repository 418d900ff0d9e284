//! Ratios to the limit that other work on the machine disturbs little.

use super::{ORDERS, SIZES, TABLES, Table, batch, copy_sort_and_draw, domain_crate::Found};
use benches::entropy;
use core::hint::black_box;
use std::{env, time::Instant};

/// What ordering may take at most, in nanoseconds, by the number of records.
const BARS: [(u16, f64); 2] = [(4, 50.0), (256, 7500.0)];

/// Short ones, of some microseconds each, so that many of them are left alone by everything else.
const ROUNDS: u32 = 3000;

/// Prints them after all benches were run, and tries them where benches are only tried.
#[expect(clippy::print_stdout, reason = "it is what this is for")]
pub(super) fn print_if_wanted() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let rounds = match arguments.iter().any(|argument| argument == "--test") {
        true => 1,
        false => ROUNDS,
    };
    // With anything else only some benches are run, or none.
    if arguments
        .iter()
        .any(|it| !["--bench", "--test"].contains(&it.as_str()))
    {
        return;
    }
    println!(
        "lowest of {rounds} rounds taken by turns, in nanoseconds, and the ratio to the limit"
    );
    for table in &TABLES {
        for size in SIZES {
            let figures = lowest(table, size, rounds);
            let limit = figures.last().map_or(f64::NAN, |(_, limit)| *limit);
            for (name, figure) in &figures {
                let ratio = figure / limit;
                let bar = BARS.iter().find(|bar| bar.0 == size && *name == "order");
                let verdict = bar.map_or_else(String::new, |(_, bar)| {
                    let kept = if figure <= bar { "kept" } else { "missed" };
                    format!("  bar {bar:.0}: {kept}")
                });
                let name = format!("{}/{name}/{size}", table.name);
                println!("{name:<46} {figure:>9.1} {ratio:>6.1}{verdict}");
            }
        }
    }
}

fn lowest(table: &Table, size: u16, rounds: u32) -> Vec<(&'static str, f64)> {
    let (answer, bare) = (table.records(size), table.bare(size));
    let found = Found::new(table, size);
    let mut entropy = entropy();
    let mut figures: Vec<(&'static str, f64)> = ORDERS
        .iter()
        .map(|(name, _)| *name)
        .chain(["domain", "limit-sort-and-draw"])
        .map(|name| (name, f64::INFINITY))
        .collect();
    for _ in 0..rounds {
        let orders = ORDERS
            .iter()
            .map(|(_, orders)| time(size, &answer, |records| orders(records, &mut entropy)));
        let mut times: Vec<f64> = orders.collect();
        times.push(time(size, &found, Found::order));
        times.push(time(size, &bare, |records| {
            copy_sort_and_draw(records, &bare, &mut entropy);
        }));
        for ((_, lowest), time) in figures.iter_mut().zip(times) {
            *lowest = lowest.min(time);
        }
    }
    figures
}

/// The nanoseconds that one of a batch takes.
fn time<T: Clone>(size: u16, answer: &T, mut run: impl FnMut(&mut T)) -> f64 {
    let mut inputs: Vec<T> = (0..batch(size)).map(|_| answer.clone()).collect();
    let start = Instant::now();
    for input in &mut inputs {
        run(black_box(input));
    }
    let taken = start.elapsed().as_secs_f64() * 1e9;
    taken / f64::from(u32::try_from(inputs.len()).unwrap())
}
