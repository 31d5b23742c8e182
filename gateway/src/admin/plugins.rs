//! `GET /admin/api/plugins`: the plugins in use, what each API type supplies a provider with, and the
//! files that are not used and why.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::providers::effective;
use super::{Operator, answer};
use crate::api::Api;
use crate::catalog::provider::ProviderFile;
use crate::plugin::{Library, Registry};
use crate::problem::Problem;
use crate::snapshot;

/// `GET /admin/api/plugins`
pub(super) async fn list(State(api): State<Arc<Api>>, _operator: Operator) -> Json<Value> {
    let plugins = api.snapshot.load().plugins.clone();
    let data: Vec<Value> =
        plugins.libraries().iter().map(|library| plugin(library, &plugins)).collect();
    let mut list = answer::list(data);
    let status = api.reloader.status();
    let refusals: Vec<Value> =
        status.problems.iter().filter(|p| is_of_plugin(p)).map(snapshot::shown).collect();
    list.as_object_mut().map(|fields| fields.insert("refusals".to_owned(), json!(refusals)));
    Json(list)
}

/// What its label says, with each API type's defaults completed by our own.
fn plugin(library: &Library, plugins: &Registry) -> Value {
    let label = serde_json::to_value(library.label()).unwrap_or_default();
    let mut shown = Map::from_iter([("object".to_owned(), json!("plugin"))]);
    shown.extend(label.as_object().cloned().unwrap_or_default());
    shown.insert("sha256".to_owned(), json!(library.sha256()));
    shown.insert("file".to_owned(), json!(library.file()));
    let types = shown.get_mut("types").and_then(Value::as_array_mut);
    for api_type in types.into_iter().flatten().filter_map(Value::as_object_mut) {
        let id = api_type.get("id").and_then(Value::as_str).unwrap_or_default();
        let defaults = defaults(id, plugins);
        api_type.insert("defaults".to_owned(), Value::Object(defaults));
    }
    Value::Object(shown)
}

/// The fields of a provider of that API type that says nothing else.
fn defaults(id: &str, plugins: &Registry) -> Map<String, Value> {
    let text = format!("type = {}", json!(id));
    let (provider, _) = ProviderFile::parse(Path::new(""), &text, plugins, None);
    let mut fields = provider.as_ref().map(effective).unwrap_or_default();
    for own in ["name", "type"] {
        fields.shift_remove(own);
    }
    fields
}

/// Whatever is no file of the catalog is a library, or lists them.
fn is_of_plugin(problem: &Problem) -> bool {
    !problem.is_error() && problem.file.extension().is_none_or(|ending| ending != "toml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Label;

    #[test]
    fn a_type_says_what_a_provider_need_not() {
        let label = r#"{"abi":1,"id":"acme","version":"1.2.3","vendor":"Acme","types":[{
            "id":"acme-edit","name":{"zh":"甲","en":"Acme"},"schema":{"type":"object"},
            "defaults":{"hosts":{"domestic":"https://acme.example"},"limits":{"timeout":"10m"}},
            "caps":{"max_images":3}}]}"#;
        let registry = Registry::of_labels([Label::parse(label.as_bytes()).unwrap()]);
        let shown = plugin(&registry.libraries()[0], &registry);
        for (path, want) in [
            ("/id", json!("acme")),
            ("/version", json!("1.2.3")),
            ("/types/0/name/zh", json!("甲")),
            ("/types/0/schema/type", json!("object")),
            ("/types/0/caps/max_images", json!(3)),
            ("/types/0/defaults/hosts/domestic", json!("https://acme.example")),
            ("/types/0/defaults/limits/timeout", json!("10m")),
            ("/types/0/defaults/limits/concurrency", json!(3)),
            ("/types/0/defaults/retry", json!(true)),
        ] {
            assert_eq!(shown.pointer(path), Some(&want), "{path}");
        }
        assert!(shown["sha256"].is_string() && shown["file"] == "acme.so", "{shown}");
        assert!(shown.pointer("/types/0/defaults/name").is_none());
    }
}
