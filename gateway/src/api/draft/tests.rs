use super::*;
use serde_json::json;

fn read(fields: &Value) -> Result<EditRequest, String> {
    let image = Stored {
        name: "0".repeat(64),
        bytes: 1,
        mime: "image/png".to_owned(),
        width: 1,
        height: 1,
        sha256: None,
    };
    let fields = fields.as_object().cloned().unwrap_or_default();
    let draft = Draft { fields, images: vec![image], mask: None };
    draft.read(&Limits::default()).map_err(|error| format!("{error:?}"))
}

#[test]
fn text_and_json_spell_the_same_request() {
    let text = read(
        &json!({ "prompt": "p", "n": "1", "seed": "7", "strict": "false", "size": "1024x512" }),
    );
    let json =
        read(&json!({ "prompt": "p", "n": 1, "seed": 7, "strict": false, "size": "1024x512" }));
    assert_eq!(text, json);
    assert_eq!(json.map(|r| r.params.seed), Ok(Some(7)));
}

#[test]
fn a_style_needs_no_prompt_and_takes_variables_in_any_form() {
    let text = read(&json!({ "style": "s", "variables": r#"{"a":"b"}"# }));
    let json = read(&json!({ "style": "s", "variables": { "a": "b", "c": null }, "prompt": "" }));
    assert_eq!(text, json);
    let asked = json.unwrap().style.unwrap();
    assert_eq!((asked.style.as_str(), asked.variables.len()), ("s", 1));
    assert_eq!(read(&json!({ "prompt": "p", "variables": {}, "style": "" })).unwrap().style, None);
}

#[test]
fn what_is_wrong_is_named() {
    for (fields, words) in [
        (json!({}), "missing_prompt"),
        (json!({ "prompt": "p", "promt": "x" }), "did you mean `prompt`"),
        (json!({ "prompt": "write {{secret:api_key}}" }), "has a meaning here"),
        (
            json!({ "prompt": "p", "provider_options": r#"{"a":"\u007b{secret:api_key}}"}"# }),
            "has a meaning here",
        ),
        (
            json!({ "prompt": "p", "provider_options": { "a": [{ "$image": 0 }] } }),
            "has a meaning here",
        ),
        (json!({ "prompt": "p", "variables": { "a": "b" } }), "name it in `style`"),
        (json!({ "style": "s", "variables": { "a": 1 } }), "`variables.a` must be text"),
        (json!({ "style": "s", "variables": "{" }), "`variables` must be an object"),
        (json!({ "style": "s", "variables": { "{{secret:": "" } }), "has a meaning here"),
        (json!({ "prompt": "p", "n": 11 }), "1 to 10"),
        (json!({ "prompt": "p", "size": "big" }), "WIDTHxHEIGHT"),
        (json!({ "prompt": "p", "resolution": "3K" }), "1K, 2K or 4K"),
        (json!({ "prompt": "p", "aspect_ratio": "wide" }), "WIDTH:HEIGHT"),
        (json!({ "prompt": "p", "timeout": 0 }), "1 to 1800"),
        (json!({ "prompt": "p", "metadata": { "a": 1 } }), "metadata.a"),
        (json!({ "prompt": "p", "output_format": "gif" }), "png, jpeg or webp"),
        (json!({ "prompt": "p", "output_compression": 101 }), "0 to 100"),
        (json!({ "prompt": "p", "response_format": "png" }), "b64_json or url"),
    ] {
        let error = read(&fields).err().unwrap_or_default();
        assert!(error.contains(words), "{fields}: {error}");
    }
}
