//! The long form of the crash matrix, and kills at random times.

use std::time::Instant;

use retouch_tests::crashes::{Kind, Matrix, Tally, Width, rounds};

/// Orders in each round: with a few rounds there are hundreds in all states.
const ORDERS: usize = 70;

/// What the command line says.
pub(crate) struct Options {
    rounds: usize,
    seed: u64,
}

impl Options {
    /// Nothing where it cannot be understood.
    pub(crate) fn read(words: &[&str]) -> Option<Self> {
        let now = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs());
        let mut options = Self { rounds: 20, seed: now };
        for pair in words.chunks(2) {
            match pair {
                ["--rounds", number] => options.rounds = number.parse().ok()?,
                ["--seed", number] => options.seed = number.parse().ok()?,
                _ => return None,
            }
        }
        Some(options)
    }
}

/// Runs everything and prints what it covered. A finding panics and names its place or seed.
pub(crate) async fn print(options: Options) -> bool {
    let begin = Instant::now();
    let mut points = 0;
    let mut tally = Tally::default();
    for kind in Kind::ALL {
        let matrix = Matrix::recorded(&[kind], Width::Full).await;
        show(&format!("{kind:?}"), &matrix);
        points += matrix.points().len();
        tally += matrix.run(1).await;
    }
    let matrix = Matrix::recorded(&Kind::ALL, Width::Short).await;
    show("all kinds, two deaths at each", &matrix);
    points += matrix.points().len();
    tally += matrix.run(2).await;
    println!("{} rounds of kills at random times, --seed {}", options.rounds, options.seed);
    tally += rounds(options.seed, options.rounds, ORDERS).await;
    let Tally { deaths, missed, jobs, whole, unknown, unseen, pictures, charges } = tally;
    println!("\n{points} points ({missed} not reached), {deaths} deaths");
    println!(
        "{jobs} jobs: {whole} whole, {unknown} of unknown outcome ({unseen} not seen by a provider)"
    );
    println!("{pictures} pictures match their hash, {charges} charges");
    let seconds = begin.elapsed().as_secs_f64();
    println!("{points} points, {jobs} jobs, 0 charged twice, 0 lost, {seconds:.0} s");
    true
}

fn show(name: &str, matrix: &Matrix) {
    let calls: Vec<String> =
        matrix.calls().iter().map(|(call, count)| format!("{call} {count}")).collect();
    println!("{name}: {} points of {}", matrix.points().len(), calls.join(", "));
}
