//! A job as the API shows it. A field the contract promises is required here.

use serde::Deserialize;

/// One edit that was asked for.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    pub id: String,
    pub object: String,
    pub status: String,
    pub version: u64,
    pub created_at: u64,
    pub started_at: Option<u64>,
    pub finished_at: Option<u64>,
    pub model: Option<String>,
    pub provider: Option<String>,
    pub sandbox: bool,
    pub ignored: Vec<String>,
    pub progress: Progress,
    pub requested: u32,
    pub missing: Vec<Missing>,
    pub images: Vec<Image>,
    pub error: Option<Problem>,
    pub attempts: Vec<Attempt>,
    pub skipped: Vec<Skipped>,
    pub cost: Option<Cost>,
    /// Only when asked for.
    #[serde(default)]
    pub exchanges: Vec<Exchange>,
}

/// How far a job is.
#[derive(Clone, Debug, Deserialize)]
pub struct Progress {
    pub phase: Option<String>,
    pub percent: Option<u8>,
    pub estimated: bool,
}

/// A result.
#[derive(Clone, Debug, Deserialize)]
pub struct Image {
    pub index: u32,
    pub url: String,
    pub content_type: String,
    pub width: u32,
    pub height: u32,
    pub bytes: u64,
    pub sha256: String,
}

/// An image that was asked for and will not come, though others did.
#[derive(Clone, Debug, Deserialize)]
pub struct Missing {
    pub index: u32,
    pub error: Problem,
}

/// An error, of a job or of an answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    pub message: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub code: Option<String>,
    pub param: Option<String>,
    #[serde(default)]
    pub job: Option<String>,
    #[serde(default)]
    pub billed: Option<String>,
}

/// One submission to one provider.
#[derive(Clone, Debug, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub provider: String,
    pub state: String,
    pub task_id: Option<String>,
    pub upstream_status: Option<String>,
    pub polls: u64,
    pub reason: Option<String>,
    pub billed: Option<String>,
    pub possible_duplicate_cost: bool,
    pub error: Option<serde_json::Value>,
    pub images: Vec<Image>,
}

/// A provider that was not asked.
#[derive(Clone, Debug, Deserialize)]
pub struct Skipped {
    pub provider: String,
    pub reason: String,
}

/// What a job cost.
#[derive(Clone, Debug, Deserialize)]
pub struct Cost {
    pub amount: Option<String>,
    pub currency: Option<String>,
    pub source: String,
}

/// One request to a provider and its answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Exchange {
    pub attempt: u32,
    pub seq: u32,
    pub method: String,
    pub url: String,
    pub phase: String,
    pub status: Option<u16>,
}

impl Job {
    /// Whether it has ended.
    pub fn is_terminal(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "failed" | "canceled" | "expired")
    }

    /// The job, if it succeeded with an image.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.status, "succeeded", "{self:#?}");
        assert!(!self.images.is_empty(), "{self:#?}");
        self
    }

    /// The error, if the job failed with this code.
    #[track_caller]
    pub fn failed(&self, code: &str) -> &Problem {
        assert_eq!(self.status, "failed", "{self:#?}");
        let error = self.error.as_ref().unwrap();
        assert_eq!(error.code.as_deref(), Some(code), "{self:#?}");
        error
    }

    /// The provider's id of the first attempt's work.
    pub fn task(&self) -> Option<&str> {
        self.attempts.first()?.task_id.as_deref()
    }
}
