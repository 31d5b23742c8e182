//! `retouch jobs resolve`: the person has looked at the provider's, and says what became of an edit
//! whose answer was lost.

use serde_json::{Value, json};

use super::story;
use crate::cli::{
    args::{Found, Resolve},
    client::Client,
    job::Job,
    out::Out,
    stop::Stop,
};

/// Tells the server, and shows how the job stands then.
pub(super) async fn run(resolve: &Resolve, client: &Client, out: Out) -> Result<(), Stop> {
    let path = format!("admin/api/jobs/{}/resolve", resolve.id);
    let answer = client.tell::<Job>(&path, &word(resolve)).await?;
    if out.json {
        return out.raw(&answer.text);
    }
    out.line(&sentence(&resolve.found, &answer.value, out))?;
    out.line("")?;
    out.line(&story(&answer.value, out))
}

fn word(Resolve { found, attempt, .. }: &Resolve) -> Value {
    let mut word = match &found.created {
        Some(task) => json!({ "created": task }),
        None => json!({ "not_created": found.not_created }),
    };
    if let Some(attempt) = attempt {
        word["attempt"] = json!(attempt);
    }
    word
}

/// What happened: a job that is over stays as it is, whatever is learnt.
fn sentence(found: &Found, job: &Job, out: Out) -> String {
    let status = out.words.name("status", &job.status);
    match (&found.created, job.is_over()) {
        (Some(task), false) => {
            out.words.say("resolve.followed", &[("task", &task), ("job", &job.id)])
        }
        (Some(task), true) => {
            let values: [(&str, &dyn std::fmt::Display); 3] =
                [("task", &task), ("job", &job.id), ("status", &status)];
            out.words.say("resolve.followed_late", &values)
        }
        (None, false) => out.words.say("resolve.not_taken", &[("job", &job.id)]),
        (None, true) => {
            out.words.say("resolve.not_taken_late", &[("job", &job.id), ("status", &status)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::words::{Language, Words};

    fn resolve(created: Option<&str>, attempt: Option<u32>) -> Resolve {
        let found = Found { created: created.map(str::to_owned), not_created: created.is_none() };
        Resolve { id: "job_1".to_owned(), found, attempt }
    }

    #[test]
    fn says_to_the_server_what_was_said() {
        for (said, body) in [
            (resolve(Some("77"), None), json!({"created": "77"})),
            (resolve(Some("77"), Some(2)), json!({"created": "77", "attempt": 2})),
            (resolve(None, None), json!({"not_created": true})),
            (resolve(None, Some(1)), json!({"not_created": true, "attempt": 1})),
        ] {
            assert_eq!(word(&said), body);
        }
    }

    #[test]
    fn tells_what_happened_in_a_sentence() {
        for (created, status, words) in [
            (Some("77"), "running", "task 77 is followed now; job_1 goes on with it"),
            (Some("77"), "failed", "job_1, which stays failed"),
            (None, "running", "job_1 goes on without it"),
            (None, "expired", "job_1 stays expired"),
        ] {
            let job: Job =
                serde_json::from_value(json!({ "id": "job_1", "status": status })).unwrap();
            let out = Out { words: Words::of(Language::En), json: false };
            let told = sentence(&resolve(created, None).found, &job, out);
            assert!(told.contains(words), "{told}");
        }
    }
}
