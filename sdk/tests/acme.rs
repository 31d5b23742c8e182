//! The plugin of the SDK's front page passes the suite that the page promises.
#![cfg(feature = "testing")]
#![expect(unreachable_pub, reason = "the example is a crate of its own, here it is a module")]

use acme::Acme;
use retouch_sdk::SubmitThenPoll;

#[path = "../examples/acme/src/lib.rs"]
mod acme;

#[test]
fn the_example_passes_its_own_suite() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/acme");
    retouch_sdk::testing::conformance::<SubmitThenPoll<Acme>>(folder);
}
