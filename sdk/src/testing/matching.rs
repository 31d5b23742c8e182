//! How an expectation in JSON is compared with what is there.

use serde_json::Value;

/// Where `found` lacks what `wanted` asks for, or `None` when it has it all. An object may have
/// more fields than asked for, `null` is as good as absent, and an array must match item by item.
pub(super) fn lacks(found: &Value, wanted: &Value) -> Option<String> {
    differs("", found, wanted)
}

fn differs(at: &str, found: &Value, wanted: &Value) -> Option<String> {
    match (found, wanted) {
        (Value::Object(have), Value::Object(want)) => want.iter().find_map(|(key, want)| {
            differs(&format!("{at}/{key}"), have.get(key).unwrap_or(&Value::Null), want)
        }),
        (Value::Array(have), Value::Array(want)) if have.len() == want.len() => {
            let pairs = have.iter().zip(want).enumerate();
            pairs
                .into_iter()
                .find_map(|(n, (have, want))| differs(&format!("{at}/{n}"), have, want))
        }
        (found, wanted) if found == wanted => None,
        (found, wanted) => {
            let at = if at.is_empty() { "the value" } else { at };
            Some(format!("{at} is {found}, expected {wanted}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lacks;

    #[test]
    fn asks_for_a_part_of_objects_and_the_whole_of_lists() {
        for (found, wanted, matches) in [
            (json!({"a": 1, "b": 2}), json!({"a": 1}), true),
            (json!({"a": 1}), json!({"a": 1, "b": null}), true),
            (json!({"a": {"b": [1, {"c": 2, "d": 3}]}}), json!({"a": {"b": [1, {"c": 2}]}}), true),
            (json!({"a": 1}), json!({"a": "1"}), false),
            (json!([1, 2]), json!([1]), false),
            (json!({"a": null}), json!({"a": 1}), false),
        ] {
            assert_eq!(lacks(&found, &wanted).is_none(), matches, "{found} and {wanted}");
        }
    }

    #[test]
    fn names_the_place() {
        let lack = lacks(&json!({"a": [{"b": 1}]}), &json!({"a": [{"b": 2}]}));
        assert_eq!(lack.as_deref(), Some("/a/0/b is 1, expected 2"));
    }
}
