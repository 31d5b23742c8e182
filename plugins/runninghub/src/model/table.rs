//! The models, a row each, as RunningHub's public registry has them (2026-09). Their paths follow no
//! rule, so none is ever built from one. A model that is not here is served by its path, as the
//! first of these is.

use super::field::{Field, Holds, Ours};
use super::shape::Shape;
use super::{Images, Model, Slot};

const MB: u64 = 1_000_000;
const PNG_JPEG: &[&str] = &["image/png", "image/jpeg"];
const AND_WEBP: &[&str] = &["image/png", "image/jpeg", "image/webp"];

const TEN: &[&str] = &["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "5:4", "4:5", "21:9"];
const FOURTEEN: &[&str] = &[
    "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "5:4", "4:5", "21:9", "1:4", "4:1", "1:8",
    "8:1",
];
const FIFTEEN: &[&str] = &[
    "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "5:4", "4:5", "21:9", "9:21", "1:2", "2:1",
    "1:3", "3:1",
];
const SEVEN: &[&str] = &["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"];
const TO_4K: &[&str] = &["1k", "2k", "4k"];

const GPT_SIZES: &[(u32, u32)] = &[(1024, 1024), (1024, 1536), (1536, 1024)];
#[rustfmt::skip]
const QWEN_SIZES: &[(u32, u32)] = &[
    (1024, 1024), (1536, 1536), (768, 1152), (1024, 1536), (1152, 768), (1536, 1024), (960, 1280),
    (1080, 1440), (1280, 960), (1440, 1080), (720, 1280), (1080, 1920), (1280, 720), (1920, 1080),
    (1344, 576), (2048, 872),
];

const QUALITY: Field =
    field("quality", Ours::Quality, Holds::OneOf(&["low", "medium", "high"]), Some("medium"));
const QUALITY_TO_MAX: Field = field(
    "quality",
    Ours::Quality,
    Holds::OneOf(&["auto", "low", "medium", "high", "xhigh", "max"]),
    Some("auto"),
);
const FIDELITY: Field =
    field("inputFidelity", Ours::InputFidelity, Holds::OneOf(&["low", "high"]), None);
const BACKGROUND: Field =
    field("background", Ours::Background, Holds::OneOf(&["auto", "transparent", "opaque"]), None);
const FORMAT: Field =
    field("outputFormat", Ours::OutputFormat, Holds::OneOf(&["png", "jpeg", "webp"]), None);
const GROK: Field =
    field("model", Ours::Nothing, Holds::OneOf(&["g-3", "g-4", "g-4.1", "g-4.2"]), Some("g-4.2"));
const NUM_IMAGES: Field = field("numImages", Ours::N, Holds::NumberAsText(4), Some("1"));
const IMAGE_NUM: Field = field("imageNum", Ours::N, Holds::NumberAsText(6), None);
const NEGATIVE: Field = field("negativePrompt", Ours::NegativePrompt, Holds::Text(500), None);
// These make up to so many pictures, as the model likes: no way to keep to a client's `n`.
const SEQUENTIAL: Field =
    field("sequentialImageGeneration", Ours::Nothing, Holds::OneOf(&["disabled", "auto"]), None);
const MAX_IMAGES: Field = field("maxImages", Ours::Nothing, Holds::Number(15), None);

const SEEDREAM: &[Field] = &[SEQUENTIAL, MAX_IMAGES];
const QWEN: &[Field] = &[NEGATIVE, IMAGE_NUM];

#[rustfmt::skip]
pub(crate) static MODELS: [Model; 25] = [
    row("rhart-image-n-pro", "rhart-image-n-pro/edit", urls(10, 10, PNG_JPEG), 20_000, ratio(TEN, TO_4K), &[]),
    row("rhart-image-n-pro-official", "rhart-image-n-pro-official/edit", urls(10, 10, PNG_JPEG), 20_000, ratio(TEN, TO_4K), &[]),
    row("rhart-image-n-pro-official-ultra", "rhart-image-n-pro-official/edit-ultra", urls(10, 10, PNG_JPEG), 20_000, ratio(TEN, &["4k", "8k"]), &[]),
    row("rhart-image-n-g31-flash", "rhart-image-n-g31-flash/image-to-image", urls(10, 30, PNG_JPEG), 20_000, ratio(FOURTEEN, TO_4K), &[]),
    row("rhart-image-n-g31-flash-official", "rhart-image-n-g31-flash-official/image-to-image", urls(14, 10, PNG_JPEG), 20_000, ratio(FOURTEEN, TO_4K), &[]),
    row("rhart-image-n-g31-flash-lite", "rhart-image-n-g31-flash-lite/image-to-image", urls(10, 30, PNG_JPEG), 20_000, ratio(FOURTEEN, &[]), &[]),
    row("rhart-image-n-g31-flash-lite-official", "rhart-image-n-g31-flash-lite-official/image-to-image", urls(4, 10, PNG_JPEG), 20_000, auto(FOURTEEN, &[]), &[]),
    row("rhart-image-v1", "rhart-image-v1/edit", urls(5, 10, PNG_JPEG), 20_000, auto(TEN, &[]), &[]),
    row("rhart-image-v1-official", "rhart-image-v1-official/edit", urls(5, 10, PNG_JPEG), 20_000, auto(TEN, &[]), &[]),
    row("rhart-image-g-1.5-official", "rhart-image-g-1.5-official/image-to-image", urls(10, 50, PNG_JPEG), 20_000, size(GPT_SIZES, true), &[QUALITY, FIDELITY, BACKGROUND]),
    row("rhart-image-g-2", "rhart-image-g-2/image-to-image", urls(10, 30, PNG_JPEG), 20_000, ratio(FIFTEEN, TO_4K), &[]),
    row("rhart-image-g-2-official", "rhart-image-g-2-official/image-to-image", urls(10, 10, AND_WEBP), 20_000, ratio(FIFTEEN, TO_4K), &[QUALITY]),
    row("rhart-image-g-2.5-official-token/sunburst", "rhart-image-g-2.5-official-token/sunburst/edit", urls(16, 10, PNG_JPEG), 32_000, ratio(FIFTEEN, TO_4K), &[QUALITY_TO_MAX, BACKGROUND, FORMAT]),
    row("rhart-image-g", "rhart-image-g/image-to-image", one(Slot::Url, PNG_JPEG), 20_000, Shape::Kept, &[GROK]),
    row("rhart-image-g-3", "rhart-image-g-3/image-to-image", urls(1, 10, PNG_JPEG), 20_000, Shape::Kept, &[]),
    row("rhart-image-g-4", "rhart-image-g-4/image-to-image", urls(1, 10, PNG_JPEG), 20_000, Shape::Kept, &[]),
    row("rhart-image-x-official", "rhart-image-x-official/edit", one(Slot::Image, AND_WEBP), 20_000, Shape::Kept, &[]),
    row("rhart-imagine-image-quality", "rhart-imagine-image-quality/edit", one(Slot::Url, AND_WEBP), 4_000, auto(SEVEN, &["1k", "2k"]), &[NUM_IMAGES, FORMAT]),
    row("seedream-v4", "seedream-v4/image-to-image", urls(10, 10, PNG_JPEG), 2_000, pixels((512, 512), (8192, 8192), TO_4K), SEEDREAM),
    row("seedream-v4.5", "seedream-v4.5/image-to-image", urls(10, 10, PNG_JPEG), 2_000, pixels((512, 512), (8192, 8192), &["2k", "4k"]), SEEDREAM),
    row("seedream-v5-lite", "seedream-v5-lite/image-to-image", urls(10, 10, PNG_JPEG), 2_000, pixels((1600, 1344), (4704, 4096), &["2k", "3k"]), SEEDREAM),
    row("alibaba/qwen-image-2.0", "alibaba/qwen-image-2.0/image-edit", urls(3, 10, AND_WEBP), 800, size(QWEN_SIZES, false), QWEN),
    row("alibaba/qwen-image-2.0-pro", "alibaba/qwen-image-2.0-pro/image-edit", urls(3, 10, AND_WEBP), 800, size(QWEN_SIZES, false), QWEN),
    row("alibaba/wan-2.7", "alibaba/wan-2.7/image-edit", urls(9, 10, AND_WEBP), 2_048, pixels((512, 512), (4096, 4096), &[]), &[]),
    row("alibaba/wan-2.7-pro", "alibaba/wan-2.7/image-edit-pro", urls(9, 10, AND_WEBP), 2_048, pixels((512, 512), (4096, 4096), &[]), &[]),
];

const fn row(
    id: &'static str,
    path: &'static str,
    images: Images,
    prompt_chars: usize,
    shape: Shape,
    fields: &'static [Field],
) -> Model {
    Model { id, path, images, prompt_chars, shape, fields }
}

const fn urls(most: usize, megabytes: u64, mimes: &'static [&'static str]) -> Images {
    Images { slot: Slot::Urls, most, bytes: megabytes * MB, mimes }
}

const fn one(slot: Slot, mimes: &'static [&'static str]) -> Images {
    Images { slot, most: 1, bytes: 10 * MB, mimes }
}

const fn ratio(ratios: &'static [&'static str], tiers: &'static [&'static str]) -> Shape {
    Shape::Ratio { ratios, auto: false, tiers }
}

const fn auto(ratios: &'static [&'static str], tiers: &'static [&'static str]) -> Shape {
    Shape::Ratio { ratios, auto: true, tiers }
}

const fn size(sizes: &'static [(u32, u32)], required: bool) -> Shape {
    Shape::Size { sizes, required }
}

const fn pixels(least: (u32, u32), most: (u32, u32), tiers: &'static [&'static str]) -> Shape {
    Shape::Pixels { least, most, tiers }
}

const fn field(
    name: &'static str,
    ours: Ours,
    holds: Holds,
    always: Option<&'static str>,
) -> Field {
    Field { name, ours, holds, always }
}
