//! Whether a `label.json` says all that the gateway and its users want to know.

use std::path::Path;

use serde_json::Value;

use super::fixture::read;
use crate::ApiType;

/// Fails the test with everything that the `label.json` of a crate lacks.
pub fn label_is_complete<T: ApiType>(manifest_dir: &str) {
    let file = Path::new(manifest_dir).join("label.json");
    let label: Value = match serde_json::from_str(&read(&file)) {
        Ok(label) => label,
        Err(error) => panic!("{} is no JSON: {error}", file.display()),
    };
    let lacks = lacks(&label, T::ID);
    assert!(lacks.is_empty(), "{} is not complete:\n  {}", file.display(), lacks.join("\n  "));
}

fn lacks(label: &Value, id: &str) -> Vec<String> {
    let mut lacks = Vec::new();
    let mut want = |fits: bool, member: &str, mend: &str| {
        if !fits {
            lacks.push(format!("`{member}`: {mend}"));
        }
    };
    want(is_text(&label["id"]), "id", "write the plugin's id, such as \"acme\"");
    want(is_version(&label["version"]), "version", "write the plugin's, such as \"1.0.0\"");
    want(is_text(&label["vendor"]), "vendor", "write who runs the service, such as \"Acme\"");
    let hosts = "list the hosts that may get the key besides the provider's own, or write []";
    want(label["hosts"].is_array(), "hosts", hosts);
    let types = label["types"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = types.iter().any(|one| one["id"] == id);
    want(named, "types", &format!("no API type there has the id \"{id}\""));
    for (n, one) in types.iter().enumerate() {
        want(is_text(&one["id"]), &format!("types[{n}].id"), "write the type's ApiType::ID");
        for language in ["zh", "en"] {
            let member = format!("types[{n}].name.{language}");
            want(is_text(&one["name"][language]), &member, "write what a person shall see");
        }
        let member = format!("types[{n}].defaults.hosts.domestic");
        let mend = "write the usual address, such as \"https://api.acme.example\", or \"\" where \
                    each account has its own";
        want(is_address(&one["defaults"]["hosts"]["domestic"]), &member, mend);
    }
    lacks
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn is_version(value: &Value) -> bool {
    let numbers = value.as_str().map(|text| text.split('.').map(str::parse::<u32>));
    numbers.is_some_and(|n| n.clone().count() == 3 && n.into_iter().all(|n| n.is_ok()))
}

fn is_address(value: &Value) -> bool {
    let starts = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    value.as_str().is_some_and(|text| text.is_empty() || starts(text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::lacks;

    fn label() -> Value {
        json!({
            "id": "acme", "version": "1.0.0", "vendor": "Acme", "hosts": [],
            "types": [{ "id": "acme-edit", "name": { "zh": "图片编辑", "en": "image edit" },
                        "defaults": { "hosts": { "domestic": "https://api.acme.example" } } }]
        })
    }

    #[test]
    fn takes_a_complete_label() {
        assert_eq!(lacks(&label(), "acme-edit"), [""; 0]);
        let mut own_addresses = label();
        own_addresses["types"][0]["defaults"]["hosts"]["domestic"] = json!("");
        assert_eq!(lacks(&own_addresses, "acme-edit"), [""; 0]);
    }

    #[test]
    fn names_each_member_that_is_missing_or_wrong() {
        let wrong = [
            ("/id", json!(""), "`id`"),
            ("/version", json!("1.0"), "`version`"),
            ("/vendor", Value::Null, "`vendor`"),
            ("/hosts", Value::Null, "`hosts`"),
            ("/types", json!([]), "`types`"),
            ("/types/0/id", json!("acme-edit-2"), "`types`"),
            ("/types/0/name/zh", Value::Null, "`types[0].name.zh`"),
            ("/types/0/name/en", json!(" "), "`types[0].name.en`"),
            ("/types/0/defaults/hosts", json!({}), "`types[0].defaults.hosts.domestic`"),
            (
                "/types/0/defaults/hosts/domestic",
                json!("acme"),
                "`types[0].defaults.hosts.domestic`",
            ),
        ];
        for (pointer, value, member) in wrong {
            let mut label = label();
            *label.pointer_mut(pointer).unwrap() = value;
            let lacks = lacks(&label, "acme-edit");
            assert_eq!(lacks.len(), 1, "{lacks:?}");
            assert!(lacks[0].starts_with(member), "{lacks:?}");
        }
    }
}
