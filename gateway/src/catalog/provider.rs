//! A provider's file: read with its lines, completed with the API type's defaults, checked.

mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::catalog::document::Document;
use crate::master::MasterKey;
use crate::plugin::Registry;
use crate::problem::Problem;
use crate::secret::Secret;
use read::Reader;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What one file says, checked as far as a file alone can be. Written out, it is without its key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderFile {
    /// The file it came from.
    pub file: PathBuf,
    /// The file's stem.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The API type's id.
    pub api_type: String,
    /// The account's key; absent at the sandbox.
    #[serde(skip)]
    pub api_key: Option<Secret>,
    /// Larger first.
    pub priority: i64,
    /// Whether it is used at all.
    pub enabled: bool,
    /// Whether it comes before every priority.
    pub default: bool,
    /// Whether the submit answer already holds the result.
    pub sync: bool,
    /// Whether it may be chosen after another failed.
    pub retry: bool,
    /// The model asked for.
    pub model: Option<String>,
    /// Further names clients may use; `*` is any.
    pub aliases: Vec<String>,
    /// For people.
    pub description: String,
    /// Which host is used, if not the setting's.
    pub region: Option<Region>,
    /// What to do when it cannot be known whether a submit was taken.
    pub on_ambiguous: OnAmbiguous,
    /// What a full account means for a job.
    pub when_full: WhenFull,
    /// Per image, where the provider does not say.
    pub price: Option<retouch_sdk::Cost>,
    /// Base URL per region.
    pub hosts: Hosts,
    /// Whether images beyond the provider's limits are made smaller rather than refused.
    pub shrink: bool,
    /// Paths by role.
    pub endpoints: BTreeMap<String, String>,
    /// Bounds.
    pub limits: Limits,
    /// What only its API type knows.
    pub options: Map<String, Value>,
    #[serde(skip)]
    lines: BTreeMap<String, usize>,
}

/// Which of a provider's hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// 国内直连Host.
    #[default]
    Domestic,
    /// 海外Host.
    Overseas,
}

/// What to do after a lost answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAmbiguous {
    /// Never pay twice.
    #[default]
    CostSafe,
    /// Ask one more provider, marked as a possible second charge.
    AvailabilityFirst,
    /// Wait for a person who looks: `retouch jobs resolve`.
    Hold,
}

/// What a full account means for a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Another provider may take it.
    #[default]
    Next,
    /// It waits here.
    Wait,
}

/// Base URL per region. `sandbox:` names the server inside the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hosts {
    /// Used in mainland China.
    pub domestic: String,
    /// Used elsewhere; empty: the domestic one.
    pub overseas: String,
}

/// Bounds of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Jobs at once.
    pub concurrency: u32,
    /// Questions a second.
    pub polls_per_second: u32,
    /// One attempt, from its submit.
    pub timeout: Duration,
    /// Submits a day, 0: no limit.
    pub per_day: u32,
    /// How long it is not asked after it failed too often; longer each time it fails again.
    pub cooldown: Duration,
}

/// What an older version that did not know a bound has written it without.
impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 3,
            polls_per_second: 10,
            timeout: Duration::from_secs(600),
            per_day: 0,
            cooldown: Duration::from_secs(30),
        }
    }
}

/// What a sandbox's host is written as.
pub const SANDBOX: &str = "sandbox:";

impl ProviderFile {
    /// Reads a file: what could be read of it, and everything wrong with it. In a disabled provider
    /// problems are warnings.
    pub fn parse(
        file: &Path,
        text: &str,
        plugins: &Registry,
        master: Option<&MasterKey>,
    ) -> (Option<Self>, Vec<Problem>) {
        let (provider, problems) = Self::parse_as_enabled(file, text, plugins, master);
        let stops = provider.as_ref().is_none_or(|provider| provider.enabled);
        let problems = problems.into_iter();
        (
            provider,
            if stops { problems.collect() } else { problems.map(Problem::warning).collect() },
        )
    }

    /// The same as if it were enabled: what would be wrong then is.
    pub fn parse_as_enabled(
        file: &Path,
        text: &str,
        plugins: &Registry,
        master: Option<&MasterKey>,
    ) -> (Option<Self>, Vec<Problem>) {
        let (mut document, root) = match Document::parse(file, text) {
            Ok(both) => both,
            Err(problem) => return (None, vec![problem]),
        };
        let provider = Reader { document: &mut document, plugins, master }.provider(file, root);
        (Some(provider), document.finish())
    }

    /// The line a field stands on, or the table it would be in.
    pub fn line_of(&self, field: &str) -> Option<usize> {
        self.lines.get(field).or_else(|| self.lines.get(field.split('.').next()?)).copied()
    }

    /// Whether it is the server inside the process.
    pub fn is_sandbox(&self) -> bool {
        self.hosts.domestic == SANDBOX
    }

    /// The base URL in a region.
    pub fn host(&self, region: Region) -> &str {
        if self.is_overseas(region) { &self.hosts.overseas } else { &self.hosts.domestic }
    }

    /// The field that base URL is written in.
    pub fn host_field(&self, region: Region) -> &'static str {
        if self.is_overseas(region) { "hosts.overseas" } else { "hosts.domestic" }
    }

    fn is_overseas(&self, region: Region) -> bool {
        let region = self.region.unwrap_or(region);
        region == Region::Overseas && !self.hosts.overseas.is_empty()
    }
}
