//! Memory is promised: many large edits at once cost a bounded amount, whatever the protocol. The
//! same as `tests/load` prints.
#![expect(clippy::print_stdout, reason = "how much memory it is, is worth knowing")]

use retouch_tests::{Plugin, load};

async fn stays_bounded(plugin: Plugin) {
    let cost = load::run(plugin).await;
    println!("{plugin:?}: idle {} MiB, peak {} MiB", cost.idle, cost.peak);
    assert!(cost.over() <= load::MOST, "{cost:?}");
}

#[tokio::test]
async fn large_edits_by_upload_and_poll_stay_within_bounds() {
    stays_bounded(Plugin::RunningHub).await;
}

#[tokio::test]
async fn large_edits_in_a_form_stay_within_bounds() {
    stays_bounded(Plugin::OpenAi).await;
}

#[tokio::test]
async fn large_edits_as_data_uris_stay_within_bounds() {
    stays_bounded(Plugin::Fal).await;
}
