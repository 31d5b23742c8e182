//! The changes of providers that a click makes: enable, disable, make one the default, put them in
//! order. They touch as few files as can be. Pure.

use std::cmp::Reverse;

use serde_json::json;

use super::order::{Rank, priorities};
use super::{KIND, Providers};
use crate::admin::asker::Asker;
use crate::admin::folder::entry::Entry;
use crate::admin::folder::plan::{self, NotDone, Plan, one, unfit};
use crate::api::ApiError;
use crate::catalog::provider::ProviderFile;
use crate::catalog::{Files, Overlay, edit};

impl Providers {
    /// With one enabled or disabled.
    pub(super) fn enabled(
        &self,
        files: &Files,
        asker: &Asker,
        id: &str,
        on: bool,
    ) -> Result<Plan, NotDone> {
        let entry = plan::found(&KIND, files, asker, id)?;
        let is_so = self.parsed(entry).is_some_and(|file| file.enabled == on);
        let overlay = Overlay::default();
        let overlay = if is_so { overlay } else { set(overlay, entry, "enabled", json!(on))? };
        Ok(Plan { overlay, id: id.to_owned() })
    }

    /// With that one as the default, and no other.
    pub(super) fn defaulted(
        &self,
        files: &Files,
        asker: &Asker,
        id: &str,
    ) -> Result<Plan, NotDone> {
        plan::found(&KIND, files, asker, id)?;
        let mut overlay = Overlay::default();
        for entry in KIND.entries(files) {
            let is_default = self.parsed(entry).is_some_and(|file| file.default);
            if is_default != (entry.id == id) {
                overlay = set(overlay, entry, "default", json!(!is_default))?;
            }
        }
        Ok(Plan { overlay, id: id.to_owned() })
    }

    /// With priorities under which those named come in that order and before all others.
    pub(super) fn ordered(
        &self,
        files: &Files,
        asker: &Asker,
        ids: &[String],
    ) -> Result<Plan, NotDone> {
        if !asker.condition.allows(Some(&KIND.version(files))) {
            return Err(NotDone::Stale);
        }
        let mut order = self.named(files, ids)?;
        order.extend(self.others(files, ids));
        let ranks: Vec<Rank> = order.iter().map(|(_, rank)| *rank).collect();
        let mut overlay = Overlay::default();
        for ((entry, rank), priority) in order.into_iter().zip(priorities(&ranks)) {
            if rank.priority != priority {
                overlay = set(overlay, entry, "priority", json!(priority))?;
            }
        }
        Ok(Plan { overlay, id: String::new() })
    }

    fn named<'a>(
        &self,
        files: &'a Files,
        ids: &[String],
    ) -> Result<Vec<(Entry<'a>, Rank)>, ApiError> {
        let mut named: Vec<(Entry<'a>, Rank)> = Vec::new();
        for id in ids {
            let Some(entry) = KIND.entry(files, id) else {
                return Err(ApiError::invalid("ids", format!("there is no provider '{id}'")));
            };
            if named.iter().any(|(other, _)| other.id == id) {
                return Err(ApiError::invalid("ids", format!("`ids` names '{id}' twice")));
            }
            let priority = self.parsed(entry).map_or(0, |file| file.priority);
            named.push((entry, Rank { priority, is_named: true }));
        }
        Ok(named)
    }

    /// Those that can be read, as they are asked now.
    fn others<'a>(&self, files: &'a Files, ids: &[String]) -> Vec<(Entry<'a>, Rank)> {
        let others = KIND.entries(files).filter(|entry| !ids.iter().any(|id| id == entry.id));
        let rank = |file: ProviderFile| Rank { priority: file.priority, is_named: false };
        let mut others: Vec<_> =
            others.filter_map(|entry| Some((entry, rank(self.parsed(entry)?)))).collect();
        others.sort_by_key(|(_, rank)| Reverse(rank.priority));
        others
    }
}

fn set(
    overlay: Overlay,
    entry: Entry<'_>,
    field: &str,
    value: serde_json::Value,
) -> Result<Overlay, ApiError> {
    let text = plan::text_of(&KIND, entry)?;
    let text = edit::merged(text, &one(field, value)).map_err(|e| unfit(&KIND, entry.file, &e))?;
    Ok(overlay.with(KIND.place(entry.id), text))
}
