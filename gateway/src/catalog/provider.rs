//! A provider's file: read with its lines, completed with the API type's defaults, checked.

mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::catalog::document::Document;
use crate::plugin::Registry;
use crate::problem::Problem;
use crate::secret::Secret;
use read::Reader;
use serde_json::{Map, Value};

/// What one file says, checked as far as a file alone can be.
#[derive(Clone, Debug)]
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
    /// Paths by role.
    pub endpoints: BTreeMap<String, String>,
    /// Bounds.
    pub limits: Limits,
    /// What only its API type knows.
    pub options: Map<String, Value>,
    lines: BTreeMap<String, usize>,
}

/// Which of a provider's hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// 国内直连Host.
    #[default]
    Domestic,
    /// 海外Host.
    Overseas,
}

/// What to do after a lost answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAmbiguous {
    /// Never pay twice.
    #[default]
    CostSafe,
    /// Ask one more provider, marked as a possible second charge.
    AvailabilityFirst,
}

/// What a full account means for a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Another provider may take it.
    #[default]
    Next,
    /// It waits here.
    Wait,
}

/// Base URL per region. `sandbox:` names the server inside the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Used in mainland China.
    pub domestic: String,
    /// Used elsewhere; empty: the domestic one.
    pub overseas: String,
}

/// Bounds of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Jobs at once.
    pub concurrency: u32,
    /// Questions a second.
    pub polls_per_second: u32,
    /// One attempt, from its submit.
    pub timeout: Duration,
}

/// What a sandbox's host is written as.
pub const SANDBOX: &str = "sandbox:";

impl ProviderFile {
    /// Reads a file. In a disabled provider problems are warnings.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(
        file: &Path,
        text: &str,
        plugins: &Registry,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let (mut document, root) = Document::parse(file, text).map_err(|problem| vec![problem])?;
        let read = Reader { document: &mut document, plugins }.provider(file, root);
        let problems = document.finish();
        match read {
            Some(provider) if problems.is_empty() => Ok((provider, problems)),
            Some(provider) if !provider.enabled => {
                Ok((provider, problems.into_iter().map(Problem::warning).collect()))
            }
            _ => Err(problems),
        }
    }

    /// The line a field stands on.
    pub fn line_of(&self, field: &str) -> Option<usize> {
        self.lines.get(field).or_else(|| self.lines.get(field.split('.').next()?)).copied()
    }

    /// Whether it is the server inside the process.
    pub fn is_sandbox(&self) -> bool {
        self.hosts.domestic == SANDBOX
    }

    /// The base URL in a region.
    pub fn host(&self, region: Region) -> &str {
        match self.region.unwrap_or(region) {
            Region::Overseas if !self.hosts.overseas.is_empty() => &self.hosts.overseas,
            Region::Domestic | Region::Overseas => &self.hosts.domestic,
        }
    }
}
