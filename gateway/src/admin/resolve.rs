//! `POST /admin/api/jobs/{id}/resolve`: the operator has looked, and says what became of an edit
//! whose answer was lost. Saying it twice does nothing the second time.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{Address, Operator, body, jobs};
use crate::api::{Api, ApiError, Named};
use crate::engine::{NotAdmitted, NotResolved, Resolution};
use crate::id::JobId;

/// The longest id that any provider is known to give is a third of this.
const LONGEST_TASK: usize = 256;

/// What is said of which attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    found: Resolution,
    attempt: Option<u32>,
}

pub(super) async fn resolve(
    State(api): State<Arc<Api>>,
    operator: Operator,
    Address(from): Address,
    Named(id): Named<String>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, ApiError> {
    let id = JobId::parse(&id).ok_or_else(|| ApiError::not_found("job"))?;
    let word = read(body::object(sent).await?)?;
    if api.engine.is_closing() {
        return Err(NotAdmitted::Closing.into());
    }
    let Word { found, attempt } = word;
    let resolved = api.engine.resolve(&id, attempt, found.clone()).await;
    let job = resolved.map_err(|error| refusal(id, &found, error))?;
    tracing::info!(job = %id, ?attempt, ?found, ?operator, "An operator said what became of it.");
    let detail = word_of(&found, attempt);
    api.audit.note(&operator, from, "job.resolve", &id.to_string(), detail).await;
    Ok(jobs::shown(&api, &headers, &job))
}

/// What was said, as it is noted.
fn word_of(found: &Resolution, attempt: Option<u32>) -> Value {
    match found {
        Resolution::Created(task) => json!({ "created": task, "attempt": attempt }),
        Resolution::NotCreated => json!({ "not_created": true, "attempt": attempt }),
    }
}

fn read(mut fields: Map<String, Value>) -> Result<Word, ApiError> {
    let attempt = fields.remove("attempt").map(|value| number(&value)).transpose()?;
    let found = match (fields.remove("created"), fields.remove("not_created")) {
        (Some(task), None) => Resolution::Created(task_id(&task)?),
        (None, Some(Value::Bool(true))) => Resolution::NotCreated,
        (None, Some(_)) => {
            return Err(ApiError::invalid("not_created", "`not_created` can only be true"));
        }
        _ => {
            let message = "say one thing: `created` with the provider's id of the task, or \
                           `not_created`: true";
            return Err(ApiError::invalid("created", message));
        }
    };
    match fields.keys().next() {
        None => Ok(Word { found, attempt }),
        Some(name) => {
            let message = format!("there is no `{name}`; known are created, not_created, attempt");
            Err(ApiError::field("unknown_parameter", name, message))
        }
    }
}

fn number(value: &Value) -> Result<u32, ApiError> {
    let number = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    number.ok_or_else(|| ApiError::invalid("attempt", "`attempt` is an attempt's number, from 1"))
}

/// It goes into requests to the provider: no mark of our own, and nothing that ends a header or line.
fn task_id(value: &Value) -> Result<String, ApiError> {
    let plain = |c: u8| c.is_ascii_graphic() && !b"{}\"\\".contains(&c);
    let task = value.as_str().map(str::trim);
    let task = task.filter(|t| (1..=LONGEST_TASK).contains(&t.len()) && t.bytes().all(plain));
    task.map(str::to_owned).ok_or_else(|| {
        let message = "`created` is the provider's id of the task, in quotes: up to 256 letters, \
                       digits and signs without spaces";
        ApiError::invalid("created", message)
    })
}

fn refusal(id: JobId, found: &Resolution, error: NotResolved) -> ApiError {
    let message = error.to_string();
    let conflict = |code| ApiError::new(StatusCode::CONFLICT, code, message.clone()).about(id);
    match error {
        NotResolved::NoJob => ApiError::not_found("job"),
        NotResolved::NothingUnknown(None) => conflict("nothing_to_resolve"),
        NotResolved::NothingUnknown(Some(_)) => conflict("nothing_to_resolve").param("attempt"),
        NotResolved::Several(_) => conflict("attempt_required").param("attempt"),
        NotResolved::CannotFollow if *found == Resolution::NotCreated => {
            // That no plugin has to follow: another word came first.
            let message = "somebody else has just said what became of it";
            ApiError::new(StatusCode::CONFLICT, "nothing_to_resolve", message).about(id)
        }
        NotResolved::CannotFollow => conflict("cannot_follow"),
        NotResolved::Closing => NotAdmitted::Closing.into(),
        NotResolved::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_became_of_it() {
        let created = |task: &str| Resolution::Created(task.to_owned());
        for (body, found, attempt) in [
            (json!({"created": "1904"}), created("1904"), None),
            (
                json!({"created": " 019a-7.f:x/y= ", "attempt": 2}),
                created("019a-7.f:x/y="),
                Some(2),
            ),
            (json!({"not_created": true}), Resolution::NotCreated, None),
            (json!({"not_created": true, "attempt": 1}), Resolution::NotCreated, Some(1)),
        ] {
            let word = read(body.as_object().unwrap().clone()).unwrap();
            assert_eq!(word, Word { found, attempt }, "{body}");
        }
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        for (body, code, param) in [
            ("{}", "invalid_value", Some("created")),
            (r#"{"created":"1","not_created":true}"#, "invalid_value", Some("created")),
            (r#"{"created":1904}"#, "invalid_value", Some("created")),
            (r#"{"created":""}"#, "invalid_value", Some("created")),
            (r#"{"created":"a b"}"#, "invalid_value", Some("created")),
            (r#"{"created":"a\r\nb"}"#, "invalid_value", Some("created")),
            (r#"{"created":"{{secret:api_key}}"}"#, "invalid_value", Some("created")),
            (r#"{"created":"任务"}"#, "invalid_value", Some("created")),
            (r#"{"not_created":false}"#, "invalid_value", Some("not_created")),
            (r#"{"not_created":"yes"}"#, "invalid_value", Some("not_created")),
            (r#"{"created":"1","attempt":0}"#, "invalid_value", Some("attempt")),
            (r#"{"created":"1","attempt":"2"}"#, "invalid_value", Some("attempt")),
            (r#"{"created":"1","task":"2"}"#, "unknown_parameter", Some("task")),
        ] {
            let error = read(serde_json::from_str(body).unwrap()).unwrap_err();
            assert_eq!(error.names(), (code, param), "{body}");
        }
        let long = json!({"created": "1".repeat(LONGEST_TASK + 1)});
        let long = long.as_object().unwrap().clone();
        assert_eq!(read(long).unwrap_err().names(), ("invalid_value", Some("created")));
    }

    #[test]
    fn says_why_nothing_was_resolved() {
        let id = JobId::new();
        for (error, code, param) in [
            (NotResolved::NoJob, "not_found", None),
            (NotResolved::NothingUnknown(None), "nothing_to_resolve", None),
            (NotResolved::NothingUnknown(Some(3)), "nothing_to_resolve", Some("attempt")),
            (NotResolved::Several(vec![1, 2]), "attempt_required", Some("attempt")),
            (NotResolved::CannotFollow, "cannot_follow", None),
            (NotResolved::Closing, "shutting_down", None),
        ] {
            let told = refusal(id, &Resolution::Created("1".to_owned()), error.clone());
            assert_eq!(told.names(), (code, param), "{error:?}");
        }
        let told = refusal(id, &Resolution::NotCreated, NotResolved::CannotFollow);
        assert_eq!(told.names(), ("nothing_to_resolve", None));
    }
}
