//! The keys' file as the API sees it: with its version, changed for the version somebody has in mind
//! and no other, while nobody else changes it.

use std::path::Path;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::admin::answer;
use crate::admin::folder::saved::read_only;
use crate::admin::version::{self, Condition};
use crate::api::{Api, ApiError};
use crate::catalog::key::{self, FileError, Held, Keys};
use crate::clock::now_ms;

/// Between two looks at a file that somebody else may be writing.
const PAUSE: Duration = Duration::from_millis(250);

/// The keys as they stand in their file, and which version of it that is.
#[derive(Debug)]
pub(in crate::admin) struct Listed {
    pub(super) keys: Keys,
    pub(super) version: String,
}

/// Why nothing is changed.
#[derive(Debug)]
pub(in crate::admin) enum NotDone {
    /// There is another version than the sender has in mind.
    Stale(Listed),
    /// Something is wrong with the change, with the file, or with us.
    Refused(Box<ApiError>),
}

impl Listed {
    /// As they are now.
    pub(super) async fn of(api: &Api) -> Result<Self, ApiError> {
        let file = api.reloader.dir().join(key::FILE);
        let read = tokio::task::spawn_blocking(move || {
            let text = key::read(&file)?;
            Ok::<_, FileError>(Self::parse(&file, &text))
        });
        let read = read.await.map_err(|error| {
            tracing::error!(%error, "The client keys could not be read.");
            broken()
        });
        Ok(read??)
    }

    fn parse(file: &Path, text: &str) -> Self {
        let (keys, _) = Keys::parse(file, text);
        Self { keys, version: version::of(text.as_bytes()) }
    }

    /// Each as it is shown.
    pub(super) fn records(&self) -> Vec<Value> {
        let now = now_ms();
        self.keys.iter().map(|key| key.record(now)).collect()
    }
}

/// Makes a change to the file that `open` takes hold of, if it is the version meant, and puts it in
/// force: by the time this returns the keys are what their file says.
pub(super) async fn edit<T: Send + 'static>(
    api: &Api,
    condition: Condition,
    open: fn(&Path) -> Result<Held, FileError>,
    change: impl FnOnce(Held) -> Result<T, NotDone> + Send + 'static,
) -> Result<T, NotDone> {
    let change = move |dir: &Path, running: Option<&str>| {
        let held = open(dir)?.settled(running, || std::thread::sleep(PAUSE))?;
        if condition.allows(Some(&version::of(held.text().as_bytes()))) {
            return change(held);
        }
        Err(NotDone::Stale(Listed::parse(&dir.join(key::FILE), held.text())))
    };
    let changed = api.reloader.edit_single("a client key was changed", key::FILE, change).await;
    changed.unwrap_or_else(|| Err(broken().into()))
}

fn broken() -> ApiError {
    let message = "the keys cannot be worked on just now; see the log of the gateway";
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
}

impl IntoResponse for NotDone {
    fn into_response(self) -> Response {
        match self {
            Self::Stale(now) => {
                answer::stale("list of keys", Some(&now.version), json!(now.records()))
            }
            Self::Refused(error) => error.into_response(),
        }
    }
}

impl From<ApiError> for NotDone {
    fn from(error: ApiError) -> Self {
        Self::Refused(Box::new(error))
    }
}

impl From<FileError> for NotDone {
    fn from(error: FileError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<FileError> for ApiError {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        match error {
            FileError::Unknown => Self::not_found("key"),
            FileError::Problems(problems) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_keys", message)
                    .problems(&problems)
            }
            FileError::BeingWritten(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "being_written", message).retry_after(1)
            }
            FileError::Gone(_) => Self::new(StatusCode::CONFLICT, "keys_gone", message),
            FileError::ReadOnly { error, diff: Some(diff), .. } => read_only(&error, &diff),
            FileError::ReadOnly { diff: None, .. } => {
                let message = format!(
                    "{message}, so that nothing was changed; make the key where the file can be \
                     written, with `retouch key create`"
                );
                Self::new(StatusCode::CONFLICT, "read_only", message)
            }
            FileError::Io { .. } => {
                tracing::error!(error = message, "The client keys could not be worked on.");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", message)
                    .retry_after(10)
            }
        }
    }
}
