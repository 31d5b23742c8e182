use retouch_sdk::testing::job;

use super::*;
use crate::model;

fn input_of(id: &str, change: impl FnOnce(&mut Job)) -> Result<Value, Failure> {
    let mut job = job("make it grey");
    change(&mut job);
    input(&job, &model::fields(id))
}

#[test]
fn names_fields_as_the_model_does() {
    let uri = |n: u32| json!({ "$image": n, "as": "data_uri" });
    let kontext = input_of("fal-ai/flux-pro/kontext", |job| job.params.seed = Some(7)).unwrap();
    let want = json!({ "prompt": "make it grey", "image_url": uri(0), "num_images": 1, "seed": 7 });
    assert_eq!(kontext, want);

    let masked = input_of("fal-ai/gpt-image-1.5/edit", |job| {
        job.mask = job.inputs.first().cloned();
        job.params.quality = Some("high".to_owned());
        job.params.seed = Some(7);
    });
    let want = json!({ "prompt": "make it grey", "image_urls": [uri(0)], "mask_image_url": uri(1),
                       "num_images": 1, "quality": "high" });
    assert_eq!(masked.unwrap(), want);
}

#[test]
fn leaves_formats_to_the_gateway_that_the_model_has_not() {
    for (format, want) in [("png", json!("png")), ("webp", Value::Null)] {
        let body = input_of("fal-ai/flux-pro/kontext", |job| {
            job.params.output_format = Some(format.to_owned());
        });
        assert_eq!(body.unwrap()["output_format"], want);
    }
}

#[test]
fn refuses_what_the_model_cannot_take() {
    let two = input_of("fal-ai/flux-pro/kontext", |job| job.inputs.extend(job.inputs.clone()));
    let mask = input_of("fal-ai/nano-banana/edit", |job| job.mask = job.inputs.first().cloned());
    for refused in [two, mask] {
        assert_eq!(refused.unwrap_err().retry, Retry::Elsewhere);
    }
}

#[test]
fn passes_options_but_none_that_say_it_otherwise() {
    let with = |name: &str, value: Value| {
        input_of("fal-ai/nano-banana/edit", |job| {
            job.options = [(name.to_owned(), value)].into_iter().collect();
        })
    };
    assert_eq!(with("safety_tolerance", json!("2")).unwrap()["safety_tolerance"], "2");
    assert!(with("prompt", json!("other")).is_err());
    assert!(with("image_urls", json!([])).is_err());
}
