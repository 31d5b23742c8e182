//! A job as the API shows it: the part of it that the command line reads.
//!
//! Reads leniently. A field that is missing, or a word that is newer than this program, must not
//! keep anyone from their picture.

use serde::{Deserialize, de::DeserializeOwned};

use super::envelope::Fault;

/// An answer that only a gateway gives: others may answer JSON too.
pub(super) trait Ours: DeserializeOwned {
    /// Whether it has what every answer of its kind has.
    fn is_ours(&self) -> bool;
}

/// One edit request and what became of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) created_at: Option<f64>,
    pub(super) model: Option<String>,
    pub(super) style: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) sandbox: bool,
    pub(super) progress: Option<Progress>,
    pub(super) requested: Option<u32>,
    pub(super) images: Vec<Image>,
    pub(super) error: Option<Fault>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) cost: Option<Cost>,
}

/// How far a job is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    pub(super) phase: Option<String>,
    pub(super) percent: Option<f64>,
}

/// One result.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Image {
    pub(super) index: u32,
    pub(super) url: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) bytes: Option<u64>,
}

/// One submission to one provider.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) provider: String,
    pub(super) state: String,
    pub(super) task_id: Option<String>,
    pub(super) upstream_status: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) error: Option<Fault>,
    pub(super) possible_duplicate_cost: bool,
    pub(super) images: Vec<Image>,
}

/// A provider that was passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Skipped {
    pub(super) provider: String,
    pub(super) reason: String,
}

/// One HTTP request to a provider and its answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Exchange {
    pub(super) attempt: u32,
    pub(super) seq: u32,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) phase: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) elapsed_ms: Option<f64>,
    pub(super) sent: Option<serde_json::Value>,
    pub(super) error: Option<String>,
}

/// What it cost.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cost {
    pub(super) amount: Option<String>,
    pub(super) currency: Option<String>,
}

/// A page of jobs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    pub(super) object: String,
    pub(super) data: Vec<Job>,
    pub(super) has_more: bool,
}

impl Job {
    /// Whether the job has ended, well or badly. A status we do not know is taken as unfinished:
    /// the server will say when it is over.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "failed" | "canceled" | "expired")
    }

    /// Whether it ended well.
    pub(super) fn has_succeeded(&self) -> bool {
        self.status == "succeeded"
    }

    /// The phase it is in; before the server names one, its status says enough.
    pub(super) fn phase(&self) -> &str {
        let phase = self.progress.as_ref().and_then(|progress| progress.phase.as_deref());
        phase.unwrap_or(&self.status)
    }

    /// How much is done, from 0 to 100, as far as anyone can tell.
    pub(super) fn percent(&self) -> f64 {
        let percent = self.progress.as_ref().and_then(|progress| progress.percent);
        percent.unwrap_or_default().clamp(0.0, 100.0)
    }

    /// `0.40 CNY`, where it is known.
    pub(super) fn price(&self) -> Option<String> {
        let cost = self.cost.as_ref()?;
        let amount = cost.amount.as_ref()?;
        Some(format!("{amount} {}", cost.currency.as_deref().unwrap_or_default()).trim().to_owned())
    }
}

impl Ours for Job {
    fn is_ours(&self) -> bool {
        !self.id.is_empty()
    }
}

impl Ours for Page {
    fn is_ours(&self) -> bool {
        self.object == "list"
    }
}

impl Image {
    /// Its content type.
    pub(super) fn kind(&self) -> &str {
        self.content_type.as_deref().unwrap_or_default()
    }
}

impl Attempt {
    /// Why it stands as it does.
    pub(super) fn why(&self) -> String {
        let told = self.reason.clone().filter(|reason| !reason.is_empty());
        told.or_else(|| self.error.as_ref().map(Fault::line)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there() {
        let table = [
            (r"{}", "", 0.0, false),
            (r#"{"status":"queued","progress":null,"images":[]}"#, "queued", 0.0, false),
            (
                r#"{"status":"running","progress":{"phase":"polling","percent":40}}"#,
                "polling",
                40.0,
                false,
            ),
            (
                r#"{"status":"running","progress":{"phase":"polling","percent":140}}"#,
                "polling",
                100.0,
                false,
            ),
            (r#"{"status":"dreaming","new_field":1}"#, "dreaming", 0.0, false),
            (r#"{"status":"expired"}"#, "expired", 0.0, true),
        ];
        for (text, phase, percent, over) in table {
            let job: Job = serde_json::from_str(text).unwrap();
            assert_eq!(
                (job.phase(), job.percent(), job.is_over()),
                (phase, percent, over),
                "{text}"
            );
        }
    }

    #[test]
    fn not_every_json_is_a_gateways() {
        let job = |text| serde_json::from_str::<Job>(text).unwrap().is_ours();
        assert!(job(r#"{"id":"job_1"}"#));
        assert!(!job(r#"{"status":"ok"}"#));
        let page = |text| serde_json::from_str::<Page>(text).unwrap().is_ours();
        assert!(page(r#"{"object":"list","data":[],"has_more":false}"#));
        assert!(!page(r#"{"hello":"world"}"#));
    }

    #[test]
    fn a_price_needs_an_amount() {
        let price = |text| serde_json::from_str::<Job>(text).unwrap().price();
        assert_eq!(price(r#"{"cost":{"amount":"0.40","currency":"CNY"}}"#).unwrap(), "0.40 CNY");
        assert_eq!(price(r#"{"cost":{"amount":null,"currency":null,"source":"unknown"}}"#), None);
        assert_eq!(price(r#"{"cost":null}"#), None);
    }
}
