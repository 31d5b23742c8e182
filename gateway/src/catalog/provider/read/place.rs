//! Where a provider is: its hosts, its paths, and the model, which may be what a path says.

use std::collections::BTreeMap;

use url::Url;

use super::super::{Hosts, SANDBOX};
use super::Reader;
use crate::catalog::document::{Table, nearest};
use crate::plugin::ApiType;
use crate::plugin::label::Defaults;

/// Path by role.
type Endpoints = BTreeMap<String, String>;

impl<'a> Reader<'_, 'a> {
    pub(super) fn hosts(
        &mut self,
        root: &mut Table<'a>,
        defaults: &Defaults,
        has_type: bool,
    ) -> Hosts {
        let mut table = self.document.table(root, "hosts");
        let line = table.line("domestic");
        let domestic = self.host(&mut table, "domestic");
        let domestic = domestic.unwrap_or_else(|| defaults.hosts.domestic.clone());
        let overseas = self.host(&mut table, "overseas");
        let overseas = overseas.unwrap_or_else(|| defaults.hosts.overseas.clone());
        if domestic.is_empty() && has_type {
            let mend = "write the provider's https:// address";
            self.document.problem(Some(line), "hosts.domestic is missing", mend);
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
        if let Err((why, mend)) = base_url(&text) {
            // What does not belong into an address may be a password: it is not shown again.
            self.document.problem(Some(line), format!("hosts.{key} {why}"), mend);
        }
        Some(text.trim_end_matches('/').to_owned())
    }

    /// The model and the paths, each completed from the other: a model has its own paths, and at
    /// some providers the path for edits is the model. Whether the two agree where both are given,
    /// the plugin says.
    pub(super) fn model(
        &mut self,
        root: &mut Table<'a>,
        api_type: Option<&ApiType>,
    ) -> (Option<String>, Endpoints) {
        let model: Option<String> = self.document.take(root, "model", "text");
        let model = model.filter(|model| !model.is_empty());
        let given = self.endpoints(root, api_type);
        let Some(api_type) = api_type else { return (model, given) };
        let model = match (model, given.get("edit")) {
            (None, Some(edit)) if api_type.names_models_by_path() => {
                api_type.model_at(edit).map(|model| model.id.clone())
            }
            (model, _) => model.or_else(|| api_type.defaults.model.clone()),
        };
        let own = model.as_deref().and_then(|id| api_type.model(id));
        let mut endpoints = api_type.defaults.endpoints.clone();
        endpoints.extend(own.map(|model| model.endpoints.clone()).unwrap_or_default());
        endpoints.extend(given);
        (model, endpoints)
    }

    fn endpoints(&mut self, root: &mut Table<'a>, api_type: Option<&ApiType>) -> Endpoints {
        let mut table = self.document.table(root, "endpoints");
        let given = self.document.take_all::<String>(&mut table, "a path");
        let known = api_type.map(|api_type| &api_type.defaults.endpoints);
        let mut endpoints = Endpoints::new();
        for (role, (line, path)) in given {
            if let Some(known) = known.filter(|known| !known.contains_key(&role)) {
                let what = format!("endpoints.{role} is not an endpoint of this API type");
                self.document.problem(Some(line), what, known_roles(&role, known));
            } else if !path.is_empty() && !path.starts_with('/') {
                let what = format!("endpoints.{role} = \"{path}\" is not a path");
                self.document.problem(Some(line), what, "begin it with '/'");
            } else if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
                let what = format!("endpoints.{role} holds a space");
                self.document.problem(Some(line), what, "write the path without it");
            }
            endpoints.insert(role, path);
        }
        endpoints
    }
}

fn known_roles(role: &str, known: &Endpoints) -> String {
    match nearest(role, known.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `endpoints.{near}`?"),
        None if known.is_empty() => "remove it".to_owned(),
        None => format!("known are: {}", known.keys().cloned().collect::<Vec<_>>().join(", ")),
    }
}

/// Why a text cannot be a provider's address, and the mend.
fn base_url(text: &str) -> Result<(), (&'static str, &'static str)> {
    const MEND: &str = "write it as https://host[:port]";
    let url = Url::parse(text).map_err(|_| ("is not a URL", MEND))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err(("is not an http address", MEND));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(("holds a user name or password", "write the key into api_key"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("holds more than scheme and host", MEND));
    }
    if url.path() != "/" {
        return Err(("holds a path", "move the path into [endpoints]"));
    }
    Ok(())
}
