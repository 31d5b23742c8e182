//! A good answer with one thing wrong: a member that is not there, is null or has another type, or
//! a list that is empty. Providers do this on a bad day, and in their next version.

use std::collections::VecDeque;
use std::fmt;

use serde_json::{Value, json};

/// No more changes than these to one answer. The outermost come first: they are read for certain.
const MOST: usize = 200;
/// The items of a list are alike; so many of them are changed.
const ITEMS: usize = 2;

/// One change to an answer's JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// JSON pointer of what is changed.
    at: String,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Removed,
    Null,
    OtherType,
    Emptied,
}

impl Change {
    /// The changes that are possible to this body; none where it is no JSON.
    pub(super) fn all(body: &Value) -> Vec<Self> {
        let mut changes = Vec::new();
        let mut waiting = VecDeque::from([(String::new(), body)]);
        while let Some((at, value)) = waiting.pop_front() {
            match value {
                // The gateway writes these, so their form is certain.
                Value::Object(members) if members.contains_key("$blob") => {}
                Value::Object(members) => {
                    for (key, member) in members {
                        let at = format!("{at}/{}", escaped(key));
                        changes.push(Self { at: at.clone(), how: How::Removed });
                        changes.extend(Self::to_value(&at, member));
                        waiting.push_back((at, member));
                    }
                }
                Value::Array(items) => {
                    let emptied = Self { at: at.clone(), how: How::Emptied };
                    changes.extend((!items.is_empty()).then_some(emptied));
                    for (index, item) in items.iter().take(ITEMS).enumerate() {
                        let at = format!("{at}/{index}");
                        changes.extend(Self::to_value(&at, item));
                        waiting.push_back((at, item));
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        changes.truncate(MOST);
        changes
    }

    fn to_value(at: &str, value: &Value) -> impl Iterator<Item = Self> + use<> {
        let null = (!value.is_null()).then_some(How::Null);
        let at = at.to_owned();
        null.into_iter().chain([How::OtherType]).map(move |how| Self { at: at.clone(), how })
    }

    /// The body with this change.
    pub(super) fn made_to(&self, body: &Value) -> Value {
        let mut body = body.clone();
        if self.how == How::Removed {
            self.remove(&mut body);
        } else if let Some(place) = body.pointer_mut(&self.at) {
            *place = match (self.how, place.take()) {
                (How::OtherType, Value::Array(_) | Value::Object(_)) => json!("text"),
                (How::OtherType, plain) => json!([plain]),
                (How::Emptied, _) => json!([]),
                (How::Null | How::Removed, _) => Value::Null,
            };
        }
        body
    }

    fn remove(&self, body: &mut Value) {
        let Some((parent, key)) = self.at.rsplit_once('/') else { return };
        if let Some(members) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
            members.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.at.is_empty() { "the whole list" } else { &self.at };
        f.write_str(match self.how {
            How::Removed => "answered without ",
            How::Null => "answered with null at ",
            How::OtherType => "answered with another type at ",
            How::Emptied => "answered with an empty list at ",
        })?;
        f.write_str(at)
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Change, MOST};

    #[test]
    fn changes_each_member_once_in_each_way() {
        let body = json!({ "id": "7", "a/b": { "list": [1] }, "none": null });
        let want = [
            ("answered without /id", json!({ "a/b": { "list": [1] }, "none": null })),
            (
                "answered with null at /id",
                json!({ "id": null, "a/b": { "list": [1] }, "none": null }),
            ),
            (
                "answered with another type at /id",
                json!({ "id": ["7"], "a/b": { "list": [1] }, "none": null }),
            ),
            ("answered without /a~1b", json!({ "id": "7", "none": null })),
            ("answered with null at /a~1b", json!({ "id": "7", "a/b": null, "none": null })),
            (
                "answered with another type at /a~1b",
                json!({ "id": "7", "a/b": "text", "none": null }),
            ),
            ("answered without /none", json!({ "id": "7", "a/b": { "list": [1] } })),
            (
                "answered with another type at /none",
                json!({ "id": "7", "a/b": { "list": [1] }, "none": [null] }),
            ),
            ("answered without /a~1b/list", json!({ "id": "7", "a/b": {}, "none": null })),
            (
                "answered with null at /a~1b/list",
                json!({ "id": "7", "a/b": { "list": null }, "none": null }),
            ),
            (
                "answered with another type at /a~1b/list",
                json!({ "id": "7", "a/b": { "list": "text" }, "none": null }),
            ),
            (
                "answered with an empty list at /a~1b/list",
                json!({ "id": "7", "a/b": { "list": [] }, "none": null }),
            ),
            (
                "answered with null at /a~1b/list/0",
                json!({ "id": "7", "a/b": { "list": [null] }, "none": null }),
            ),
            (
                "answered with another type at /a~1b/list/0",
                json!({ "id": "7", "a/b": { "list": [[1]] }, "none": null }),
            ),
        ];
        let changes = Change::all(&body);
        let got = changes.iter().map(|change| (change.to_string(), change.made_to(&body)));
        let want = want.map(|(name, body)| (name.to_owned(), body));
        assert_eq!(got.collect::<Vec<_>>(), want);
    }

    #[test]
    fn leaves_handles_alone_and_is_bounded() {
        let handle = json!([{ "$blob": 0, "bytes": 9 }]);
        assert_eq!(Change::all(&handle).len(), 3);
        let mut wide = json!({});
        for n in 0..1_000 {
            wide[n.to_string()] = json!(n);
        }
        assert_eq!(Change::all(&wide).len(), MOST);
        assert!(Change::all(&json!("text")).is_empty());
    }
}
