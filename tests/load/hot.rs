//! Edits while everything changes: what fails, and what it costs.

use std::time::Duration;

use retouch_tests::{
    Resident,
    hot::{self, CLIENTS, Hot, Phase, Sample, Times},
};

const TIMES: Times = Times {
    quiet: Duration::from_secs(30),
    files: Duration::from_secs(90),
    hot: Duration::from_secs(120),
};

/// Prints it; whether it is within what is promised. Times depend on the machine and are not judged.
pub(crate) async fn print() -> bool {
    println!(
        "{CLIENTS} clients edit: while nothing changes; while provider files are rewritten ten"
    );
    println!(
        "times a second, a third of them broken; and while the plugin is replaced as well, every"
    );
    println!("second\n");
    let Hot { quiet, files, hot } = hot::run(TIMES).await;
    let phases = [("quiet", &quiet), ("files", &files), ("hot", &hot)];
    println!("         edits  failed   p50 ms   p99 ms  catalogs  refused  plugins");
    phases.iter().for_each(|(name, phase)| counts(name, phase));
    let quiet_most = quiet.seen.within(0.99);
    println!(
        "\np99 {:.2} of the quiet run while files change",
        files.seen.within(0.99) / quiet_most
    );
    println!(
        "p99 {:.2} of the quiet run while everything does",
        hot.seen.within(0.99) / quiet_most
    );
    println!("\nmemory in MiB  begin    half     end   (its own + pages of files it has mapped)");
    phases.iter().for_each(|(name, phase)| memory(name, phase));
    without_plugins(&files);
    a_plugin(&hot);
    let failed = phases.iter().flat_map(|(_, phase)| &phase.seen.failed);
    failed.take(5).for_each(|failed| println!("failed   {failed}"));
    let is_fine = phases.iter().all(|(_, phase)| phase.seen.failed.is_empty());
    is_fine && files.catalogs() > 0 && hot.catalogs() > 0 && hot.plugins() > 0
}

fn counts(name: &str, phase: &Phase) {
    let Phase { seen, refused, .. } = phase;
    let (edits, failed) = (seen.took.len(), seen.failed.len());
    let (half, most) = (seen.within(0.5), seen.within(0.99));
    let (catalogs, plugins) = (phase.catalogs(), phase.plugins());
    println!(
        "{name:5} {edits:8} {failed:7} {half:8.2} {most:8.2} {catalogs:9} {refused:8} {plugins:8}"
    );
}

fn memory(name: &str, phase: &Phase) {
    let shown = phase.samples.map(|Sample { memory: Resident { own, mapped }, .. }| {
        format!("{:.1} + {:.1}", own as f64 / 1024.0, mapped as f64 / 1024.0)
    });
    println!("{name:10} {}", shown.join("   "));
}

/// Of the second half, when everything there is was needed once.
fn grown([_, half, end]: &[Sample; 3]) -> (f64, f64) {
    let grown = |half: u64, end: u64| end as f64 - half as f64;
    (grown(half.memory.own, end.memory.own), grown(half.memory.mapped, end.memory.mapped))
}

fn without_plugins(Phase { samples, .. }: &Phase) {
    let (own, mapped) = grown(samples);
    let catalogs = samples[2].catalogs - samples[1].catalogs;
    println!(
        "\nmemory without another plugin: {own:+.0} KiB of its own and {mapped:+.0} KiB mapped, in the \
         second half with {catalogs} catalogs"
    );
}

fn a_plugin(Phase { samples, .. }: &Phase) {
    let plugins = (samples[2].plugins - samples[1].plugins).max(1) as f64;
    let (own, mapped) = grown(samples);
    println!(
        "memory a plugin that was replaced: {:.0} KiB ({:.0} of its own, {:.0} mapped)",
        (own + mapped) / plugins,
        own / plugins,
        mapped / plugins
    );
}
