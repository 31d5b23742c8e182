//! fal's models, in a table: each names its own fields.

/// One model of fal's.
struct Model {
    id: &'static str,
    /// `image_url` for one picture, `image_urls` for several.
    images: &'static str,
    /// Only where transparent pixels are what is edited; most models want them white.
    mask: Option<&'static str>,
    shape: Shape,
    /// Whether it takes `num_images`.
    several: bool,
    /// What `output_format` may be.
    formats: &'static [&'static str],
    /// Fields that are called as ours are.
    same: &'static [&'static str],
}

/// How a model is told the form of its pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Not at all.
    None,
    /// `image_size` as width and height.
    Pixels,
    /// `image_size` as `1024x1024`, `1536x1024` or `1024x1536`.
    Named,
    /// `aspect_ratio` out of these, and `resolution` out of those.
    Ratio(&'static [&'static str], &'static [&'static str]),
    /// By whichever field says what was asked.
    Unknown,
}

/// What a model's fields are called.
#[derive(Debug, PartialEq)]
pub(crate) struct Fields {
    pub(crate) images: Images,
    pub(crate) mask: Option<&'static str>,
    pub(crate) shape: Shape,
    pub(crate) several: bool,
    pub(crate) formats: &'static [&'static str],
    pub(crate) same: &'static [&'static str],
}

/// The field for pictures.
#[derive(Debug, PartialEq)]
pub(crate) struct Images {
    pub(crate) field: String,
    /// Whether it is a list.
    pub(crate) many: bool,
}

const ONE: &str = "image_url";
const MANY: &str = "image_urls";
const GOOGLE: &[&str] = &["21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"];
const FLUX: &[&str] = &["21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"];
const JPEG_PNG: &[&str] = &["jpeg", "png"];
const ALL_FORMATS: &[&str] = &["jpeg", "png", "webp"];
const SEED: &[&str] = &["seed"];
const SEED_NEGATIVE: &[&str] = &["seed", "negative_prompt"];
const GPT: &[&str] = &["quality", "background", "input_fidelity"];

#[rustfmt::skip]
const MODELS: [Model; 14] = [
    model("fal-ai/nano-banana/edit", MANY, Shape::Ratio(GOOGLE, &[]), true, ALL_FORMATS, &[]),
    model("fal-ai/nano-banana-2/edit", MANY, Shape::Ratio(GOOGLE, &["0.5K", "1K", "2K", "4K"]), true, ALL_FORMATS, SEED),
    model("fal-ai/nano-banana-pro/edit", MANY, Shape::Ratio(GOOGLE, &["1K", "2K", "4K"]), true, ALL_FORMATS, SEED),
    model("fal-ai/flux-pro/kontext", ONE, Shape::Ratio(FLUX, &[]), true, JPEG_PNG, SEED),
    model("fal-ai/flux-pro/kontext/max", ONE, Shape::Ratio(FLUX, &[]), true, JPEG_PNG, SEED),
    model("fal-ai/flux-pro/kontext/multi", MANY, Shape::Ratio(FLUX, &[]), true, JPEG_PNG, SEED),
    model("fal-ai/flux-2/edit", MANY, Shape::Pixels, true, JPEG_PNG, SEED),
    model("fal-ai/flux-2-pro/edit", MANY, Shape::Pixels, false, JPEG_PNG, SEED),
    model("fal-ai/bytedance/seedream/v4/edit", MANY, Shape::Pixels, true, &[], SEED),
    model("fal-ai/bytedance/seedream/v4.5/edit", MANY, Shape::Pixels, true, &[], SEED),
    model("fal-ai/bytedance/seededit/v3/edit-image", ONE, Shape::None, false, &[], SEED),
    model("fal-ai/qwen-image-edit", ONE, Shape::Pixels, true, JPEG_PNG, SEED_NEGATIVE),
    model("fal-ai/qwen-image-edit-plus", MANY, Shape::Pixels, true, JPEG_PNG, SEED_NEGATIVE),
    Model { mask: Some("mask_image_url"), ..model("fal-ai/gpt-image-1.5/edit", MANY, Shape::Named, true, ALL_FORMATS, GPT) },
];

/// For a model that is not listed: the commonest names. `[options]` of the provider mends them.
const UNLISTED: Model = model("", MANY, Shape::Unknown, true, ALL_FORMATS, SEED_NEGATIVE);

const fn model(
    id: &'static str,
    images: &'static str,
    shape: Shape,
    several: bool,
    formats: &'static [&'static str],
    same: &'static [&'static str],
) -> Model {
    Model { id, images, mask: None, shape, several, formats, same }
}

/// What the fields of that model are called.
pub(crate) fn fields(id: &str) -> Fields {
    let model = MODELS.iter().find(|model| model.id == id).unwrap_or(&UNLISTED);
    Fields {
        images: Images { field: model.images.to_owned(), many: model.images == MANY },
        mask: model.mask,
        shape: model.shape,
        several: model.several,
        formats: model.formats,
        same: model.same,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Fields, MODELS, Shape, fields};

    fn params(fields: &Fields) -> Vec<&'static str> {
        let shape: &[&str] = match fields.shape {
            Shape::None => &[],
            Shape::Ratio(_, []) => &["size", "aspect_ratio"],
            Shape::Pixels | Shape::Named | Shape::Ratio(..) | Shape::Unknown => {
                &["size", "resolution", "aspect_ratio"]
            }
        };
        let format = (!fields.formats.is_empty()).then_some("output_format");
        shape.iter().chain(fields.same).copied().chain(format).collect()
    }

    /// What the gateway is told of a model in the label is what the table has.
    #[test]
    fn label_offers_what_the_table_has() {
        let label: Value = serde_json::from_str(include_str!("../label.json")).unwrap();
        let queue = &label["types"][0];
        let models = queue["models"].as_array().unwrap();
        assert_eq!(models.len(), MODELS.len());
        for (model, id) in models.iter().zip(MODELS.map(|model| model.id)).chain([(queue, "")]) {
            let fields = fields(id);
            let caps = |name: &str| model["caps"].get(name).unwrap_or(&queue["caps"][name]);
            assert!(model["id"] == id || id.is_empty(), "{id}");
            let edit = model["endpoints"]["edit"].as_str();
            assert_eq!(edit.and_then(|edit| edit.strip_prefix('/')).unwrap_or_default(), id);
            assert_eq!(*caps("params"), Value::from(params(&fields)), "{id}");
            assert_eq!(*caps("mask"), Value::from(fields.mask.is_some()), "{id}");
            assert_eq!(caps("n").as_u64().unwrap() > 1, fields.several, "{id}");
            assert_eq!(caps("max_images").as_u64().unwrap() > 1, fields.images.many, "{id}");
        }
    }
}
