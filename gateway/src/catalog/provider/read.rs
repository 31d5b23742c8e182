//! Reading a provider's file field by field; reading goes on after a problem, so that one run finds
//! them all.

mod bounds;
mod place;

use std::collections::BTreeMap;
use std::path::Path;

use super::{Hosts, ProviderFile, SANDBOX};
use crate::catalog::document::{Document, Table, nearest};
use crate::catalog::reference;
use crate::master::MasterKey;
use crate::plugin::{ApiType, Registry};
use crate::secret::Secret;

/// Reads one file.
pub(super) struct Reader<'d, 'a> {
    pub(super) document: &'d mut Document<'a>,
    pub(super) plugins: &'d Registry,
    pub(super) master: Option<&'d MasterKey>,
}

impl<'a> Reader<'_, 'a> {
    /// The provider. A field that could not be read has its default, and is among the problems.
    pub(super) fn provider(&mut self, file: &Path, mut root: Table<'a>) -> ProviderFile {
        let lines = root.all_lines();
        let id = self.document.id(file, "provider");
        let name = self.document.required(&mut root, "name").unwrap_or_else(|| id.clone());
        let type_id = self.document.required(&mut root, "type").unwrap_or_default();
        let api_type = self.api_type(&type_id, lines.get("type").copied());
        let defaults = api_type.as_ref().map(|known| known.defaults.clone()).unwrap_or_default();
        let hosts = self.hosts(&mut root, &defaults, api_type.is_some());
        let api_key = self.key(&mut root, &hosts, &lines);
        if !lines.contains_key("api_key") && hosts.domestic != SANDBOX {
            let mend = "write the account's key, or ${env:NAME}";
            self.document.problem(Some(1), "api_key is missing", mend);
        }
        let (model, endpoints) = self.model(&mut root, api_type.as_ref());
        let take = &mut *self.document;
        let provider = ProviderFile {
            file: file.to_owned(),
            id,
            name,
            api_type: type_id,
            api_key,
            hosts,
            model,
            endpoints,
            priority: take.take(&mut root, "priority", "a whole number").unwrap_or(0),
            enabled: take.take(&mut root, "enabled", "true or false").unwrap_or(true),
            default: take.take(&mut root, "default", "true or false").unwrap_or(false),
            sync: take.take(&mut root, "sync", "true or false").unwrap_or(false),
            retry: take.take(&mut root, "retry", "true or false").unwrap_or(true),
            shrink: take.take(&mut root, "shrink", "true or false").unwrap_or(false),
            aliases: take.take(&mut root, "aliases", "a list of names").unwrap_or_default(),
            description: take.take(&mut root, "description", "text").unwrap_or_default(),
            region: take.take(&mut root, "region", "\"domestic\" or \"overseas\""),
            on_ambiguous: take
                .take(
                    &mut root,
                    "on_ambiguous",
                    "\"cost_safe\", \"availability_first\" or \"hold\"",
                )
                .unwrap_or_default(),
            when_full: take
                .take(&mut root, "when_full", "\"next\" or \"wait\"")
                .unwrap_or_default(),
            options: take.take(&mut root, "options", "a table").unwrap_or_default(),
            price: self.price(&mut root),
            limits: self.limits(&mut root, &defaults),
            lines,
        };
        self.document.close(&root);
        provider
    }

    fn api_type(&mut self, id: &str, line: Option<usize>) -> Option<ApiType> {
        let known = self.plugins.api_type(id).map(|(_, api_type)| api_type.clone());
        if known.is_none() && !id.is_empty() {
            let libraries = self.plugins.libraries().iter();
            let types = libraries.flat_map(|library| &library.label().types);
            let ids: Vec<&str> = types.map(|api_type| api_type.id.as_str()).collect();
            let mend = match nearest(id, ids.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None if ids.is_empty() => "put its plugin beside the executable".to_owned(),
                None => format!("known are: {}", ids.join(", ")),
            };
            let what = format!("type '{id}' is not an API type of any loaded plugin");
            self.document.problem(line, what, mend);
        }
        known
    }

    fn key(
        &mut self,
        root: &mut Table<'a>,
        hosts: &Hosts,
        lines: &BTreeMap<String, usize>,
    ) -> Option<Secret> {
        let line = root.line("api_key");
        let written: String = self.document.take(root, "api_key", "text")?;
        let place = reference::place(hosts);
        let resolved = reference::resolve(&written, self.master, &place);
        // Whoever mistyped a host, or lacks the plugin that knows it, need not write the key anew.
        let is_elsewhere = reference::is_sealed(&written)
            && (place.is_empty() || self.is_wrong(&["hosts.domestic", "hosts.overseas"], lines));
        resolved
            .inspect_err(|problem| {
                if !is_elsewhere {
                    let what = format!("api_key {}", problem.what);
                    self.document.problem(Some(line), what, problem.mend.clone());
                }
            })
            .ok()
    }

    fn is_wrong(&self, fields: &[&str], lines: &BTreeMap<String, usize>) -> bool {
        let mut lines = fields.iter().filter_map(|field| lines.get(*field));
        lines.any(|line| self.document.has_problem_at(*line))
    }
}
