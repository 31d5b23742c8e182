//! Errors under `/v1`: OpenAI's envelope with the contract's codes.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use retouch_sdk::Billed;
use serde_json::json;

use super::allowance::{self, Spent};
use crate::access::Refused;
use crate::engine::NotAdmitted;
use crate::id::JobId;
use crate::job::{Job, JobError, Status};
use crate::problem::Problem;
use crate::request::styled::NotStyled;
use crate::snapshot;
use crate::store::StoreError;

/// One error answer.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: Box<str>,
    message: Box<str>,
    param: Option<Box<str>>,
    job: Option<JobId>,
    billed: Option<Billed>,
    retry_after: Option<u64>,
    should_retry: Option<bool>,
    extra: Box<serde_json::Map<String, serde_json::Value>>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into().into_boxed_str(),
            param: None,
            job: None,
            billed: None,
            retry_after: None,
            should_retry: None,
            extra: Box::default(),
        }
    }

    /// The caller's mistake in one field.
    pub(crate) fn field(code: &str, param: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message).param(param)
    }

    /// A value that cannot be.
    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self::field("invalid_value", param, message)
    }

    /// Something known that is not built or not offered.
    pub(crate) fn unsupported(param: &str, message: impl Into<String>) -> Self {
        Self::field("unsupported_parameter", param, message)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    #[must_use]
    pub(crate) fn param(mut self, param: &str) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says what is wrong in which files.
    #[must_use]
    pub(crate) fn problems(self, problems: &[Problem]) -> Self {
        self.extra("problems", problems.iter().map(snapshot::shown).collect())
    }

    /// Says one thing more, under a name of its own.
    #[must_use]
    pub(crate) fn extra(mut self, name: &str, value: serde_json::Value) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }

    /// Says which job it is about.
    #[must_use]
    pub(crate) fn about(mut self, job: JobId) -> Self {
        self.job = Some(job);
        self
    }

    #[must_use]
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// About a job that goes on: a second POST would be a second job.
    pub(crate) fn waiting(job: &Job, status: StatusCode, code: &str, message: &str) -> Self {
        let mut error = Self::new(status, code, format!("{message}; see GET /v1/jobs/{}", job.id));
        error.job = Some(job.id);
        // An official client's retry after a restart joins the job; any other would begin a second.
        error.should_retry = Some(code == "shutting_down");
        error.retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5);
        error
    }

    /// What a job that has no result answers to a waiting edit.
    pub(crate) fn of_job(job: &Job) -> Self {
        let unknown = JobError {
            code: "provider_error".to_owned(),
            message: "the edit ended without a result".to_owned(),
            billed: Billed::Unknown,
            retry_after_ms: None,
        };
        let cause = job.record.error.as_ref().unwrap_or(&unknown);
        let canceled = job.record.status == Status::Canceled;
        let mut error =
            Self::new(status_of(&cause.code, canceled), &cause.code, cause.message.clone());
        error.job = Some(job.id);
        error.billed = Some(cause.billed);
        if error.status == StatusCode::SERVICE_UNAVAILABLE {
            error.retry_after =
                Some(cause.retry_after_ms.map_or(30, |ms| ms.div_ceil(1000)).clamp(1, 120));
        }
        // After a failure that is certainly unbilled the client may try again; else it might pay twice.
        let passing = matches!(cause.code.as_str(), "provider_busy" | "no_provider");
        error.should_retry = Some(cause.billed == Billed::No && passing);
        error
    }

    /// Its code and the field it names.
    #[cfg(test)]
    pub(crate) fn names(&self) -> (&str, Option<&str>) {
        (&self.code, self.param.as_deref())
    }

    fn kind(&self) -> &'static str {
        match (&*self.code, self.status.as_u16()) {
            ("moderation_blocked", _) => "image_generation_user_error",
            (_, 401) => "authentication_error",
            (_, 429) => "rate_limit_error",
            (_, 400..=499) => "invalid_request_error",
            _ => "api_error",
        }
    }
}

/// HTTP status by code, for what a job can end in.
fn status_of(code: &str, canceled: bool) -> StatusCode {
    if canceled {
        return StatusCode::BAD_REQUEST;
    }
    match code {
        "invalid_value" | "moderation_blocked" | "unsupported_parameter" | "canceled" => {
            StatusCode::BAD_REQUEST
        }
        "provider_quota" | "provider_busy" | "queue_full" | "no_provider" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "job_expired" => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    }
}

impl From<NotAdmitted> for ApiError {
    fn from(error: NotAdmitted) -> Self {
        use crate::route::Unroutable;
        let message = error.to_string();
        let not_found =
            |code, param| Self::new(StatusCode::NOT_FOUND, code, message.clone()).param(param);
        let unavailable = |code| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message.clone());
        match error {
            NotAdmitted::Unroutable(Unroutable::Provider { .. }) => {
                not_found("provider_not_found", "provider")
            }
            NotAdmitted::Unroutable(Unroutable::Model { .. }) => {
                not_found("model_not_found", "model")
            }
            NotAdmitted::NotStyled(error) => error.into(),
            NotAdmitted::Unfit { param, .. } => Self::unsupported(param, message),
            NotAdmitted::NoProvider { .. } => unavailable("no_provider").retry_after(60),
            NotAdmitted::KeyReused => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", message)
            }
            NotAdmitted::TooMany(most) => Spent::AtOnce(most, allowance::AGAIN).into(),
            NotAdmitted::QueueFull => unavailable("queue_full").retry_after(10),
            NotAdmitted::Closing => unavailable("shutting_down").retry_after(5),
            NotAdmitted::Store(error) => {
                tracing::error!(%error, "A job could not be stored.");
                let message =
                    "jobs cannot be stored just now; nothing was sent and nothing was charged";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", message)
                    .retry_after(10)
            }
        }
    }
}

impl From<NotStyled> for ApiError {
    fn from(error: NotStyled) -> Self {
        let message = error.to_string();
        match error {
            NotStyled::Unknown { .. } => {
                Self::field("style_not_found", "style", message).status(StatusCode::NOT_FOUND)
            }
            NotStyled::Prompt { .. } => Self::field("missing_prompt", "prompt", message),
            NotStyled::Missing { name, .. } => {
                Self::field("missing_variable", &format!("variables.{name}"), message)
            }
            NotStyled::Stray { name, .. } => {
                Self::field("unknown_parameter", &format!("variables.{name}"), message)
            }
            NotStyled::Locked { field, .. } => Self::unsupported(field, message),
            NotStyled::TooLong { .. } | NotStyled::Reserved { .. } => {
                Self::invalid("prompt", message)
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "Jobs could not be read.");
        let message = "jobs cannot be read just now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", message).retry_after(10)
    }
}

impl From<Spent> for ApiError {
    fn from(spent: Spent) -> Self {
        let (message, seconds) = match spent {
            Spent::Minute(most, seconds) => {
                (format!("this API key may make {most} jobs a minute"), seconds)
            }
            Spent::AtOnce(most, seconds) => {
                (format!("this API key may have {most} unfinished jobs at once"), seconds)
            }
        };
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message)
            .retry_after(seconds)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Key => {
                let message = "the API key is missing or wrong; send Authorization: Bearer <key>";
                Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
            }
            Refused::Revoked => {
                let message = "the API key was revoked; ask whoever gave it to you for another";
                Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
            }
            Refused::Expired => {
                let message = "the API key has expired; ask whoever gave it to you for another";
                Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
            }
            Refused::Scope(scope) => {
                let scope = scope.as_str();
                let message = format!("the API key does not have the scope `{scope}` this needs");
                Self::new(StatusCode::FORBIDDEN, "insufficient_scope", message)
            }
            Refused::Foreign(header) => {
                let message = format!(
                    "without an API key only programs on this machine are answered, and {header} says \
                     otherwise; make a key to let others in: retouch key create NAME"
                );
                Self::new(StatusCode::FORBIDDEN, "open_mode_refused", message)
            }
            Refused::SetUp => {
                let message = "the gateway is not set up: open the link in its log, which ends in \
                               /admin/setup?token=…; or make a key with `retouch key create NAME`, \
                               start with RETOUCH_CLIENT_KEY, or listen on 127.0.0.1";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "setup_required", message)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = json!({
            "message": self.message,
            "type": self.kind(),
            "param": self.param,
            "code": self.code,
        });
        if let (Some(job), Some(fields)) = (&self.job, error.as_object_mut()) {
            fields.insert("job".to_owned(), json!(job));
        }
        if let (Some(billed), Some(fields)) = (self.billed, error.as_object_mut()) {
            fields.insert("billed".to_owned(), json!(billed));
        }
        if let Some(fields) = error.as_object_mut() {
            fields.extend(*self.extra);
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(retry) = self.should_retry {
            let value = HeaderValue::from_static(if retry { "true" } else { "false" });
            headers.insert(HeaderName::from_static("x-should-retry"), value);
        }
        if let Some(value) = self.job.and_then(|job| HeaderValue::from_str(&job.to_string()).ok()) {
            headers.insert(HeaderName::from_static("x-retouch-job"), value);
        }
        response
    }
}
