//! The body of an operator's request: a JSON object, short and whole, or a word why it is none.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value};

use crate::api::ApiError;

/// A style's prompt is the longest thing an operator sends, and is far shorter even escaped.
const LONGEST: usize = 256 << 10;
/// What somebody sends whom nobody knows yet: a password and little else.
const SHORT: usize = 4 << 10;
/// A body so short that has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads an object. Nothing at all is an empty one.
///
/// # Errors
/// When it is too long, does not come, or is something else.
pub(super) async fn object(body: Body) -> Result<Map<String, Value>, ApiError> {
    read(&bytes(body, LONGEST).await?)
}

/// Reads an object of somebody who is nobody yet.
///
/// # Errors
/// Likewise, and sooner.
pub(super) async fn short_object(body: Body) -> Result<Map<String, Value>, ApiError> {
    read(&short(body).await?)
}

/// Reads whatever somebody sends who is nobody yet.
///
/// # Errors
/// When it is too long or does not come.
pub(super) async fn short(body: Body) -> Result<Bytes, ApiError> {
    bytes(body, SHORT).await
}

async fn bytes(body: Body, most: usize) -> Result<Bytes, ApiError> {
    let whole = Limited::new(body, most).collect();
    match tokio::time::timeout(PATIENCE, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(_)) | Err(_) => Err(malformed("the body is too long or did not come whole")),
    }
}

fn read(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    // Without the text: it may hold a key.
    let place = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        malformed(&format!("the body must be a JSON object; it is none at {line}:{column}"))
    };
    serde_json::from_slice(bytes).map_err(place)
}

fn malformed(message: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_value", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_and_nothing_else() {
        assert_eq!(read(br#"{"a": 1}"#).unwrap().len(), 1);
        assert!(read(b"").unwrap().is_empty());
        for text in ["[]", "null", "\"a\"", "{", "{\"a\":}", "{\"a\":1} x", "\u{feff}{}"] {
            assert_eq!(read(text.as_bytes()).unwrap_err().names(), ("invalid_value", None));
        }
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        let error = read(br#"{"api_key": "sk-canary"# as &[u8]).unwrap_err();
        assert!(!format!("{error:?}").contains("canary"));
    }

    #[tokio::test]
    async fn a_body_is_bounded() {
        let object = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length));
        assert!(super::object(Body::from(object(LONGEST - 8))).await.is_ok());
        assert!(super::object(Body::from(object(LONGEST))).await.is_err());
    }
}
