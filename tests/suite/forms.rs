//! One request in every form that clients write it in, and what is done with its fields.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use retouch_tests::{
    Answer, Client, Edit, Form, Gateway, Home, Job, OpenAi, Plugin, Provider, ProviderFile, Turn,
    pictures,
};
use serde_json::{Value, json};

const EDITS: &str = "/v1/images/edits";

/// A provider that answers with the result at once, so that many edits take no time.
fn quick() -> Provider {
    Provider::scripted([Turn::AcceptDone; 32])
}

async fn gateway_at(provider: &Provider) -> Gateway {
    Gateway::with([ProviderFile::runninghub("only", provider)]).await
}

fn data_uri(picture: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(picture))
}

/// What the provider was asked, one submit after the other.
fn asked(provider: &Provider) -> Vec<Value> {
    provider.ledger().submits.into_iter().map(|submit| submit.body).collect()
}

async fn post_json(client: &Client, body: &Value) -> Answer {
    Answer::to(client.post_json(EDITS, body)).await
}

#[tokio::test]
async fn the_same_picture_in_each_form_is_the_same_job() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let picture = pictures::png();
    let grey = || Form::new().text("prompt", "grey");
    let forms = [
        grey().file("image", &picture),
        grey().file("image[]", &picture),
        grey().file("image[0]", &picture),
        Form::new().file("image", &picture).text("prompt", "grey"),
        grey().part("; name=\"image\"; filename=\"\"", &picture),
        grey().part("; name=\"image\"; filename*=UTF-8''%E5%9B%BE.png", &picture),
        grey().part(
            "; name=\"image\"; filename=\"../../图.jpg\"\r\nContent-Type: image/jpeg",
            &picture,
        ),
        grey().part("; name=\"image\"", &picture),
        grey().part("; name=image; filename=photo.png", &picture),
    ];
    let mut count = forms.len();
    for form in forms {
        Answer::to(client.post_form(EDITS, form)).await.expect(200);
    }
    let uri = data_uri(&picture);
    let images =
        [json!([{ "image_url": uri }]), json!([{ "image_url": { "url": uri } }]), json!([uri])];
    count += images.len();
    for images in images {
        let shown = images.to_string().chars().take(60).collect::<String>();
        let answer = post_json(&client, &json!({ "images": images, "prompt": "grey" })).await;
        assert_eq!(answer.status, 200, "{shown}: {}", answer.text());
    }
    let asked = asked(&provider);
    assert_eq!(asked.len(), count);
    assert!(asked.iter().all(|body| *body == asked[0]), "{asked:#?}");
}

#[tokio::test]
async fn what_a_data_uri_says_of_its_type_is_not_believed() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let uri = data_uri(&pictures::png());
    let as_kind = async |kind: &str| {
        let images = json!([{ "image_url": uri.replace("image/png", kind) }]);
        post_json(&gateway.client(), &json!({ "images": images, "prompt": "grey" })).await
    };
    for kind in ["image/webp", "IMAGE/PNG", "image/png;charset=utf-8", "image/heic"] {
        let answer = as_kind(kind).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
    }
    for kind in ["application/octet-stream", ""] {
        let error = as_kind(kind).await.error(400, "invalid_image");
        assert!(error.message.contains("data:image/png;base64,"), "{kind}: {error:?}");
    }
    let asked = asked(&provider);
    assert!(asked.iter().all(|body| *body == asked[0]), "{asked:#?}");
}

#[tokio::test]
async fn a_mask_in_each_form_reaches_a_provider_that_honours_it() {
    let service = OpenAi::start();
    let home = Home::with([ProviderFile::openai("only", &service)]).plugin(Plugin::OpenAi);
    let gateway = home.serve().await;
    let client = gateway.client();
    let (picture, mask) = (pictures::png(), pictures::png_of(120, 90));
    let form = || Form::new().file("mask", &mask).text("prompt", "grey").file("image", &picture);
    let images = json!([{ "image_url": data_uri(&picture) }]);
    let mask_of = json!({ "image_url": data_uri(&mask) });
    let json = json!({ "prompt": "grey", "mask": mask_of, "images": images });
    Answer::to(client.post_form(EDITS, form())).await.expect(200);
    post_json(&client, &json).await.expect(200);
    let ledger = service.ledger();
    assert_eq!(ledger.submits[0].body["pictures"], 2, "the picture and its mask");
    assert_eq!(ledger.submits[0].body, ledger.submits[1].body);

    let twice = Answer::to(client.post_form(EDITS, form().file("mask", &mask))).await;
    let said = twice.text();
    assert_eq!(twice.expect(400).json::<Value>()["error"]["param"], "mask", "{said}");
    service.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn several_pictures_keep_their_order_in_each_form() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let (one, two) = (pictures::png(), pictures::png_of(64, 48));
    let grey = || Form::new().text("prompt", "grey");
    for [first, second] in [["image[]"; 2], ["image"; 2], ["image[0]", "image[1]"]] {
        let form = grey().file(first, &one).file(second, &two);
        Answer::to(client.post_form(EDITS, form)).await.expect(200);
    }
    let images = json!([{ "image_url": data_uri(&one) }, { "image_url": data_uri(&two) }]);
    post_json(&client, &json!({ "prompt": "grey", "images": images })).await.expect(200);
    let asked = asked(&provider);
    assert_eq!(asked[0]["imageUrls"].as_array().unwrap().len(), 2);
    assert!(asked.iter().all(|body| *body == asked[0]), "{asked:#?}");
}

#[tokio::test]
async fn fields_mean_the_same_in_each_form() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let picture = pictures::png();
    let nested = Form::new()
        .file("image", &picture)
        .text("prompt", "grey")
        .text("n", "1")
        .text("timeout", "600")
        .text("strict", "false")
        .text("metadata[order]", "A-17")
        .text("provider_options[aspectRatio]", "16:9");
    let as_text = Form::new()
        .text("provider_options", r#"{"aspectRatio":"16:9"}"#)
        .text("metadata", r#"{"order":"A-17"}"#)
        .text("strict", "false")
        .text("timeout", "600")
        .text("n", "1")
        .text("prompt", "grey")
        .file("image", &picture);
    let json = json!({
        "prompt": "grey", "n": 1, "timeout": 600, "strict": false,
        "metadata": { "order": "A-17" }, "provider_options": { "aspectRatio": "16:9" },
        "images": [{ "image_url": data_uri(&picture) }],
        "model": null, "size": "auto", "user": "",
    });
    let requests = [
        client.post_form("/v1/jobs", nested),
        client.post_form("/v1/jobs", as_text),
        client.post_json("/v1/jobs", &json),
    ];
    for request in requests {
        let job: Job = Answer::to(request).await.expect(202).json();
        let job = client.finished(&job.id).await.succeeded();
        assert_eq!(job.ignored, [""; 0]);
        let whole: Value = client.get(&format!("/v1/jobs/{}", job.id)).await.json();
        assert_eq!(whole["metadata"], json!({ "order": "A-17" }));
    }
    let asked = asked(&provider);
    assert_eq!(asked[0]["aspectRatio"], "16:9");
    assert!(asked.iter().all(|body| *body == asked[0]), "{asked:#?}");
}

#[tokio::test]
async fn a_mask_in_each_form_is_refused_where_nobody_honours_it() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let picture = pictures::png();
    let uri = data_uri(&picture);
    let form = Form::new().file("mask", &picture).file("image", &picture).text("prompt", "grey");
    let mut answers = vec![Answer::to(client.post_form(EDITS, form)).await];
    for mask in [json!({ "image_url": uri }), json!({ "image_url": { "url": uri } })] {
        let images = json!([{ "image_url": uri }]);
        let body = json!({ "prompt": "grey", "images": images, "mask": mask });
        answers.push(post_json(&client, &body).await);
    }
    for answer in answers {
        let error = answer.error(400, "unsupported_parameter");
        assert_eq!(error.param.as_deref(), Some("mask"), "{error:?}");
    }
    provider.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn json_that_is_formed_otherwise_is_explained() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let uri = data_uri(&pictures::png());
    let table = [
        (json!({ "image": uri }), "invalid_value", "image"),
        (json!({ "image": [{ "image_url": uri }] }), "invalid_value", "image"),
        (json!({ "images": uri }), "invalid_value", "images"),
        (json!({ "images": [] }), "missing_image", "image"),
        (json!({ "images": [{ "file_id": "file-1" }] }), "unsupported_parameter", "images[0]"),
        (json!({ "images": [{ "image_url": 7 }] }), "invalid_image", "images[0]"),
        (json!({ "images": [{ "url": "/etc/passwd" }] }), "invalid_image", "images[0]"),
        (
            json!({ "images": [{ "image_url": "file:///etc/passwd" }] }),
            "invalid_image",
            "images[0]",
        ),
        (
            json!({ "images": [{ "image_url": uri }, { "image_url": "data:image/png;base64,!!!!" }] }),
            "invalid_image",
            "images[1]",
        ),
        (json!({ "images": [{ "image_url": uri }], "n": "two" }), "invalid_value", "n"),
        (
            json!({ "images": [{ "image_url": uri }], "metadata": ["a"] }),
            "invalid_value",
            "metadata",
        ),
        (
            json!({ "images": [{ "image_url": uri }], "stream": true }),
            "unsupported_parameter",
            "stream",
        ),
        (json!({ "images": [{ "image_url": uri }], "promt": "x" }), "unknown_parameter", "promt"),
    ];
    for (mut body, code, param) in table {
        body["prompt"] = json!("grey");
        let shown = body.to_string().chars().take(120).collect::<String>();
        let answer = post_json(&client, &body).await;
        assert_eq!(answer.status, 400, "{shown}: {}", answer.text());
        let error = answer.error(400, code);
        let named = error.param.clone().unwrap_or_default();
        assert!(named.starts_with(param), "{shown}: {error:?}");
        assert!(!error.message.is_empty());
    }
    for body in ["", "[]", "\"grey\"", "{", "{\"prompt\": \"grey\"} trailing", "\u{feff}"] {
        let request =
            client.request(Method::POST, EDITS).header("content-type", "application/json");
        Answer::to(request.body(body)).await.error(400, "invalid_body");
    }
    provider.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn hints_are_ignored_and_said_so_unless_strict() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let hints = [
        ("quality", "high"),
        ("user", "u-1"),
        ("moderation", "low"),
        ("input_fidelity", "high"),
        ("partial_images", "2"),
        ("seed", "7"),
        ("negative_prompt", "text"),
    ];
    let all = hints.iter().fold(Edit::new("grey"), |edit, (name, value)| edit.field(name, value));
    let answer = client.edit(&all).await.expect(200);
    let body: Value = answer.json();
    let mut ignored: Vec<&str> = body["retouch"]["ignored"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(answer.header("x-retouch-ignored"), Some(ignored.join(", ").as_str()));
    let job = client.job(answer.header("x-retouch-job").unwrap()).await;
    assert_eq!(job.ignored, ignored);
    ignored.sort_unstable();
    let mut given: Vec<&str> = hints.iter().map(|(name, _)| *name).collect();
    given.sort_unstable();
    assert_eq!(ignored, given);

    for (name, value) in hints {
        let strict = Edit::new("grey").field(name, value).field("strict", "true");
        let error = client.edit(&strict).await.error(400, "unsupported_parameter");
        assert_eq!(error.param.as_deref(), Some(name), "{error:?}");
    }
    let auto = ["quality", "moderation", "background", "size"];
    let auto = auto.iter().fold(Edit::new("grey"), |edit, name| edit.field(name, "auto"));
    client.edit(&auto.field("strict", "true")).await.expect(200);
    provider.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn what_carries_meaning_is_never_dropped() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let transparent = Edit::new("grey").field("background", "transparent");
    let option = Edit::new("grey").field("provider_options", r#"{"aspectRation":"16:9"}"#);
    let mut many = Edit::without_picture("grey");
    for side in 0..11 {
        many = many.picture(pictures::png_of(64 + side, 64));
    }
    for (edit, param) in
        [(transparent, "background"), (option, "provider_options"), (many, "image")]
    {
        let error = client.edit(&edit).await.error(400, "unsupported_parameter");
        assert_eq!(error.param.as_deref(), Some(param), "{error:?}");
    }
    // Of OpenAI's newer fields, the one that is drawn into the picture.
    let markup = Form::new().text("prompt", "grey").file("image", &pictures::png());
    let markup = markup.file("markup", &pictures::png());
    let answer = Answer::to(client.post_form(EDITS, markup)).await.expect(400);
    assert_eq!(answer.json::<Value>()["error"]["param"], "markup");
    provider.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn exact_fields_are_made_true() {
    let provider = quick();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let sized = Edit::new("grey").field("size", "1024x1536").field("output_format", "webp");
    let job = client.done(&sized).await.succeeded();
    assert_eq!(job.images[0].content_type, "image/webp");
    assert_eq!(&client.picture(&job).await[8..12], b"WEBP");
    let asked = asked(&provider);
    assert_eq!((&asked[0]["aspectRatio"], &asked[0]["resolution"]), (&json!("2:3"), &json!("1k")));
    assert_eq!(job.ignored, [""; 0]);
}

#[tokio::test]
async fn a_request_id_goes_from_the_client_to_log_and_job() {
    let provider = quick();
    let home = Home::with([ProviderFile::runninghub("only", &provider)]).env("RUST_LOG", "info");
    let gateway = home.serve().await;
    let client = gateway.client();
    let id = "app-7.checkout_1";
    let request = client.post("/v1/jobs", &Edit::new("grey")).header("x-request-id", id);
    let answer = Answer::to(request).await.expect(202);
    assert_eq!(answer.header("x-request-id"), Some(id));
    let job: Value = answer.json();
    assert_eq!(job["request_id"], id);
    let id_of_job = job["id"].as_str().unwrap();
    client.finished(id_of_job).await.succeeded();
    let log = gateway.log();
    assert!(log.lines().any(|line| line.contains(id) && line.contains(id_of_job)), "{log}");

    // One that could forge a line of the log is replaced.
    for odd in ["a b", "x\u{e9}", &"x".repeat(129)] {
        let request =
            client.request(Method::GET, "/v1/jobs").header("x-request-id", odd.as_bytes());
        let answer = Answer::to(request).await.expect(200);
        assert!(!answer.header("x-request-id").unwrap().contains(odd));
    }
}
