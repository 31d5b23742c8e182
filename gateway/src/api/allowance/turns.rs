//! Turns of requests that may be the same one, so that repeats which come together are counted once:
//! the first makes the job, and the others find it. Bounded: there are so many turns and no more, and
//! requests that are not the same now and then share one, which costs them a wait.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

/// How many may be had at once.
const TURNS: usize = 256;

/// All of them.
#[derive(Debug)]
pub(super) struct Turns(Vec<Mutex<()>>);

/// One of them, until it is dropped.
pub(crate) type Turn<'a> = Option<MutexGuard<'a, ()>>;

impl Turns {
    /// The turn of what an owner calls that.
    pub(super) async fn of(&self, owner: &str, named: &str) -> Turn<'_> {
        let mut hasher = DefaultHasher::new();
        (owner, named).hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default();
        match self.0.get(place) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self((0..TURNS).map(|_| Mutex::default()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_waits_and_another_does_not() {
        let turns = Turns::default();
        let first = turns.of("a", "one").await;
        let soon = Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, turns.of("a", "one")).await.is_err());
        let mut others = 0;
        for n in 0..64 {
            let other = tokio::time::timeout(soon, turns.of("a", &n.to_string())).await;
            others += usize::from(other.is_ok());
        }
        assert!(others > 50, "{others} of 64");
        drop(first);
        assert!(turns.of("a", "one").await.is_some());
    }
}
