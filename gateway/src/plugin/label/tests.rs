use serde_json::{Value, json};

use super::*;

fn smallest() -> Value {
    json!({ "abi": 1, "id": "acme.images", "version": "1.4.0", "types": [{ "id": "acme-edit" }] })
}

fn with(change: &Value) -> Vec<u8> {
    let mut label = smallest();
    for (member, value) in change.as_object().unwrap() {
        label[member] = value.clone();
    }
    serde_json::to_vec(&label).unwrap()
}

fn models(models: &Value) -> Value {
    json!({ "types": [{ "id": "a", "models": models }] })
}

#[test]
fn fills_in_what_a_small_label_leaves_out() {
    let label = Label::parse(&with(&json!({}))).unwrap();
    assert_eq!(label.envelope, [1, 1]);
    assert_eq!(label.state, StateVersions { writes: 1, reads: vec![1] });
    assert_eq!(label.types[0].caps, Caps::default());
    assert_eq!(label.fit(), Ok(()));
}

#[test]
fn reads_everything_a_label_can_say() {
    let label = Label::parse(&with(&json!({
        "vendor": "Acme", "hosts": ["api.acme.example"], "newer": { "member": true },
        "types": [{
            "id": "acme-edit", "name": { "zh": "图", "en": "Images" },
            "models": ["acme-1", {
                "id": "acme-2", "endpoints": { "edit": "/v2/edit" },
                "caps": { "max_images": 1, "mimes": null, "n": 4 },
            }, { "id": "x", "endpoints": { "edit": "/x" } }, { "id": "y", "endpoints": { "edit": "/x" } }],
            "defaults": {
                "hosts": { "domestic": "https://api.acme.example" },
                "endpoints": { "edit": "/v1/edit", "upload": "" },
                "model": "acme-1", "limits": { "concurrency": 3, "timeout": "10m" },
            },
            "schema": { "type": "object" },
            "caps": { "max_images": 5, "mimes": ["image/png"], "not_accepted_503": true },
        }],
    })))
    .unwrap();
    let api_type = &label.types[0];
    assert_eq!(api_type.name.in_language("zh"), "图");
    assert_eq!(api_type.name.in_language("de"), "Images");
    assert_eq!(api_type.defaults.endpoints["edit"], "/v1/edit");
    assert_eq!(api_type.defaults.limits.concurrency, Some(3));
    assert_eq!(api_type.caps.max_images, Some(5));
    assert!(api_type.caps.not_accepted_503 && !api_type.caps.cancel);
    assert_eq!(api_type.model("acme-1").map(|model| &model.caps), Some(&api_type.caps));
    let second = Caps { max_images: Some(1), mimes: vec![], n: 4, ..api_type.caps.clone() };
    assert_eq!(api_type.model_at("/v2/edit").map(|model| &model.caps), Some(&second));
    assert_eq!(api_type.caps_of(Some("acme-2")), &second);
    assert_eq!(api_type.caps_of(Some("acme-3")), &api_type.caps);
    assert!(api_type.names_models_by_path() && api_type.model_at("/v1/edit").is_none());
    assert!(api_type.model_at("/x").is_none(), "two models share it");
}

#[test]
fn survives_being_written_and_read() {
    let label = Label::parse(&with(&json!({
        "types": [{ "id": "acme-edit", "models": ["a", { "id": "b", "caps": { "n": 2 } }] }],
    })));
    let label = label.unwrap();
    let again = Label::parse(&serde_json::to_vec(&label).unwrap());
    assert_eq!(again, Ok(label));
}

#[test]
fn refuses_in_words_that_name_the_member() {
    let long = "a".repeat(MAX_ID + 1);
    let cases = [
        (json!({ "abi": 2 }), "ABI 2, this gateway speaks 1", "newer Retouch"),
        (json!({ "abi": 0 }), "ABI 0, this gateway speaks 1", "newer version of the plugin"),
        (json!({ "abi": 2, "types": "other" }), "ABI 2", "newer Retouch"),
        (json!({ "id": "Acme" }), "id `Acme`", "label.json"),
        (json!({ "id": "" }), "id ``", "label.json"),
        (json!({ "id": long }), "is no plugin id", "label.json"),
        (json!({ "id": "a\nb" }), r"id `a\nb`", "label.json"),
        (json!({ "version": "1.4" }), "version `1.4`", "label.json"),
        (json!({ "version": 1 }), "invalid type", "label.json"),
        (json!({ "types": [] }), "types are empty", "label.json"),
        (json!({ "types": [{ "id": "a.b" }] }), "`a.b` is no API type id", "label.json"),
        (json!({ "types": [{ "id": "a" }, { "id": "a" }] }), "type `a` twice", "label.json"),
        (models(&json!(["m", "m"])), "model `m` twice", "label.json"),
        (models(&json!([""])), "model of `a` without an id", "label.json"),
        (models(&json!([{ "endpoints": {} }])), "without an id", "label.json"),
        (models(&json!([7])), "invalid type", "label.json"),
        (models(&json!([{ "id": "m", "caps": { "n": "two" } }])), "invalid type", "label.json"),
    ];
    for (change, what, mend) in cases {
        let fault = Label::parse(&with(&change)).unwrap_err();
        assert!(fault.what.contains(what), "{change}: {}", fault.what);
        assert!(fault.mend.contains(mend), "{change}: {}", fault.mend);
    }
    assert!(Label::parse(b"{").unwrap_err().what.contains("cannot be read"));
    assert!(Label::parse(b"{\"abi\":1}").unwrap_err().what.contains("missing field `id`"));
}

#[test]
fn does_not_fit_what_this_gateway_cannot_run() {
    let cases = [
        (json!({ "panic": "abort" }), "panic = \"abort\"", "[profile.release]"),
        (json!({ "target": "pdp11-unix" }), "was built for pdp11-unix", "build it for"),
        (json!({ "envelope": [2, 3] }), "envelope 2 to 3", "newer Retouch"),
        (json!({ "envelope": [0, 0] }), "envelope 0 to 0", "newer version of the plugin"),
    ];
    for (change, what, mend) in cases {
        let fault = Label::parse(&with(&change)).unwrap().fit().unwrap_err();
        assert!(fault.what.contains(what), "{}", fault.what);
        assert!(fault.mend.contains(mend), "{}", fault.mend);
    }
}
