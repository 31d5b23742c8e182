//! A check as the admin API shows it, read leniently.

use serde::Deserialize;

use crate::cli::{
    job::{Cost, Ours},
    words::Words,
};

/// What was found at one provider.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    object: String,
    pub(super) provider: String,
    pub(super) name: String,
    pub(super) ok: bool,
    pub(super) took_ms: f64,
    pub(super) price: Option<Cost>,
    pub(super) steps: Vec<Step>,
}

/// One step of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Step {
    pub(super) step: String,
    pub(super) mark: String,
    pub(super) took_ms: f64,
    pub(super) message: Text,
    pub(super) mend: Option<Text>,
}

/// A sentence in both languages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Text {
    zh: String,
    en: String,
}

/// One of each provider.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reports {
    object: String,
    pub(super) data: Vec<Report>,
}

impl Text {
    /// In the person's language, or in the other where it lacks that.
    pub(super) fn said(&self, words: Words) -> &str {
        let (first, second) = match words.find("language") {
            Some("zh") => (&self.zh, &self.en),
            _ => (&self.en, &self.zh),
        };
        if first.is_empty() { second } else { first }
    }
}

impl Report {
    /// `0.40 CNY`, where the provider's file says it.
    pub(super) fn price(&self) -> Option<String> {
        let Cost { amount, currency } = self.price.as_ref()?;
        let currency = currency.as_deref().unwrap_or_default();
        Some(format!("{} {currency}", amount.as_deref()?).trim().to_owned())
    }
}

impl Ours for Report {
    fn is_ours(&self) -> bool {
        self.object == "provider_check"
    }
}

impl Ours for Reports {
    fn is_ours(&self) -> bool {
        self.object == "list"
    }
}
