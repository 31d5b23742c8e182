//! What is asked of a key, field by field. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::admin::folder::entry::known;
use crate::api::ApiError;
use crate::catalog::document::nearest;
use crate::catalog::key::rules::{self, Unfit};
use crate::catalog::key::{Expiry, Limits, NewKey, Scope, shown};
use crate::clock::Ms;

/// Every field there is.
const FIELDS: [&str; 4] = ["name", "scopes", "limits", "expires"];
/// Of `limits`.
const LIMITS: [&str; 2] = ["per_minute", "concurrency"];

/// A name that is longer is not repeated.
const LONGEST_SCOPE: usize = 24;

/// What is asked for; what is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wish {
    name: Option<String>,
    scopes: Option<BTreeSet<Scope>>,
    /// 0 for none.
    per_minute: Option<u32>,
    concurrency: Option<u32>,
    expires: Option<Option<Expiry>>,
}

impl Wish {
    /// Reads an object. `null` asks for what a key has that says nothing of it: every scope, no limit,
    /// no end.
    ///
    /// # Errors
    /// When a field is unknown or cannot be so.
    pub(super) fn read(mut fields: Map<String, Value>, now: Ms) -> Result<Self, ApiError> {
        let name = fields.remove("name").map(|value| name(&value)).transpose()?;
        let scopes = fields.remove("scopes").map(|value| scopes(&value)).transpose()?;
        let expires = fields.remove("expires").map(|value| expires(&value, now)).transpose()?;
        let mut limits = match fields.remove("limits") {
            None => Map::new(),
            Some(Value::Null) => {
                LIMITS.map(|name| (name.to_owned(), Value::Null)).into_iter().collect()
            }
            Some(Value::Object(limits)) => limits,
            Some(_) => {
                let message = "`limits` is an object such as {\"per_minute\": 60}";
                return Err(ApiError::invalid("limits", message));
            }
        };
        let [per_minute, concurrency] = LIMITS.map(|name| limit(name, limits.remove(name)));
        let (per_minute, concurrency) = (per_minute?, concurrency?);
        fields.keys().try_for_each(|name| known("", name, &FIELDS))?;
        limits.keys().try_for_each(|name| known("limits.", name, &LIMITS))?;
        Ok(Self { name, scopes, per_minute, concurrency, expires })
    }

    /// What a new key is to be.
    ///
    /// # Errors
    /// When it has no name.
    pub(super) fn new_key(self) -> Result<NewKey, ApiError> {
        let limits = Limits {
            per_minute: self.per_minute.unwrap_or_default(),
            concurrency: self.concurrency.unwrap_or_default(),
        };
        Ok(NewKey {
            name: self.name.ok_or_else(|| unfit("name", Unfit::Name))?,
            scopes: self.scopes.unwrap_or_else(|| Scope::ALL.into()),
            limits,
            expires: self.expires.flatten(),
        })
    }

    /// What is to change in a key's table, as a merge (RFC 7396).
    pub(super) fn patch(&self) -> Map<String, Value> {
        let mut patch = Map::new();
        let mut set = |name: &str, value: Value| drop(patch.insert(name.to_owned(), value));
        if let Some(name) = &self.name {
            set("name", json!(name));
        }
        if let Some(scopes) = &self.scopes {
            set("scopes", json!(scopes));
        }
        let asked = LIMITS.into_iter().zip([self.per_minute, self.concurrency]);
        let limits: Map<String, Value> = asked
            .filter_map(|(name, limit)| Some((name.to_owned(), none_at_zero(limit?))))
            .collect();
        if !limits.is_empty() {
            set("limits", Value::Object(limits));
        }
        if let Some(expires) = self.expires {
            set("expires", expires.map_or(Value::Null, |expiry| json!(shown(expiry.at()))));
        }
        patch
    }
}

fn none_at_zero(limit: u32) -> Value {
    if limit == 0 { Value::Null } else { json!(limit) }
}

fn name(value: &Value) -> Result<String, ApiError> {
    let name = value.as_str().ok_or(Unfit::Name).and_then(rules::name);
    name.map_err(|why| unfit("name", why))
}

fn scopes(value: &Value) -> Result<BTreeSet<Scope>, ApiError> {
    match value {
        Value::Null => Ok(Scope::ALL.into()),
        Value::Array(named) if !named.is_empty() => named.iter().map(scope).collect(),
        _ => Err(unfit("scopes", Unfit::Scopes)),
    }
}

fn scope(value: &Value) -> Result<Scope, ApiError> {
    let name = value.as_str().ok_or_else(|| unfit("scopes", Unfit::Scopes))?;
    rules::scope(name).map_err(|_| {
        let all = Scope::ALL.map(Scope::as_str);
        let hint = match nearest(name, all.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are: {}", all.join(", ")),
        };
        // What is longer than any scope is something else, such as somebody's key.
        let which = match name.len() {
            0..=LONGEST_SCOPE => format!("no scope `{}`", name.escape_debug()),
            _ => "no such scope".to_owned(),
        };
        ApiError::invalid("scopes", format!("there is {which}; {hint}"))
    })
}

fn limit(name: &str, value: Option<Value>) -> Result<Option<u32>, ApiError> {
    let limit = match value {
        None => return Ok(None),
        Some(Value::Null) => Ok(0),
        Some(value) => value.as_u64().ok_or(Unfit::Limit).and_then(rules::limit),
    };
    limit.map(Some).map_err(|why| unfit(&format!("limits.{name}"), why))
}

fn expires(value: &Value, now: Ms) -> Result<Option<Expiry>, ApiError> {
    let expiry = match value {
        Value::Null => return Ok(None),
        value => value.as_str().ok_or(Unfit::Expiry).and_then(|text| rules::expiry(text, now)),
    };
    expiry.map(Some).map_err(|why| unfit("expires", why))
}

fn unfit(param: &str, why: Unfit) -> ApiError {
    ApiError::invalid(param, format!("`{param}`: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Ms = 1_800_000_000_000; // 2027-01-15T08:00:00Z

    fn read(value: &Value) -> Result<Wish, ApiError> {
        Wish::read(value.as_object().unwrap().clone(), NOW)
    }

    #[test]
    fn a_new_key_has_what_is_asked_for_and_else_no_bounds() {
        let plain = read(&json!({ "name": " app " })).unwrap().new_key().unwrap();
        assert_eq!((plain.name.as_str(), plain.scopes), ("app", Scope::ALL.into()));
        assert_eq!((plain.limits, plain.expires), (Limits::default(), None));
        let full = read(&json!({
            "name": "app", "scopes": ["read", "models"],
            "limits": { "per_minute": 6, "concurrency": 2 }, "expires": "90d",
        }));
        let full = full.unwrap().new_key().unwrap();
        assert_eq!(full.scopes, [Scope::Read, Scope::Models].into());
        assert_eq!(full.limits, Limits { per_minute: 6, concurrency: 2 });
        assert_eq!(full.expires.map(Expiry::at), Some(NOW + 90 * 86_400_000));
        assert_eq!(read(&json!({})).unwrap().new_key().unwrap_err().names(), MISSING);
    }

    const MISSING: (&str, Option<&str>) = ("invalid_value", Some("name"));

    #[test]
    fn a_patch_names_what_changes_and_nothing_else() {
        for (asked, want) in [
            (json!({}), json!({})),
            (json!({ "name": " b " }), json!({ "name": "b" })),
            (json!({ "scopes": ["read"] }), json!({ "scopes": ["read"] })),
            (json!({ "scopes": null }), json!({ "scopes": ["edit", "read", "models"] })),
            (json!({ "limits": { "per_minute": 6 } }), json!({ "limits": { "per_minute": 6 } })),
            (
                json!({ "limits": { "concurrency": 0 } }),
                json!({ "limits": { "concurrency": null } }),
            ),
            (
                json!({ "limits": null }),
                json!({ "limits": { "per_minute": null, "concurrency": null } }),
            ),
            (json!({ "expires": null }), json!({ "expires": null })),
            (json!({ "expires": "2027-01-16" }), json!({ "expires": "2027-01-17T00:00:00Z" })),
        ] {
            let patch = Value::Object(read(&asked).unwrap().patch());
            assert_eq!(patch, want, "{asked}");
        }
    }

    #[test]
    fn names_the_scope_there_is_not() {
        let key = format!("rt_live_{}", "0".repeat(38));
        for (name, want) in [
            ("foo", "no scope `foo`; known are: edit, read, models"),
            ("model", "no scope `model`; did you mean `models`?"),
            (&key, "no such scope; known are: "),
        ] {
            let error = format!("{:?}", read(&json!({ "scopes": ["read", name] })).unwrap_err());
            assert!(error.contains(want) && !error.contains(&key), "{error}");
        }
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        for (asked, code, param) in [
            (json!({ "name": "" }), "invalid_value", "name"),
            (json!({ "name": null }), "invalid_value", "name"),
            (json!({ "name": 3 }), "invalid_value", "name"),
            (json!({ "scopes": [] }), "invalid_value", "scopes"),
            (json!({ "scopes": "edit" }), "invalid_value", "scopes"),
            (json!({ "scopes": ["edit", "write"] }), "invalid_value", "scopes"),
            (json!({ "limits": 3 }), "invalid_value", "limits"),
            (json!({ "limits": { "per_minute": -1 } }), "invalid_value", "limits.per_minute"),
            (json!({ "limits": { "per_minute": 1.5 } }), "invalid_value", "limits.per_minute"),
            (
                json!({ "limits": { "concurrency": 1_000_001 } }),
                "invalid_value",
                "limits.concurrency",
            ),
            (json!({ "limits": { "concurency": 1 } }), "unknown_parameter", "limits.concurency"),
            (json!({ "expires": "2020-01-01" }), "invalid_value", "expires"),
            (json!({ "expires": 1_900_000_000 }), "invalid_value", "expires"),
            (json!({ "id": "key_1" }), "unknown_parameter", "id"),
        ] {
            let error = read(&asked).unwrap_err();
            assert_eq!(error.names(), (code, Some(param)), "{asked}");
        }
    }
}
