//! What a key's record shows beside what can be set. Whoever sends a record back as they got it means
//! nothing by it; what is not as it was is refused rather than ignored, as somebody thinks it counts.
//! Pure.

use serde_json::{Map, Value, json};

use crate::api::ApiError;
use crate::catalog::key::{Key, Standing};
use crate::clock::Ms;

/// Every such field.
const SHOWN: [&str; 7] =
    ["object", "id", "prefix", "created_at", "expires_at", "revoked_at", "state"];

/// What was sent back of it.
#[derive(Debug)]
pub(super) struct Echo(Vec<(&'static str, Value)>);

impl Echo {
    /// Takes it out of what was sent.
    pub(super) fn out_of(fields: &mut Map<String, Value>) -> Self {
        let taken = SHOWN.into_iter().filter_map(|name| Some((name, fields.remove(name)?)));
        Self(taken.collect())
    }

    /// Whether it is what the key has.
    ///
    /// # Errors
    /// Names what is not, and what to do instead.
    pub(super) fn check(&self, key: &Key, now: Ms) -> Result<(), ApiError> {
        let record = key.record(now);
        let differs = |(name, value): &&(&str, Value)| {
            record.get(name) != Some(value) && !(*name == "state" && is_of_time(value, key))
        };
        let Some((name, _)) = self.0.iter().find(differs) else { return Ok(()) };
        let mend = match *name {
            "expires_at" => "write `expires`, such as \"90d\", or null for no end",
            "revoked_at" | "state" => "a key is taken back by POST /admin/api/keys/{id}/revoke",
            _ => "it stays as it is for as long as there is the key",
        };
        Err(ApiError::invalid(name, format!("`{name}` cannot be set; {mend}")))
    }
}

/// Whether only time is between that state and the key's.
fn is_of_time(state: &Value, key: &Key) -> bool {
    let states = [Standing::Active, Standing::Expired].map(|state| json!(state.as_str()));
    key.revoked.is_none() && states.contains(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::key::{Limits, Scope};

    const NOW: Ms = 1_800_000_000_000;

    #[test]
    fn what_is_shown_may_come_back_and_nothing_else() {
        let key = Key {
            id: "key_a".to_owned(),
            name: "a".to_owned(),
            prefix: "rt_live_abcd".to_owned(),
            scopes: Scope::ALL.into(),
            limits: Limits::default(),
            created: Some(NOW),
            expires: Some(NOW + 1_000),
            revoked: None,
        };
        let sent = |fields: Value| {
            let mut fields = fields.as_object().unwrap().clone();
            let checked = Echo::out_of(&mut fields).check(&key, NOW);
            (checked.map_err(|error| error.names().1.unwrap().to_owned()), fields)
        };
        let (checked, left) = sent(key.record(NOW));
        assert_eq!(checked, Ok(()));
        assert!(left.len() == 3 && left.contains_key("name"), "{left:?}");
        for (fields, wrong) in [
            (json!({ "state": "expired" }), None),
            (json!({ "state": "revoked" }), Some("state")),
            (json!({ "id": "key_b" }), Some("id")),
            (json!({ "expires_at": null }), Some("expires_at")),
            (json!({ "expires_at": 1_900_000_000 }), Some("expires_at")),
            (json!({ "revoked_at": 1_800_000_000 }), Some("revoked_at")),
        ] {
            assert_eq!(sent(fields.clone()).0.err().as_deref(), wrong, "{fields}");
        }
    }
}
