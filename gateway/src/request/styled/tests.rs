//! Requests in styles, over tables: what is asked of a provider, what is refused, what stays the same.

use std::path::Path;

use proptest::prelude::*;
use retouch_sdk::Size;
use serde_json::{Value, json};

use super::*;

/// Far more than any of these prompts has.
const MOST: usize = 1_000;

fn style(text: &str) -> StyleFile {
    let (style, problems) = StyleFile::parse(Path::new("styles/oil.toml"), text);
    assert!(problems.iter().all(|problem| !problem.is_error()), "{problems:?}");
    style.unwrap()
}

/// A request for that style; `fields` are the canonical request's own.
fn request(prompt: &str, variables: &Value, fields: &Value) -> EditRequest {
    let asked = json!({ "style": "oil", "variables": variables });
    let mut all = json!({ "prompt": prompt, "n": 1, "style": asked });
    let all_fields = all.as_object_mut().unwrap();
    all_fields.extend(fields.as_object().cloned().unwrap());
    serde_json::from_value(all).unwrap()
}

fn styled(text: &str, request: EditRequest) -> Result<EditRequest, NotStyled> {
    request.in_style(&[style(text)], MOST)
}

const OIL: &str = "name = 'Oil painting'\nprompt = 'oil, {mood}, by {who}: {prompt}'\n[variables]\nmood = 'warm'\n";

#[test]
fn words_come_to_their_places() {
    for (text, prompt, variables, expected) in [
        (OIL, "a cat", json!({ "who": "me" }), "oil, warm, by me: a cat"),
        (OIL, "a cat", json!({ "who": "me", "mood": "cold" }), "oil, cold, by me: a cat"),
        (OIL, "a cat", json!({ "who": "", "mood": "" }), "oil, , by : a cat"),
        (OIL, "{who} {{x}}", json!({ "who": "{prompt}" }), "oil, warm, by {prompt}: {who} {{x}}"),
        ("name = 'n'", "a cat", json!({}), "a cat"),
        ("name = 'n'\nprompt = 'line art'", "", json!({}), "line art"),
        ("name = 'n'\nprompt = '{氛围}'", "", json!({ "氛围": "暖" }), "暖"),
    ] {
        let styled = styled(text, request(prompt, &variables, &json!({})));
        assert_eq!(styled.map(|r| r.prompt), Ok(expected.to_owned()), "{text} {variables}");
    }
}

#[test]
fn what_does_not_go_with_the_style_is_named() {
    let id = || "oil".to_owned();
    let stray = |name: &str, hint: &str| NotStyled::Stray {
        style: id(),
        name: name.to_owned(),
        hint: hint.to_owned(),
    };
    for (text, prompt, variables, expected) in [
        (OIL, "x", json!({}), NotStyled::Missing { style: id(), name: "who".to_owned() }),
        (OIL, " ", json!({ "who": "me" }), NotStyled::Prompt { style: id() }),
        (OIL, "x", json!({ "who": "me", "mod": "m" }), stray("mod", "did you mean `mood`?")),
        (OIL, "x", json!({ "who": "", "sunset": "" }), stray("sunset", "there are: mood, who")),
        (
            OIL,
            "x",
            json!({ "who": "", "prompt": "" }),
            stray("prompt", "write it as the field `prompt`"),
        ),
        ("name = 'n'", "x", json!({ "a": "" }), stray("a", "there are: none")),
        ("name = 'n'\nprompt = '{a}'", "", json!({ "a": " " }), NotStyled::Prompt { style: id() }),
        (
            "name = 'n'\nprompt = '{a}secret:api_key}}'",
            "",
            json!({ "a": "{{" }),
            NotStyled::Reserved { style: id() },
        ),
        (
            "name = 'n'\nprompt = '{a}{a}'",
            "",
            json!({ "a": "é".repeat(501) }),
            NotStyled::TooLong { style: id(), length: 1_002, most: MOST },
        ),
    ] {
        let refused = styled(text, request(prompt, &variables, &json!({})));
        assert_eq!(refused, Err(expected), "{text} {variables}");
    }
}

#[test]
fn a_style_is_found_by_id_before_name() {
    let styles = [("a", "b"), ("b", "c")].map(|(id, name)| {
        let text = format!("name = '{name}'\nprompt = 'style {id}'\nlocked = ['prompt']");
        StyleFile::parse(Path::new(&format!("{id}.toml")), &text).0.unwrap()
    });
    let asked = |style: &str| {
        let style = Some(Asked { style: style.to_owned(), ..Asked::default() });
        EditRequest { style, ..EditRequest::default() }.in_style(&styles, MOST)
    };
    assert_eq!(asked("b").unwrap().prompt, "style b");
    assert_eq!(asked("c").unwrap().prompt, "style b");
    let told = asked("d").unwrap_err().to_string();
    assert_eq!(told, "no style is called 'd'; there are: a, b");
}

const FIELDS: &str = "name = 'n'\nmodel = 'm'\nprovider = 'p'\nresolution = '2k'\n\
    aspect_ratio = '3:4'\nnegative_prompt = 'blur'\noutput_format = 'jpg'\n";
const LOCKED: &str = "locked = ['model', 'provider', 'resolution', 'aspect_ratio', \
    'negative_prompt', 'output_format']";

#[test]
fn a_style_fills_what_the_client_left_open() {
    let filled = styled(FIELDS, request("x", &json!({}), &json!({}))).unwrap();
    assert_eq!((filled.model.as_deref(), filled.provider.as_deref()), (Some("m"), None));
    let params = json!({ "resolution": "2K", "aspect_ratio": "3:4", "negative_prompt": "blur",
        "output_format": "jpeg" });
    assert_eq!(json!(filled.params), params);
    let styled = filled.styled.unwrap();
    assert_eq!((styled.prefers.as_deref(), styled.sets_model), (Some("p"), true));
    assert!(styled.overruled.is_empty());
}

#[test]
fn what_the_client_gives_wins_unless_it_is_locked() {
    let given = || {
        json!({ "model": "mine", "provider": "own", "params": {
            "resolution": "4K", "aspect_ratio": "1:1", "negative_prompt": "", "output_format": "png" } })
    };
    let free = styled(FIELDS, request("x", &json!({}), &given())).unwrap();
    assert_eq!((free.model.as_deref(), free.provider.as_deref()), (Some("mine"), Some("own")));
    assert_eq!(json!(free.params), given()["params"]);
    assert!(free.overruled().is_empty());

    let locked = format!("{FIELDS}{LOCKED}");
    let tied = styled(&locked, request("x", &json!({}), &given())).unwrap();
    assert_eq!((tied.model.as_deref(), tied.provider.as_deref()), (Some("m"), None));
    assert_eq!(tied.params.resolution.as_deref(), Some("2K"));
    let all =
        ["model", "provider", "resolution", "aspect_ratio", "negative_prompt", "output_format"];
    assert_eq!(tied.overruled(), all);

    let same = json!({ "model": "m", "provider": "p", "params": { "resolution": "2K" } });
    let agreed = styled(&locked, request("x", &json!({}), &same)).unwrap();
    assert!(agreed.overruled().is_empty(), "{:?}", agreed.overruled());
}

#[test]
fn strictly_nothing_is_overruled() {
    let fixed = "name = 'n'\nprompt = 'line art'\nlocked = ['prompt']";
    let locked = |field| Err(NotStyled::Locked { style: "oil".to_owned(), field });
    let strict = |model: Value| json!({ "strict": true, "model": model });
    let refused = styled(fixed, request("a cat", &json!({}), &strict(Value::Null)));
    assert_eq!(refused, locked("prompt"));
    let text = format!("{FIELDS}{LOCKED}");
    assert_eq!(styled(&text, request("x", &json!({}), &strict(json!("b")))), locked("model"));
    assert!(styled(&text, request("x", &json!({}), &strict(json!("m")))).is_ok());

    let lenient = styled(fixed, request("a cat", &json!({}), &json!({}))).unwrap();
    assert_eq!(
        (lenient.prompt.as_str(), lenient.overruled()),
        ("line art", &["prompt".to_owned()][..])
    );
}

#[test]
fn an_exact_size_stands_for_resolution_and_shape() {
    let size = json!({ "params": { "size": { "width": 640, "height": 480 } } });
    let free = styled(FIELDS, request("x", &json!({}), &size)).unwrap();
    assert_eq!(free.params.size, Some(Size { width: 640, height: 480 }));
    assert_eq!((free.params.resolution, free.params.aspect_ratio), (None, None));

    let locked = format!("{FIELDS}locked = ['aspect_ratio']");
    let tied = styled(&locked, request("x", &json!({}), &size)).unwrap();
    assert_eq!(tied.overruled(), ["size"]);
    assert_eq!((tied.params.size, tied.params.aspect_ratio.as_deref()), (None, Some("3:4")));
}

#[test]
fn without_a_style_a_request_stays_what_it_was() {
    let plain = EditRequest { prompt: "{mood} {{".to_owned(), ..EditRequest::default() };
    assert_eq!(plain.clone().in_style(&[style(OIL)], 1), Ok(plain.clone()));
    let written = serde_json::to_value(&plain).unwrap();
    let fields = written.as_object().unwrap();
    assert!(!fields.contains_key("style") && !fields.contains_key("styled"), "{written}");
}

proptest! {
    /// What a client sent is the same request in any version of its style, also after the store.
    #[test]
    fn the_fingerprint_is_of_what_the_client_sent(
        prompt in "[a-z {}]{1,12}",
        who in "[a-z{}]{0,6}",
        model in proptest::option::of("[a-z]{1,3}"),
        ratio in proptest::option::of("[1-9]:[1-9]"),
    ) {
        prop_assume!(!prompt.trim().is_empty());
        let fields = json!({ "model": model, "params": { "aspect_ratio": ratio } });
        let sent = request(&prompt, &json!({ "who": who }), &fields);
        let before = sent.fingerprint();
        for text in [
            "name = 'n'\nprompt = '{who} {prompt}'\naspect_ratio = '3:4'",
            "name = 'n'\nprompt = 'now {who}: {prompt}'\nmodel = 'm'\nlocked = ['model']",
        ] {
            let styled = styled(text, sent.clone()).unwrap();
            prop_assert_eq!(styled.fingerprint(), before.as_str());
            let stored = serde_json::to_string(&styled).unwrap();
            let read: EditRequest = serde_json::from_str(&stored).unwrap();
            prop_assert_eq!(read.fingerprint(), before.as_str());
        }
        let other = request(&prompt, &json!({ "who": format!("{who}!") }), &json!({ "model": model }));
        prop_assert_ne!(other.fingerprint(), before);
    }
}
