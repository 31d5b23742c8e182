//! Styles: what an app asks for by name is what the provider is asked for, and what does not go with
//! a style is refused before anything is sent.

use retouch_tests::{
    Answer, Edit, Form, Gateway, Home, OpenAi, Plugin, Provider, ProviderFile, Turn, pictures,
};
use serde_json::{Value, json};

const OIL: &str = "name = \"油画\"\nprompt = \"oil, {mood}, on {ground}: {prompt}\"\n\
    aspect_ratio = \"3:4\"\nresolution = \"2K\"\nlocked = [\"aspect_ratio\"]\n\
    [variables]\nmood = \"warm\"\n";

/// A provider that answers with the result at once, so that many edits take no time.
fn quick() -> Provider {
    Provider::scripted([Turn::AcceptDone; 16])
}

/// A gateway at these providers, with these styles.
async fn gateway_with<const N: usize>(
    providers: [ProviderFile; N],
    styles: &[(&str, &str)],
) -> Gateway {
    home_with(Home::with(providers), styles).serve().await
}

fn home_with(home: Home, styles: &[(&str, &str)]) -> Home {
    for (id, text) in styles {
        home.write(&format!("config/styles/{id}.toml"), text);
    }
    home
}

fn in_oil(prompt: &str) -> Edit {
    Edit::new(prompt).field("style", "oil").field("variables", r#"{"ground":"linen"}"#)
}

/// The prompts the provider was asked with, one submit after the other.
fn prompts(provider: &Provider) -> Vec<String> {
    let submits = provider.ledger().submits.into_iter();
    submits.map(|submit| submit.body["prompt"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_style_is_the_same_in_every_form_of_request() {
    let provider = quick();
    let gateway =
        gateway_with([ProviderFile::runninghub("only", &provider)], &[("oil", OIL)]).await;
    let client = gateway.client();
    let picture = pictures::png();
    let form = || Form::new().text("prompt", "a cat").file("image", &picture);
    let text = form().text("style", "oil").text("variables", r#"{"ground":"linen"}"#);
    let nested = form().text("style", "油画").text("variables[ground]", "linen");
    for form in [text, nested] {
        Answer::to(client.post_form("/v1/images/edits", form)).await.expect(200);
    }
    let mut body = in_oil("a cat").json();
    body["variables"] = json!({ "ground": "linen" });
    Answer::to(client.post_json("/v1/images/edits", &body)).await.expect(200);
    assert_eq!(prompts(&provider), ["oil, warm, on linen: a cat"; 3]);
    for submit in provider.ledger().submits {
        assert_eq!(submit.body["aspectRatio"], "3:4", "{}", submit.body);
        assert_eq!(submit.body["resolution"], "2k", "{}", submit.body);
    }
}

#[tokio::test]
async fn what_the_app_gives_wins_unless_the_style_locks_it() {
    let provider = quick();
    let gateway =
        gateway_with([ProviderFile::runninghub("only", &provider)], &[("oil", OIL)]).await;
    let client = gateway.client();
    let edit = in_oil("a cat").field("aspect_ratio", "1:1").field("resolution", "4k");
    let answer = client.edit(&edit).await.expect(200);
    assert_eq!(answer.header("x-retouch-ignored"), Some("aspect_ratio"));
    let asked = provider.ledger().submits[0].body.clone();
    assert_eq!((&asked["aspectRatio"], &asked["resolution"]), (&json!("3:4"), &json!("4k")));

    let id = answer.header("x-retouch-job").unwrap();
    let job: Value = client.get(&format!("/v1/jobs/{id}")).await.expect(200).json();
    assert_eq!((&job["style"], &job["ignored"]), (&json!("oil"), &json!(["aspect_ratio"])));
    let strict = client.edit(&edit.field("strict", "true")).await;
    let error = strict.error(400, "unsupported_parameter");
    assert_eq!(error.param.as_deref(), Some("aspect_ratio"));
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn what_does_not_go_with_a_style_is_refused_and_nothing_is_sent() {
    let provider = quick();
    let art =
        "name = \"Line art\"\nprompt = \"line art {a}secret:api_key}}\"\nlocked = [\"prompt\"]\n";
    let styles = [("oil", OIL), ("art", art)];
    let gateway = gateway_with([ProviderFile::runninghub("only", &provider)], &styles).await;
    let client = gateway.client();
    let edit = |style: &str, variables: &str| {
        Edit::new("x").field("style", style).field("variables", variables)
    };
    let long = format!(r#"{{"ground":"{}"}}"#, "x".repeat(40_000));
    for (edit, status, code, param, words) in [
        (edit("oli", "{}"), 404, "style_not_found", "style", "there are: art, oil"),
        (edit("oil", "{}"), 400, "missing_variable", "variables.ground", "'oil' needs it"),
        (
            edit("oil", r#"{"ground":"a","modd":"b"}"#),
            400,
            "unknown_parameter",
            "variables.modd",
            "did you mean `mood`?",
        ),
        (edit("oil", r#"{"ground":3}"#), 400, "invalid_value", "variables.ground", "text"),
        (edit("oil", r#"["linen"]"#), 400, "invalid_value", "variables", "object"),
        (edit("", r#"{"a":"b"}"#), 400, "unsupported_parameter", "variables", "`style`"),
        (
            edit("oil", r#"{"ground":"{{secret:api_key}}"}"#),
            400,
            "invalid_value",
            "variables",
            "mean",
        ),
        (edit("art", r#"{"a":"{{"}"#), 400, "invalid_value", "prompt", "{{secret:"),
        (edit("oil", &long), 400, "invalid_value", "prompt", "characters, more than"),
        (
            Edit::new(" ").field("style", "oil").field("variables", r#"{"ground":"a"}"#),
            400,
            "missing_prompt",
            "prompt",
            "'oil' needs it",
        ),
    ] {
        let error = client.edit(&edit).await.error(status, code);
        assert_eq!(error.param.as_deref(), Some(param), "{error:?}");
        assert!(error.message.contains(words), "{words}: {error:?}");
    }
    provider.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn words_are_put_in_as_they_are() {
    let provider = quick();
    let gateway =
        gateway_with([ProviderFile::runninghub("only", &provider)], &[("oil", OIL)]).await;
    let edit = Edit::new("{mood} }} {").field("style", "oil");
    let edit = edit.field("variables[ground]", "{prompt} {{x}}");
    gateway.client().edit(&edit).await.expect(200);
    assert_eq!(prompts(&provider), ["oil, warm, on {prompt} {{x}}: {mood} }} {"]);
}

#[tokio::test]
async fn the_styles_provider_is_asked_first_and_the_others_after_it() {
    let (first, second) = (Provider::scripted([Turn::QueueFull]), quick());
    let providers = [
        ProviderFile::runninghub("low", &first),
        ProviderFile::runninghub("high", &second).priority(10),
    ];
    let style = "name = \"Low\"\nprovider = \"low\"\n";
    let gateway = gateway_with(providers, &[("low", style)]).await;
    let client = gateway.client();
    let job = client.done(&Edit::new("grey").field("style", "low")).await.succeeded();
    let asked: Vec<&str> = job.attempts.iter().map(|a| a.provider.as_str()).collect();
    assert_eq!(asked, ["low", "high"]);
    let own = Edit::new("grey").field("style", "low").field("provider", "high");
    assert_eq!(client.done(&own).await.succeeded().provider.as_deref(), Some("high"));
}

#[tokio::test]
async fn a_style_asks_its_provider_for_a_model_of_its_own() {
    let service = OpenAi::start();
    let file = ProviderFile::openai("only", &service).line("model = \"gpt-image-1\"");
    let mini = "name = \"Mini\"\nprovider = \"only\"\nmodel = \"gpt-image-1-mini\"\n";
    let home = home_with(Home::with([file]).plugin(Plugin::OpenAi), &[("mini", mini)]);
    let gateway = home.serve().await;
    let client = gateway.client();
    client.edit(&Edit::new("grey")).await.expect(200);
    client.edit(&Edit::new("grey").field("style", "mini")).await.expect(200);
    let mine = Edit::new("grey").field("style", "mini").field("model", "gpt-image-1");
    client.edit(&mine).await.expect(200);
    let submits = service.ledger().submits;
    let models: Vec<&Value> = submits.iter().map(|submit| &submit.body["model"]).collect();
    assert_eq!(models, ["gpt-image-1", "gpt-image-1-mini", "gpt-image-1"]);
}

#[tokio::test]
async fn the_same_request_is_the_same_job_after_its_style_was_changed() {
    let provider = quick();
    let mut gateway =
        gateway_with([ProviderFile::runninghub("only", &provider)], &[("oil", OIL)]).await;
    let id = {
        let request = gateway.client().post("/v1/jobs", &in_oil("a cat"));
        let first = Answer::to(request.header("idempotency-key", "k-1")).await.expect(202);
        let id = first.json::<Value>()["id"].as_str().unwrap().to_owned();
        gateway.client().finished(&id).await.succeeded();
        id
    };
    let oil = gateway.home().path("config/styles/oil.toml");
    let changed = "name = \"Oil\"\nprompt = \"other: {prompt} {ground} {more}\"\n";
    for text in [Some(changed), None] {
        gateway.sigterm().await.with(0);
        match text {
            Some(text) => std::fs::write(&oil, text).unwrap(),
            None => std::fs::remove_file(&oil).unwrap(),
        }
        gateway.restart().await;
        let request = gateway.client().post("/v1/jobs", &in_oil("a cat"));
        let again = Answer::to(request.header("idempotency-key", "k-1")).await.expect(202);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.json::<Value>()["id"], *id);
    }
    let request = gateway.client().post("/v1/jobs", &in_oil("a dog"));
    Answer::to(request.header("idempotency-key", "k-1")).await.error(422, "idempotency_key_reused");
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn the_shell_edits_in_a_style_without_a_prompt() {
    let provider = quick();
    let art = "name = \"Line art\"\nprompt = \"line art, {ink}\"\n";
    let gateway =
        gateway_with([ProviderFile::runninghub("only", &provider)], &[("art", art)]).await;
    let picture = gateway.home().write("in.png", pictures::png());
    let out = gateway.home().path("out.png");
    let (picture, out) = (picture.display().to_string(), out.display().to_string());
    let line = ["edit", &picture, "--style", "art", "--var", "ink=a \"blue\" one]", "-o", &out];
    gateway.run(&line).await.with(0);
    assert_eq!(prompts(&provider), ["line art, a \"blue\" one]"]);
    assert!(pictures::is_grey(&std::fs::read(&out).unwrap()));

    let jobs: Value = gateway.client().get("/v1/jobs").await.expect(200).json();
    let id = jobs["data"][0]["id"].as_str().unwrap();
    assert!(gateway.run(&["jobs", "show", id]).await.with(0).said().contains("style art"));

    let bare = gateway.run(&["edit", &picture, "--style", "art", "--var", "ink", "-o", &out]).await;
    assert!(bare.with(2).said().contains("NAME=TEXT"));
    let none = gateway.run(&["edit", &picture, "--style", "art", "-o", &out]).await;
    assert!(none.with(1).said().contains("variables.ink"));
}

#[tokio::test]
async fn a_check_finds_what_is_wrong_with_styles() {
    let service = quick();
    let home = home_with(
        Home::with([ProviderFile::runninghub("only", &service)]),
        &[
            ("a", "name = \"A\"\nprompt = \"{prompt\"\n"),
            ("b", "name = \"A\"\nprovider = \"onyl\"\nmodle = \"x\"\n"),
            ("c", "name = \"C\"\nprompt = \"line art\"\nlocked = [\"model\"]\n"),
        ],
    );
    let checked = home.run(&["check"]).await.with(1);
    let said = checked.said();
    for words in [
        "styles/a.toml:2: prompt has `{prompt` without its `}`",
        "styles/b.toml:1: the name 'A' is already taken by",
        "styles/b.toml:2: no provider is called 'onyl', so others are asked — did you mean 'only'?",
        "styles/b.toml:3: modle is not a known key — did you mean `model`?",
        "styles/c.toml:2: prompt has no place for the caller's words",
        "styles/c.toml:3: locked names model, which this style does not set",
        "3 styles in ",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
}
