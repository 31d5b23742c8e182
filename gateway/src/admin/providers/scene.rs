//! All there is to know for showing providers in one moment: their files, what runs, how it stands.

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::{Value, json};

use super::view::{self, View};
use super::{KIND, Providers};
use crate::admin::answer;
use crate::admin::folder::Seen;
use crate::admin::folder::entry::Entry;
use crate::api::Api;
use crate::catalog::provider::ProviderFile;
use crate::clock::now_ms;
use crate::snapshot::{Provider, Snapshot};

/// One moment.
pub(super) struct Scene<'a> {
    api: &'a Api,
    seen: Seen<'a>,
    running: Arc<Snapshot>,
    providers: &'a Providers,
}

impl<'a> Scene<'a> {
    /// With these files, and what is wrong with them.
    pub(super) fn of(providers: &'a Providers, api: &'a Api, seen: Seen<'a>) -> Self {
        Self { api, seen, running: api.snapshot.load_full(), providers }
    }

    /// One.
    pub(super) fn one(&self, entry: Entry<'_>) -> Value {
        self.shown(entry, self.providers.parsed(entry).as_ref())
    }

    /// All, as they are asked: the default one first, then by priority.
    pub(super) fn all(&self) -> Value {
        let entries = KIND.entries(self.seen.files);
        let mut all: Vec<_> = entries.map(|entry| (entry, self.providers.parsed(entry))).collect();
        let is_default = |file: &ProviderFile| file.enabled && file.default;
        all.sort_by_key(|(_, file)| {
            Reverse(file.as_ref().map(|file| (is_default(file), file.priority)))
        });
        let default = all.iter().find(|(_, file)| file.as_ref().is_some_and(is_default));
        let default = default.map(|(entry, _)| entry.id);
        let data: Vec<Value> =
            all.iter().map(|(entry, file)| self.shown(*entry, file.as_ref())).collect();
        let mut list = answer::list(data);
        list.as_object_mut().map(|fields| fields.insert("default".to_owned(), json!(default)));
        list
    }

    fn shown(&self, entry: Entry<'_>, parsed: Option<&ProviderFile>) -> Value {
        let running = self.running.provider(entry.id);
        let view = View {
            parsed,
            in_effect: running.zip(parsed).is_some_and(|(running, file)| is_same(running, file)),
            is_built_in: self.seen.files.is_built_in(),
            problems: self.seen.problems,
            health: running.map_or(Value::Null, |running| self.health(running)),
        };
        view::provider(entry, &view)
    }

    fn health(&self, provider: &Provider) -> Value {
        let now = now_ms();
        let engine = &self.api.engine;
        let (standing, health) = (engine.standing(provider, now), engine.health(provider, now));
        view::health(provider.file.enabled, &standing, &health, provider.file.limits.concurrency)
    }
}

/// Whether what runs is what the file says, whatever another file has wrong.
fn is_same(running: &Provider, file: &ProviderFile) -> bool {
    let said = |file: &ProviderFile| serde_json::to_value(file).ok();
    let same_key = file.api_key.as_ref().is_none_or(|key| *key == running.key);
    same_key && said(&running.file) == said(file)
}
