//! Finds out why a provider does not work, without spending money: the way to it, our clock, what
//! its plugin can ask for nothing, how it stands here, and what became of the jobs that wait for it.
//!
//! Each step is timed and bounded, and each failure says how to mend it. Nothing that is paid for is
//! ever sent: a question that could be is refused here, whatever its plugin says.

mod date;
mod questions;
mod standing;
mod tasks;
mod way;

use std::sync::Arc;
use std::time::Duration;

use retouch_sdk::{Cost, Finding, Mark};
use serde::Serialize;
use tokio::time::Instant;

use crate::clock::now_ms;
use crate::engine::Engine;
use crate::images::Images;
use crate::problem::Problem;
use crate::snapshot::Provider;
use crate::upstream::Upstream;

/// A whole check: a person waits for it, and the command line half a minute at most.
const WHOLE: Duration = Duration::from_secs(27);

/// What a check works with.
#[derive(Clone, Copy)]
pub struct Doctor<'a> {
    /// The way out.
    pub upstream: &'a Upstream,
    /// Where the tiny picture lies that is uploaded.
    pub images: &'a Images,
    /// What only the running server knows.
    pub engine: &'a Engine,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Always `provider_check`.
    pub object: &'static str,
    /// The provider's id.
    pub provider: String,
    /// What people call it.
    pub name: String,
    /// Whether no step failed.
    pub ok: bool,
    /// Milliseconds for all of it.
    pub took_ms: u64,
    /// What an edit costs by the provider's file, for whoever wants to try one.
    pub price: Option<Cost>,
    /// In the order they were taken.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Step {
    fn new(finding: Finding, took_ms: u64) -> Self {
        Self { finding, took_ms }
    }

    fn failed(&self) -> bool {
        self.finding.mark == Mark::Failed
    }
}

impl From<Finding> for Step {
    fn from(finding: Finding) -> Self {
        Self::new(finding, 0)
    }
}

impl Doctor<'_> {
    /// Checks one provider. `known` is what is wrong with the files as they are written now.
    pub async fn examine(&self, provider: &Arc<Provider>, known: &[Problem]) -> Report {
        let begun = Instant::now();
        let mut steps: Vec<Step> = standing::of_file(provider, known).map(Step::from).collect();
        let late = begun + WHOLE;
        let seen = self.upstream.probe(&provider.host, &provider.origins).await;
        let way = way::steps(&seen, now_ms());
        let reachable = !way.iter().any(|step| step.finding.step != "clock" && step.failed());
        steps.extend(way);
        if reachable {
            steps.extend(self.ask(provider, late).await);
        } else {
            steps.push(questions::unreachable().into());
        }
        let health = self.engine.health(provider, now_ms());
        steps.push(standing::of_health(&health, &provider.file.limits).into());
        let open = self.engine.open_at(&provider.file.id).await;
        steps.extend(tasks::findings(&open, now_ms()).into_iter().map(Step::from));
        Report {
            object: "provider_check",
            provider: provider.file.id.clone(),
            name: provider.file.name.clone(),
            ok: !steps.iter().any(Step::failed),
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            price: provider.file.price.clone(),
            steps,
        }
    }
}
