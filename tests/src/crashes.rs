//! Crashes of the real gateway, at exact places and at random times, and the proof of what they
//! left behind: every promised job ends, nothing is charged twice, pictures are whole.
//!
//! No code of the product takes part: the process is stopped from outside (`tests/c/stopper.c`),
//! and what was charged is read from the scripted providers' ledgers.

mod market;
mod matrix;
mod mortal;
mod order;
mod rounds;
mod stopper;
mod tally;

pub use market::Market;
pub use matrix::{Matrix, Width};
pub use mortal::Mortal;
pub use order::{Kind, Order};
pub use rounds::rounds;
pub use stopper::{Point, Side, Stopper};
pub use tally::Tally;
