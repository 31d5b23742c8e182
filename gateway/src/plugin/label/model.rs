//! The models of an API type: which paths are a model's own, and what it can and cannot where that
//! differs from its siblings.
//!
//! A label writes one as its bare name, or as `{"id", "endpoints": {role: path}, "caps": {…}}` with
//! only what is its own. Here each is whole.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{ApiType, Caps};

/// A model on offer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Model {
    /// What a provider's `model` names.
    pub id: String,
    /// Path by role, where the model has its own.
    pub endpoints: BTreeMap<String, String>,
    /// The API type's, with the model's own laid over.
    pub caps: Caps,
}

impl ApiType {
    /// A model by its name.
    pub fn model(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }

    /// The one model that a path for edits belongs to.
    pub fn model_at(&self, edit: &str) -> Option<&Model> {
        let own = |model: &&Model| model.endpoints.get("edit").is_some_and(|path| path == edit);
        let mut found = self.models.iter().filter(own);
        found.next().filter(|_| found.next().is_none())
    }

    /// Whether the path for edits says which model is meant.
    pub fn names_models_by_path(&self) -> bool {
        self.models.iter().any(|model| model.endpoints.contains_key("edit"))
    }

    /// What a model can, or for one that the label does not know, the API type.
    pub fn caps_of(&self, model: Option<&str>) -> &Caps {
        model.and_then(|id| self.model(id)).map_or(&self.caps, |model| &model.caps)
    }

    pub(super) fn models_well_formed(&self) -> Result<(), String> {
        let mut ids = BTreeSet::new();
        for Model { id, .. } in &self.models {
            if id.is_empty() {
                return Err(format!("the label has a model of `{}` without an id", self.id));
            }
            if !ids.insert(id) {
                return Err(format!("the label has the model `{}` twice", id.escape_debug()));
            }
        }
        Ok(())
    }
}

/// Writes out in full, in a label's JSON, what its models leave unsaid. What is not as it should be
/// stays, for the reader to refuse.
pub(super) fn spell_out(label: &mut Value) {
    let types = label.get_mut("types").and_then(Value::as_array_mut);
    for api_type in types.into_iter().flatten() {
        let caps = api_type.get("caps").and_then(Value::as_object).cloned().unwrap_or_default();
        let models = api_type.get_mut("models").and_then(Value::as_array_mut);
        for model in models.into_iter().flatten() {
            if let Value::String(id) = model {
                *model = json!({ "id": id });
            }
            if let Value::Object(model) = model {
                let own = model.remove("caps").unwrap_or_else(|| json!({}));
                model.insert("caps".to_owned(), laid_over(&caps, own));
            }
        }
    }
}

/// As JSON merge patch (RFC 7396) has it, one level deep: `null` takes a member away.
fn laid_over(below: &Map<String, Value>, above: Value) -> Value {
    let Value::Object(above) = above else { return above };
    let mut merged = below.clone();
    merged.extend(above);
    merged.retain(|_, value| !value.is_null());
    Value::Object(merged)
}
