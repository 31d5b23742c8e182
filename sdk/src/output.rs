//! What came out: images by link or blob, and what they cost.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Class, Failure};

/// The provider's work is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Each image, or why there is none.
    pub outputs: Vec<Output>,
    /// What it cost, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

impl Done {
    /// Done with these outputs.
    pub fn new(outputs: impl IntoIterator<Item = Output>) -> Self {
        Self { outputs: outputs.into_iter().collect(), cost: None }
    }

    /// What the provider says it cost.
    #[must_use]
    pub fn cost(mut self, cost: Option<Cost>) -> Self {
        self.cost = cost;
        self
    }
}

/// One result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// A link the gateway downloads at once, without the provider's key.
    Url(String),
    /// An image the gateway lifted out of an answer.
    Blob(u32),
    /// An image too small to be lifted: base64, bare or as a data URI.
    Inline(String),
    /// This one failed though others did not.
    Failed(Failure),
}

impl Output {
    /// A link to download.
    pub fn url(url: impl Into<String>) -> Self {
        Self::Url(url.into())
    }

    /// The image that stood as `{"$blob": n}` in an answer of this attempt.
    pub fn blob(n: u32) -> Self {
        Self::Blob(n)
    }

    /// The image in a member of a JSON answer that holds base64: `{"$blob": n}` where the gateway
    /// lifted it out, the text itself where it was too short for that (8 KiB).
    ///
    /// # Errors
    /// Class `no_output` when it is neither.
    pub fn embedded(value: &Value) -> Result<Self, Failure> {
        let blob = value.get("$blob").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        match (blob, value) {
            (Some(n), _) => Ok(Self::Blob(n)),
            (None, Value::String(text)) if !text.is_empty() => Ok(Self::Inline(text.clone())),
            _ => Err(Failure::new(Class::NoOutput, "the provider's answer holds no image")),
        }
    }
}

/// Money, as the provider states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// A decimal number as text, such as `0.40`.
    pub amount: String,
    /// ISO 4217, such as `CNY`.
    pub currency: String,
}
