//! Reading a provider's file field by field; reading goes on after a problem.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use url::Url;

use super::{Hosts, Limits, ProviderFile, SANDBOX};
use crate::catalog::document::{Document, Table, nearest};
use crate::catalog::reference;
use crate::duration;
use crate::plugin::Registry;
use crate::plugin::label::Defaults;
use crate::secret::Secret;

/// Reads one file.
pub(super) struct Reader<'d, 'a> {
    pub(super) document: &'d mut Document<'a>,
    pub(super) plugins: &'d Registry,
}

impl<'a> Reader<'_, 'a> {
    /// The provider, if enough of it could be read.
    pub(super) fn provider(&mut self, file: &Path, mut root: Table<'a>) -> Option<ProviderFile> {
        let lines = root.all_lines();
        let id = self.id(file);
        let name: Option<String> = self.required(&mut root, "name");
        let api_type = self.api_type(&mut root);
        let defaults = api_type.as_deref().and_then(|id| self.defaults(id)).unwrap_or_default();
        let api_key = self.key(&mut root);
        let hosts = self.hosts(&mut root, &defaults);
        if api_key.is_none() && hosts.domestic != SANDBOX && !lines.contains_key("api_key") {
            self.document.problem(
                Some(1),
                "api_key is missing",
                "write the account's key, or ${env:NAME}",
            );
        }
        let take = &mut *self.document;
        let provider = ProviderFile {
            file: file.to_owned(),
            id: id?,
            api_key,
            priority: take.take(&mut root, "priority", "a whole number").unwrap_or(0),
            enabled: take.take(&mut root, "enabled", "true or false").unwrap_or(true),
            default: take.take(&mut root, "default", "true or false").unwrap_or(false),
            sync: take.take(&mut root, "sync", "true or false").unwrap_or(false),
            retry: take.take(&mut root, "retry", "true or false").unwrap_or(true),
            model: take
                .take(&mut root, "model", "text")
                .or(defaults.model.clone())
                .filter(|m| !m.is_empty()),
            aliases: take.take(&mut root, "aliases", "a list of names").unwrap_or_default(),
            description: take.take(&mut root, "description", "text").unwrap_or_default(),
            region: take.take(&mut root, "region", "\"domestic\" or \"overseas\""),
            on_ambiguous: take
                .take(&mut root, "on_ambiguous", "\"cost_safe\" or \"availability_first\"")
                .unwrap_or_default(),
            when_full: take
                .take(&mut root, "when_full", "\"next\" or \"wait\"")
                .unwrap_or_default(),
            price: self.price(&mut root),
            endpoints: self.endpoints(&mut root, &defaults),
            limits: self.limits(&mut root, &defaults),
            options: self.document.take(&mut root, "options", "a table").unwrap_or_default(),
            name: name?,
            api_type: api_type?,
            hosts,
            lines,
        };
        self.document.close(&root);
        Some(provider)
    }

    fn id(&mut self, file: &Path) -> Option<String> {
        let stem = file.file_stem()?.to_string_lossy().into_owned();
        let fits = !stem.is_empty()
            && stem.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !fits {
            let what = format!("the file name '{stem}' cannot be a provider's id");
            self.document.problem(None, what, "rename it to small letters, digits and hyphens");
        }
        fits.then_some(stem)
    }

    fn required(&mut self, root: &mut Table<'a>, key: &'static str) -> Option<String> {
        let there = root.lines().contains_key(key);
        let value: Option<String> = self.document.take(root, key, "text");
        if !there || value.as_ref().is_some_and(|v| v.trim().is_empty()) {
            self.document.problem(
                Some(root.line(key)),
                format!("{key} is missing"),
                format!("write {key} = \"…\""),
            );
            return None;
        }
        value
    }

    fn api_type(&mut self, root: &mut Table<'a>) -> Option<String> {
        let line = root.line("type");
        let id = self.required(root, "type")?;
        if self.plugins.api_type(&id).is_none() {
            let known: Vec<&str> = self.known_types();
            let mend = match nearest(&id, known.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None if known.is_empty() => "put its plugin beside the executable".to_owned(),
                None => format!("known are: {}", known.join(", ")),
            };
            self.document.problem(
                Some(line),
                format!("type '{id}' is not an API type of any loaded plugin"),
                mend,
            );
        }
        Some(id)
    }

    fn known_types(&self) -> Vec<&str> {
        self.plugins
            .libraries()
            .iter()
            .flat_map(|l| l.label().types.iter().map(|t| t.id.as_str()))
            .collect()
    }

    fn defaults(&self, id: &str) -> Option<Defaults> {
        self.plugins.api_type(id).map(|(_, api_type)| api_type.defaults.clone())
    }

    fn key(&mut self, root: &mut Table<'a>) -> Option<Secret> {
        let line = root.line("api_key");
        let written: String = self.document.take(root, "api_key", "text")?;
        match reference::resolve(&written) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                self.document.problem(
                    Some(line),
                    format!("api_key {}", problem.what),
                    problem.mend,
                );
                None
            }
        }
    }

    fn hosts(&mut self, root: &mut Table<'a>, defaults: &Defaults) -> Hosts {
        let mut table = self.document.table(root, "hosts");
        let domestic =
            self.host(&mut table, "domestic").unwrap_or_else(|| defaults.hosts.domestic.clone());
        let overseas =
            self.host(&mut table, "overseas").unwrap_or_else(|| defaults.hosts.overseas.clone());
        if domestic.is_empty() {
            let line = table.line("domestic");
            self.document.problem(
                Some(line),
                "hosts.domestic is missing",
                "write the provider's https:// address",
            );
        }
        self.document.close(&table);
        Hosts { domestic, overseas }
    }

    fn host(&mut self, table: &mut Table<'a>, key: &'static str) -> Option<String> {
        let line = table.line(key);
        let text: String = self.document.take(table, key, "text")?;
        if text.is_empty() || text == SANDBOX {
            return Some(text);
        }
        if let Err(why) = base_url(&text) {
            let what = format!("hosts.{key} = \"{text}\" {why}");
            self.document.problem(Some(line), what, "write it as https://host[:port]");
        }
        Some(text.trim_end_matches('/').to_owned())
    }

    fn endpoints(&mut self, root: &mut Table<'a>, defaults: &Defaults) -> BTreeMap<String, String> {
        let lines = root.all_lines();
        let line_of = |role: &str| lines.get(&format!("endpoints.{role}")).copied();
        let given: BTreeMap<String, String> =
            self.document.take(root, "endpoints", "a table of paths").unwrap_or_default();
        let mut endpoints = defaults.endpoints.clone();
        for (role, path) in given {
            if !endpoints.is_empty() && !defaults.endpoints.contains_key(&role) {
                let known = defaults.endpoints.keys().cloned().collect::<Vec<_>>().join(", ");
                let what = format!("endpoints.{role} is not an endpoint of this API type");
                self.document.problem(line_of(&role), what, format!("known are: {known}"));
            } else if !path.is_empty() && !path.starts_with('/') {
                let what = format!("endpoints.{role} = \"{path}\" is not a path");
                self.document.problem(line_of(&role), what, "begin it with '/'");
            }
            endpoints.insert(role, path);
        }
        endpoints
    }

    fn limits(&mut self, root: &mut Table<'a>, defaults: &Defaults) -> Limits {
        let mut table = self.document.table(root, "limits");
        let concurrency =
            self.document.take(&mut table, "concurrency", "a whole number of at least 1");
        let line = table.line("timeout");
        let timeout: Option<String> =
            self.document.take(&mut table, "timeout", "a time such as \"10m\"");
        let timeout =
            timeout.or(defaults.limits.timeout.clone()).unwrap_or_else(|| "10m".to_owned());
        let timeout = duration::parse(&timeout).unwrap_or_else(|| {
            let what = format!("limits.timeout = \"{timeout}\" is not a time");
            self.document.problem(Some(line), what, "write it as 90s, 10m or 1h");
            Duration::from_secs(600)
        });
        let polls: Option<u32> =
            self.document.take(&mut table, "polls_per_second", "a whole number");
        let per_day: u64 = self.document.take(&mut table, "per_day", "a whole number").unwrap_or(0);
        if per_day != 0 {
            self.document.problem(
                Some(line),
                "limits.per_day is not built yet",
                "write 0 or remove it",
            );
        }
        self.document.close(&table);
        let concurrency: u32 = concurrency.or(defaults.limits.concurrency).unwrap_or(3);
        if concurrency == 0 {
            self.document.problem(
                Some(line),
                "limits.concurrency is 0",
                "write at least 1, or enabled = false",
            );
        }
        let polls_per_second = polls.unwrap_or(10.max(concurrency.saturating_mul(2))).max(1);
        Limits { concurrency, polls_per_second, timeout }
    }

    fn price(&mut self, root: &mut Table<'a>) -> Option<retouch_sdk::Cost> {
        let line = root.line("price");
        let text: String = self.document.take(root, "price", "text such as \"0.40 CNY\"")?;
        let cost = text.split_once(' ').and_then(|(amount, currency)| {
            let (amount, currency) = (amount.trim(), currency.trim());
            let money = amount.parse::<f64>().is_ok_and(|a| a.is_finite() && a >= 0.0);
            let unit = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
            (money && unit).then(|| retouch_sdk::Cost {
                amount: amount.to_owned(),
                currency: currency.to_owned(),
            })
        });
        if cost.is_none() {
            self.document.problem(
                Some(line),
                format!("price = \"{text}\" is not a price"),
                "write it as \"0.40 CNY\"",
            );
        }
        cost
    }
}

fn base_url(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err("is not an http address");
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("holds more than scheme, host and path");
    }
    Ok(())
}
