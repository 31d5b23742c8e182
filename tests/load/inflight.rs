//! Many jobs in flight: what they cost, and how a gateway comes back with them.

use retouch_tests::inflight::{self, Flight, POLLS_PER_SECOND, Return};

/// So many, unless the command line says otherwise.
pub(crate) const JOBS: usize = 20_000;
/// Bytes that a job in flight may take.
const BYTES: f64 = 512.0;
/// Seconds in which a start has to be ready.
const READY: f64 = 1.0;

/// Prints it; whether it is within what is promised.
pub(crate) async fn print(jobs: usize) -> bool {
    println!("{jobs} jobs in flight at a provider that allows {POLLS_PER_SECOND} polls a second\n");
    let flight = inflight::run(jobs).await;
    let Flight { promised_in, before, half, with, polls, cpu, .. } = flight;
    println!("half promised {promised_in:8.1} s, {:.0} a second", (jobs / 2) as f64 / promised_in);
    let (before, half, with) = (mib(before), mib(half), mib(with));
    println!(
        "memory        {before:8.1} MiB before, {half:.1} with half of them, {with:.1} with all"
    );
    let bytes = flight.bytes();
    println!("a job         {bytes:8.0} B, {:.2} of the {BYTES} B it may take", bytes / BYTES);
    println!("polls         {polls:8.0} a second, {cpu:.1} % of a core meanwhile");
    let mut is_kept = bytes <= BYTES;
    for back in &flight.returns {
        show(back, jobs);
        is_kept &= back.ready_in <= READY;
    }
    is_kept
}

fn show(back: &Return, jobs: usize) {
    let Return { after, stopped_in, ready_in, first_polls } = back;
    println!("\nafter {after} ({stopped_in:.2} s)");
    println!("ready         {ready_in:8.2} s, {:.2} of the second it may take", ready_in / READY);
    println!("asked about   {:8} of {jobs} and those before", first_polls.len());
    println!(
        "first polls   {:8.2} s, half by {:.1} s, nine tenths by {:.1} s, the last at {:.1} s",
        back.by(0.0),
        back.by(0.5),
        back.by(0.9),
        back.by(1.0)
    );
    println!("at most       {:8} in a tenth of a second", back.burst());
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
