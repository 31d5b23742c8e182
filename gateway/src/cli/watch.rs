//! Follows a job to its end over HTTP.
//!
//! A server that is away for a moment (a restart, say) does not end the watching: the job is in
//! its store and goes on when it is back.

use std::time::Duration;

use super::{
    bar::Bar,
    client::{Answer, Client},
    job::Job,
    stop::Stop,
};

/// Between two questions, so that a server which does not hold its answers is not hammered.
const PAUSE: Duration = Duration::from_millis(200);
/// At first every question is answered at once: quick jobs show their phases too.
const GLANCES: u32 = 15;
/// How long the server then holds an answer; the bar is never older than that.
const WAIT: Duration = Duration::from_secs(1);
/// How often in a row a missing server is asked again, a second apart.
const PATIENCE: u32 = 30;
const AGAIN: Duration = Duration::from_secs(1);

/// Where a job is read.
pub(super) fn path(id: &str) -> String {
    format!("v1/jobs/{id}")
}

/// Shows the job on `bar` until it is over.
pub(super) async fn follow(
    client: &Client,
    first: Answer<Job>,
    bar: &mut Bar,
) -> Result<Answer<Job>, Stop> {
    let (mut seen, mut asked, mut missed) = (first, 0, 0);
    bar.show(&seen.value);
    while !seen.value.is_over() {
        match bar.during(next(client, &seen.value.id, asked)).await {
            Ok(answer) => {
                (seen, missed) = (answer, 0);
                bar.show(&seen.value);
            }
            Err(stop) if stop.may_pass() && missed < PATIENCE => {
                missed += 1;
                bar.phase("unreachable");
                bar.during(tokio::time::sleep(AGAIN)).await;
            }
            Err(stop) => return Err(stop),
        }
        asked += 1;
    }
    Ok(seen)
}

async fn next(client: &Client, id: &str, asked: u32) -> Result<Answer<Job>, Stop> {
    tokio::time::sleep(PAUSE).await;
    let wait = if asked < GLANCES { Duration::ZERO } else { WAIT };
    client.get(&path(id), &[("wait", &wait.as_secs().to_string())], wait).await
}
