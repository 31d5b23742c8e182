//! Waiting for something to be seen.
//!
//! A wait has a name and a deadline, and fails with the name and the last thing seen. It never
//! passes because enough time went by.

use std::{fmt::Debug, future::Future, time::Duration};

use tokio::sync::watch;

/// How long anything may take that the tests wait for. Generous: it is reached only by a failure,
/// and the machine may be slow.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// How often something is looked at that cannot tell when it changes.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until what is watched is as wanted, and returns it.
pub async fn seen<T: Clone + Debug>(
    what: &str,
    mut watched: watch::Receiver<T>,
    wanted: impl FnMut(&T) -> bool,
) -> T {
    let outcome = {
        let reached = watched.wait_for(wanted);
        tokio::time::timeout(PATIENCE, reached).await.map(|seen| seen.map(|value| value.clone()))
    };
    match outcome {
        Ok(Ok(value)) => value,
        Ok(Err(_)) => panic!("waited for {what}, which can no longer come: {:?}", watched.borrow()),
        Err(_) => panic!("waited for {what} in vain; seen: {:?}", watched.borrow()),
    }
}

/// Asks again and again until there is an answer.
pub async fn answered<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let mut looks = tokio::time::interval(LOOK);
    let answer = async {
        loop {
            looks.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => panic!("waited for {what} in vain"),
    }
}
