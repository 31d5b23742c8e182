//! The table's rows among themselves and against the label, and each way of asking for a shape.

use std::collections::{BTreeMap, BTreeSet};

use retouch_sdk::{Job, Params, Size, testing};
use serde_json::{Map, Value, json};

use super::field::{Holds, Ours};
use super::shape::{Asked, Shape};
use super::{BASE, MODELS, Model};

fn label() -> Value {
    let label: Value = serde_json::from_str(include_str!("../../label.json")).unwrap();
    label["types"][0].clone()
}

/// What the label has to say of a model's limits.
fn caps(model: &Model) -> Map<String, Value> {
    let mut params = match &model.shape {
        Shape::Ratio { tiers: [], .. } => vec!["size", "aspect_ratio"],
        Shape::Kept => vec![],
        _ => vec!["size", "aspect_ratio", "resolution"],
    };
    let mut n = 1;
    for field in model.fields {
        match (field.ours, field.holds) {
            (Ours::N, Holds::Number(most) | Holds::NumberAsText(most)) => n = most,
            (Ours::Quality, _) => params.push("quality"),
            (Ours::Background, _) => params.push("background"),
            (Ours::OutputFormat, _) => params.push("output_format"),
            (Ours::InputFidelity, _) => params.push("input_fidelity"),
            (Ours::NegativePrompt, _) => params.push("negative_prompt"),
            (Ours::N | Ours::Nothing, _) => {}
        }
    }
    let caps = json!({
        "max_images": model.images.most, "max_bytes": model.images.bytes,
        "mimes": model.images.mimes, "n": n, "params": params, "mask": false, "cancel": false,
    });
    caps.as_object().unwrap().clone()
}

#[test]
fn label_lists_the_same_models_with_the_same_limits() {
    let label = label();
    let usual = label["caps"].as_object().unwrap();
    for (model, listed) in MODELS.iter().zip(label["models"].as_array().unwrap()) {
        let own = caps(model);
        let differing = own.iter().filter(|(name, value)| usual.get(*name) != Some(*value));
        let mut wanted = json!({ "id": model.id, "endpoints": { "edit": model.edit() } });
        let differing: Map<_, _> = differing.map(|(k, v)| (k.clone(), v.clone())).collect();
        if !differing.is_empty() {
            wanted["caps"] = differing.into();
        }
        assert_eq!(*listed, wanted, "label.json should have {wanted}");
    }
    assert_eq!(label["models"].as_array().map(Vec::len), Some(MODELS.len()));
    assert_eq!(label["defaults"]["model"], MODELS[0].id);
    assert_eq!(label["defaults"]["endpoints"]["edit"], MODELS[0].edit());
}

#[test]
fn label_offers_the_options_of_all_models() {
    let mut words: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for model in &MODELS {
        for option in model.options() {
            let offered = words.entry(option).or_default();
            offered.extend(model.shape.words(option).into_iter().flatten());
            if let Some(field) = model.fields.iter().find(|field| field.name == option)
                && let Holds::OneOf(words) = field.holds
            {
                offered.extend(words);
            }
        }
    }
    let label = label();
    let properties = label["schema"]["properties"].as_object().unwrap();
    let listed: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
    assert_eq!(listed, words.keys().copied().collect());
    for (name, words) in words {
        let listed = properties[name]["enum"].as_array().into_iter().flatten();
        let listed: BTreeSet<&str> = listed.filter_map(Value::as_str).collect();
        assert_eq!(listed, words, "{name}");
    }
}

#[test]
fn paths_and_names_tell_models_apart() {
    for model in &MODELS {
        assert_eq!(Model::named(model.id), Some(model));
        assert_eq!(Model::at(&model.edit()), Some(model));
        assert_eq!(Model::at(&format!("/proxy{BASE}{}/", model.path)), Some(model));
        assert!(model.fields.iter().all(|field| {
            field.always.is_none_or(|always| model.check(field.name, &always.into()).is_ok())
        }));
    }
    assert_eq!(Model::at("/openapi/v2/my-rhart-image-n-pro/edit"), None);
    let beside = |path| Model::beside(path).map(|model| model.id);
    assert_eq!(beside("/openapi/v2/rhart-image-n-pro/image-to-image"), Some("rhart-image-n-pro"));
    assert_eq!(beside("/openapi/v2/rhart-image-n-pro/edit-next"), None);
    assert_eq!(beside("/openapi/v2/rhart-image-n-next/edit"), None);
}

fn shaped(model: &str, size: Option<(u32, u32)>, ratio: &str, tier: &str) -> Result<Value, String> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let size = size.map(|(width, height)| Size { width, height });
    let params =
        Params { size, aspect_ratio: given(ratio), resolution: given(tier), ..Params::default() };
    let job = Job { params, ..testing::job("") };
    let mut body = Map::new();
    let shape = &Model::named(model).unwrap().shape;
    let put = shape.put(&Asked::of(&job, &Map::new()), &mut body);
    put.map(|()| body.into()).map_err(|failure| failure.message)
}

#[test]
#[rustfmt::skip]
fn asks_for_the_nearest_they_have() {
    let pro = "rhart-image-n-pro";
    for (model, size, ratio, tier, want) in [
        (pro, None, "", "", json!({ "resolution": "1k" })),
        (pro, None, "3:4", "2K", json!({ "aspectRatio": "3:4", "resolution": "2k" })),
        (pro, None, "auto", "4k", json!({ "resolution": "4k" })),
        (pro, None, "21:9", "auto", json!({ "aspectRatio": "21:9", "resolution": "1k" })),
        (pro, Some((1024, 1024)), "", "", json!({ "aspectRatio": "1:1", "resolution": "1k" })),
        (pro, Some((1536, 1024)), "", "", json!({ "aspectRatio": "3:2", "resolution": "1k" })),
        (pro, Some((1024, 1792)), "", "", json!({ "aspectRatio": "9:16", "resolution": "2k" })),
        (pro, Some((3840, 2160)), "", "", json!({ "aspectRatio": "16:9", "resolution": "4k" })),
        (pro, Some((9000, 9000)), "", "", json!({ "aspectRatio": "1:1", "resolution": "4k" })),
        (pro, Some((1024, 1024)), "4:5", "2k", json!({ "aspectRatio": "4:5", "resolution": "2k" })),
        (pro, Some((0, 0)), "", "", json!({ "aspectRatio": "1:1", "resolution": "1k" })),
        ("rhart-image-n-pro-official-ultra", None, "", "", json!({ "resolution": "4k" })),
        ("rhart-image-n-pro-official-ultra", Some((7680, 4320)), "", "", json!({ "aspectRatio": "16:9", "resolution": "8k" })),
        ("rhart-image-v1", None, "", "2k", json!({ "aspectRatio": "auto" })),
        ("rhart-image-g-2", None, "9:21", "", json!({ "aspectRatio": "9:21", "resolution": "1k" })),
        ("rhart-image-g-1.5-official", None, "", "", json!({ "size": "1024*1024" })),
        ("rhart-image-g-1.5-official", Some((1600, 900)), "", "", json!({ "size": "1536*1024" })),
        ("rhart-image-g-1.5-official", None, "2:3", "1K", json!({ "size": "1024*1536" })),
        ("alibaba/qwen-image-2.0", None, "", "", json!({})),
        ("alibaba/qwen-image-2.0", None, "21:9", "2k", json!({ "size": "2048*872" })),
        ("alibaba/qwen-image-2.0", Some((1920, 1080)), "", "", json!({ "size": "1920*1080" })),
        ("seedream-v4", None, "", "", json!({})),
        ("seedream-v4", None, "", "4K", json!({ "resolution": "4k" })),
        ("seedream-v4", None, "1:1", "2k", json!({ "width": 2048, "height": 2048 })),
        ("seedream-v4", Some((1000, 2000)), "", "", json!({ "width": 1000, "height": 2000 })),
        ("seedream-v5-lite", Some((1024, 1024)), "", "", json!({ "width": 1600, "height": 1600 })),
        ("alibaba/wan-2.7", None, "", "2k", json!({ "width": 2048, "height": 2048 })),
        ("alibaba/wan-2.7", None, "4:1", "", json!({ "width": 2048, "height": 512 })),
        ("rhart-image-x-official", Some((512, 512)), "1:1", "4k", json!({})),
    ] {
        assert_eq!(shaped(model, size, ratio, tier), Ok(want), "{model} {size:?} {ratio} {tier}");
    }
}

#[test]
#[rustfmt::skip]
fn refuses_what_they_have_not() {
    for (model, ratio, tier, want) in [
        ("rhart-image-n-pro", "", "8K", "resolution: 8K is not offered; use one of 1k, 2k, 4k"),
        ("rhart-image-n-pro", "7:5", "", "aspect_ratio: 7:5 is not offered; use one of 1:1, 16:9"),
        ("rhart-image-g-1.5-official", "16:9", "", "aspect_ratio: 16:9 is not offered; use one of 1:1, 2:3, 3:2"),
        ("rhart-image-g-1.5-official", "", "4K", "resolution: 4K is not offered; use one of 1k"),
        ("seedream-v4.5", "", "1k", "resolution: 1k is not offered; use one of 2k, 4k"),
        ("seedream-v4", "wide", "", "aspect_ratio: wide is not offered; use one of width:height"),
        ("alibaba/wan-2.7", "9:1", "", "aspect_ratio: 9:1 is not offered"),
    ] {
        let got = shaped(model, None, ratio, tier).unwrap_err();
        assert!(got.starts_with(want), "{model} {ratio} {tier}: {got}");
    }
}
