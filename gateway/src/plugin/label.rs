//! What a plugin says of itself: identity, where keys may go, and its API types with the defaults,
//! limits and options that the form, the catalog and `retouch check` need without running its code.
//!
//! Unknown members are passed over, so that newer plugins can say more. A label that parsed is
//! well formed; whether this gateway can run the plugin is a second question ([`Label::fit`]).

mod model;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use model::Model;

use super::version::Version;
use super::{Fault, elf};

/// The version of the event and outcome JSON this gateway speaks.
const ENVELOPE: u32 = 1;
/// Enough for any id a person would write, few enough for a log line.
const MAX_ID: usize = 64;

/// A plugin's label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The plugin's id, such as `acme`: small letters, digits, `.` and `-`.
    pub id: String,
    /// `MAJOR.MINOR.PATCH`.
    pub version: String,
    #[serde(default)]
    pub vendor: String,
    /// The major version of the ABI.
    pub abi: u32,
    /// What becomes of its panics: `unwind`, `none` (a language without), or `abort`.
    #[serde(default = "none")]
    pub panic: String,
    /// Architecture and system it was built for, such as `x86_64-linux`.
    #[serde(default)]
    pub target: String,
    /// What it was built with, such as `rust/0.1.0`.
    #[serde(default)]
    pub sdk: String,
    /// The lowest and the highest version of the envelope it speaks.
    #[serde(default = "first_envelope")]
    pub envelope: [u32; 2],
    #[serde(default)]
    pub state: StateVersions,
    /// Where a provider's key may be sent, beside the origins the operator wrote.
    #[serde(default)]
    pub hosts: Vec<String>,
    pub types: Vec<ApiType>,
}

/// Which version of its state a plugin writes, and which it still reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateVersions {
    pub writes: u32,
    pub reads: Vec<u32>,
}

/// One API type on offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiType {
    /// What a provider's `type` names: small letters, digits and `-`.
    pub id: String,
    #[serde(default)]
    pub name: Name,
    #[serde(default)]
    pub models: Vec<Model>,
    #[serde(default)]
    pub defaults: Defaults,
    /// JSON schema of a provider's `[options]` and a request's `provider_options`; null where there
    /// are none.
    #[serde(default)]
    pub schema: serde_json::Value,
    #[serde(default)]
    pub caps: Caps,
}

/// A name to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Name {
    pub zh: String,
    pub en: String,
}

/// What a provider's file need not say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defaults {
    pub hosts: Hosts,
    /// Path by role: `edit`, `result`, `upload` and what else the protocol has.
    pub endpoints: BTreeMap<String, String>,
    pub model: Option<String>,
    pub limits: Limits,
}

/// The provider's addresses; empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hosts {
    pub domestic: String,
    pub overseas: String,
}

/// Usual limits of an account; absent where the gateway's own apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    pub concurrency: Option<u32>,
    pub polls_per_second: Option<f64>,
    pub per_day: Option<u64>,
    /// As in a provider's file: `10m`.
    pub timeout: Option<String>,
}

/// What the protocol can and cannot do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caps {
    /// Images in one request; absent: no limit of its own.
    pub max_images: Option<u32>,
    /// Bytes of one image.
    pub max_bytes: Option<u64>,
    /// Image types it takes; empty: any.
    pub mimes: Vec<String>,
    /// Width times height of one image.
    pub max_pixels: Option<u64>,
    /// Pictures one call can make; 0 and 1 are the same.
    pub n: u32,
    /// The request's parameters it honours, by their names in `retouch_sdk::Params`.
    pub params: Vec<String>,
    /// Takes a mask.
    pub mask: bool,
    /// Can stop a task.
    pub cancel: bool,
    /// Submitting twice with one key makes one task.
    pub idempotent_submit: bool,
    /// A task can be found by an id of ours.
    pub find_by_reference: bool,
    /// A 503 to a submit means that nothing was accepted.
    pub not_accepted_503: bool,
    /// The submit's answer may already hold the result.
    pub sync: bool,
}

impl Default for StateVersions {
    fn default() -> Self {
        Self { writes: 1, reads: vec![1] }
    }
}

impl Name {
    /// The name in `zh` or any other language, or the other one where it is missing.
    pub fn in_language(&self, language: &str) -> &str {
        let (first, second) =
            if language == "zh" { (&self.zh, &self.en) } else { (&self.en, &self.zh) };
        if first.is_empty() { second } else { first }
    }
}

impl Label {
    /// Reads the label out of a library's bytes; `None` when it has none.
    ///
    /// # Errors
    /// When there is a label that cannot be read.
    pub fn of_file(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        elf::label(bytes)?.map(Self::parse).transpose()
    }

    /// Reads the label's JSON text.
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Major {
            abi: u32,
        }
        let unreadable = |error: serde_json::Error| {
            Fault::new(format!("the label cannot be read: {error}"), "mend the plugin's label.json")
        };
        // Asked first: a label of another major version may look different altogether.
        let Major { abi } = serde_json::from_slice(json).map_err(unreadable)?;
        if abi != retouch_abi::ABI_MAJOR {
            return Err(other_major(abi));
        }
        let mut spelled: serde_json::Value = serde_json::from_slice(json).map_err(unreadable)?;
        model::spell_out(&mut spelled);
        let label: Self = serde_json::from_value(spelled).map_err(unreadable)?;
        label.well_formed().map_err(|what| Fault::new(what, "mend the plugin's label.json"))?;
        Ok(label)
    }

    fn well_formed(&self) -> Result<(), String> {
        if !is_id(&self.id, b".-") {
            return Err(format!("the label's id `{}` is no plugin id", self.id.escape_debug()));
        }
        if Version::parse(&self.version).is_none() {
            let version = self.version.escape_debug();
            return Err(format!("the label's version `{version}` is not MAJOR.MINOR.PATCH"));
        }
        if self.types.is_empty() {
            return Err("the label's types are empty".to_owned());
        }
        let mut seen = BTreeSet::new();
        for api_type in &self.types {
            let id = &api_type.id;
            if !is_id(id, b"-") {
                return Err(format!("the label's `{}` is no API type id", id.escape_debug()));
            }
            if !seen.insert(id) {
                return Err(format!("the label has the API type `{id}` twice"));
            }
            api_type.models_well_formed()?;
        }
        Ok(())
    }

    /// Whether this gateway can run the plugin.
    ///
    /// # Errors
    /// Says why not.
    pub fn fit(&self) -> Result<(), Fault> {
        if self.panic == "abort" {
            let what =
                "was built with panic = \"abort\", so that its first panic would end the gateway";
            let mend = "remove `panic = \"abort\"` from [profile.release] and build it again";
            return Err(Fault::new(what, mend));
        }
        let here = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        if !self.target.is_empty() && self.target != here {
            let what = format!("was built for {}, this gateway for {here}", self.target);
            return Err(Fault::new(what, format!("build it for {here}")));
        }
        let [lowest, highest] = self.envelope;
        if !(lowest..=highest).contains(&ENVELOPE) {
            let what =
                format!("speaks the envelope {lowest} to {highest}, this gateway {ENVELOPE}");
            return Err(Fault::new(what, newer_one(highest < ENVELOPE)));
        }
        Ok(())
    }
}

fn other_major(abi: u32) -> Fault {
    let ours = retouch_abi::ABI_MAJOR;
    let what = format!("was built for plugin ABI {abi}, this gateway speaks {ours}");
    Fault::new(what, newer_one(abi < ours))
}

const fn newer_one(plugin_is_older: bool) -> &'static str {
    if plugin_is_older { "take a newer version of the plugin" } else { "take a newer Retouch" }
}

fn is_id(text: &str, also: &[u8]) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || also.contains(&b);
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(fits)
}

fn none() -> String {
    "none".to_owned()
}

const fn first_envelope() -> [u32; 2] {
    [1, 1]
}

#[cfg(test)]
mod tests;
