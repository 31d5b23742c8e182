//! Edits while everything changes: what fails, and what it costs.

use std::time::Duration;

use retouch_tests::hot::{self, CLIENTS, Hot, Seen};

/// Without changes.
const QUIET: Duration = Duration::from_secs(30);
/// With them.
const HOT: Duration = Duration::from_secs(120);

/// Prints it; whether it is within what is promised. Times depend on the machine and are not judged.
pub(crate) async fn print() -> bool {
    println!(
        "{CLIENTS} clients edit while provider files are rewritten ten times a second, a third"
    );
    println!("of them broken, and the plugin's library every second\n");
    let Hot { quiet, hot, reloads, refused, plugins, memory } = hot::run(QUIET, HOT).await;
    println!("{:8} {:>8} {:>8} {:>10} {:>10}", "", "edits", "failed", "p50 ms", "p99 ms");
    for (name, seen) in [("quiet", &quiet), ("hot", &hot)] {
        let Seen { took, failed } = seen;
        let (half, most) = (seen.within(0.5), seen.within(0.99));
        println!("{name:8} {:8} {:8} {half:10.2} {most:10.2}", took.len(), failed.len());
    }
    println!("\np99      {:.2} of the quiet run", hot.within(0.99) / quiet.within(0.99));
    println!("catalogs {reloads} published, {refused} refused; {plugins} times another plugin");
    println!("memory   {:.1} MiB before, {:.1} MiB after", mib(memory[0]), mib(memory[1]));
    hot.failed.iter().take(5).for_each(|failed| println!("failed   {failed}"));
    hot.failed.is_empty() && quiet.failed.is_empty() && reloads > 0 && plugins > 0
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
