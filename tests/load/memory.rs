//! What 32 edits of 10 MB at once cost the gateway through each plugin.

use retouch_tests::{
    Plugin,
    load::{self, EDITS, MOST},
};

/// Prints it; whether it is within what is promised.
pub(crate) async fn print() -> bool {
    println!("{EDITS} edits of 10 MB at once; at most {MOST} MiB over idle\n");
    println!("{:12} {:>8} {:>8} {:>8}   MiB", "plugin", "idle", "peak", "over");
    let mut is_kept = true;
    for plugin in [Plugin::RunningHub, Plugin::OpenAi, Plugin::Fal] {
        let cost = load::run(plugin).await;
        let name = format!("{plugin:?}").to_lowercase();
        println!("{name:12} {:8} {:8} {:8}", cost.idle, cost.peak, cost.over());
        is_kept &= cost.over() <= MOST;
    }
    is_kept
}
