use retouch_sdk::testing::job;
use serde_json::json;

use super::*;

fn asked(size: Option<(u32, u32)>, ratio: &str, tier: &str) -> Job {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut job = job("make it grey");
    job.params.size = size.map(|(width, height)| Size { width, height });
    job.params.aspect_ratio = given(ratio);
    job.params.resolution = given(tier);
    job
}

fn text(parts: &[Part], field: &str) -> Option<String> {
    parts.iter().find_map(|part| match part {
        Part::Text { name, text } if name == field => Some(text.clone()),
        _ => None,
    })
}

fn sent(job: &Job, model: &str, field: &str) -> Option<String> {
    text(&fields(job, model).unwrap(), field)
}

#[test]
fn sizes_by_family() {
    for (model, size, ratio, tier, want) in [
        ("gpt-image-1.5", None, "", "", None),
        ("gpt-image-1.5", Some((1024, 1024)), "", "", Some("1024x1024")),
        ("gpt-image-1.5", Some((1920, 1080)), "", "", Some("1536x1024")),
        ("gpt-image-1.5", None, "9:16", "4K", Some("1024x1536")),
        ("chatgpt-image-latest", None, "", "2k", Some("1024x1024")),
        ("gpt-image-2", Some((1024, 1024)), "", "", Some("1024x1024")),
        ("gpt-image-2", Some((1000, 1000)), "", "", Some("1008x1008")),
        ("gpt-image-2", Some((3840, 2160)), "", "", Some("3840x2160")),
        ("gpt-image-2", Some((100, 100)), "", "", Some("816x816")),
        ("gpt-image-2.5-flare", Some((9000, 1000)), "", "", Some("3840x1280")),
        ("gpt-image-2", None, "16:9", "", Some("1360x768")),
        ("gpt-image-2", None, "1:1", "2K", Some("2048x2048")),
        ("gpt-image-2", None, "16:9", "4K", Some("3840x2160")),
        ("gpt-image-2", None, "", "1K", Some("1024x1024")),
        ("gpt-image-2", None, "1:9", "1K", Some("592x1760")),
        ("gpt-image-2", None, "wide", "", None),
        ("my-deployment", Some((512, 512)), "", "", Some("512x512")),
        ("my-deployment", None, "3:2", "", Some("1536x1024")),
        ("my-deployment", Some((0, 9)), "", "", None),
    ] {
        let got = sent(&asked(size, ratio, tier), model, "size");
        assert_eq!(got.as_deref(), want, "{model} {size:?} {ratio} {tier}");
    }
}

#[test]
fn every_free_size_is_legal() {
    for width in (1..9000).step_by(211) {
        for height in (1..9000).step_by(197) {
            let got = legal(Size { width, height });
            assert!(is_legal(got), "{width}x{height} became {got:?}");
        }
    }
}

#[test]
fn sends_what_the_family_knows() {
    let mut job = asked(None, "", "");
    job.params.input_fidelity = Some("high".to_owned());
    for (model, want) in [
        ("gpt-image-1", Some("high")),
        ("gpt-image-1.5", Some("high")),
        ("gpt-image-1-mini", None),
        ("gpt-image-2", None),
        ("my-deployment", Some("high")),
    ] {
        assert_eq!(sent(&job, model, "input_fidelity").as_deref(), want, "{model}");
    }
}

#[test]
fn compresses_only_what_can_be() {
    let mut job = asked(None, "", "");
    job.params.output_compression = Some(80);
    for (format, want) in [(None, None), (Some("png"), None), (Some("webp"), Some("80"))] {
        job.params.output_format = format.map(str::to_owned);
        assert_eq!(sent(&job, "gpt-image-2", "output_compression").as_deref(), want);
    }
}

#[test]
fn passes_options_that_are_its_own() {
    let mut job = asked(None, "", "");
    for (name, value, want) in [
        ("complexity", json!("high"), Some("high")),
        ("frame_count", json!(3), Some("3")),
        ("svg[model]", json!(true), Some("true")),
        ("stream", json!(true), None),
        ("model", json!("other"), None),
        ("complexity", json!({"a": 1}), None),
        ("a\"b", json!("x"), None),
    ] {
        job.options = [(name.to_owned(), value)].into_iter().collect();
        let got = fields(&job, "gpt-image-2").ok().and_then(|parts| text(&parts, name));
        assert_eq!(got.as_deref(), want, "{name}");
    }
}

#[test]
fn label_and_table_agree_on_input_fidelity() {
    let label: Value = serde_json::from_str(include_str!("../../label.json")).unwrap();
    let openai = &label["types"][0];
    for model in openai["models"].as_array().unwrap() {
        let id = model["id"].as_str().unwrap();
        let params = model.pointer("/caps/params").unwrap_or(&openai["caps"]["params"]);
        let offered = params.as_array().unwrap().iter().any(|param| param == "input_fidelity");
        let family = FAMILIES.iter().find(|family| id.starts_with(family.prefix)).unwrap();
        assert_eq!(offered, family.input_fidelity, "{id}");
    }
}
