//! Our words and OpenAI's, in tables: what each family of models takes, and the sizes it makes.

use retouch_sdk::{Failure, Image, Job, Output, Params, Part, Retry, Size};
use serde_json::Value;

use crate::fail;
use crate::wire::Picture;

/// A family of models.
struct Family {
    /// How their names begin.
    prefix: &'static str,
    sizes: Sizes,
    input_fidelity: bool,
}

/// Which sizes a family makes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sizes {
    /// Those of [`FIXED`].
    Fixed,
    /// Any within [`legal`].
    Free,
    /// Nobody knows: an exact size goes as it is, anything else as one of [`FIXED`].
    AsAsked,
}

/// The first whose prefix fits. A deployment may have any name, and services of the same form have
/// models of their own: the last one is for these.
const FAMILIES: [Family; 6] = [
    family("gpt-image-2", Sizes::Free, false),
    // It knows but one fidelity.
    family("gpt-image-1-mini", Sizes::Fixed, false),
    family("gpt-image-1", Sizes::Fixed, true),
    family("chatgpt-image", Sizes::Fixed, true),
    // Was never asked for a fidelity, and has sizes of its own.
    family("dall-e", Sizes::AsAsked, false),
    family("", Sizes::AsAsked, true),
];

const FIXED: [Size; 3] = [size(1024, 1024), size(1536, 1024), size(1024, 1536)];

/// About how many pixels a tier has.
const TIERS: [(&str, u32); 3] = [("1K", 1_048_576), ("2K", 4_194_304), ("4K", MAX_PIXELS)];

const MIN_PIXELS: u32 = 655_360;
const MAX_PIXELS: u32 = 8_294_400;
const MAX_SIDE: u32 = 3_840;
const MAX_RATIO: u32 = 3;
/// Both sides are multiples of it.
const GRAIN: u32 = 16;

/// What `provider_options` may not say: it is said elsewhere, or would change the answer's form.
const OURS: [&str; 9] = [
    "model",
    "prompt",
    "image",
    "image[]",
    "mask",
    "n",
    "stream",
    "partial_images",
    "response_format",
];

const fn family(prefix: &'static str, sizes: Sizes, input_fidelity: bool) -> Family {
    Family { prefix, sizes, input_fidelity }
}

const fn size(width: u32, height: u32) -> Size {
    Size { width, height }
}

/// The form's text fields but for the model.
pub(crate) fn fields(job: &Job, model: &str) -> Result<Vec<Part>, Failure> {
    let family = FAMILIES.iter().find(|family| model.starts_with(family.prefix));
    let sizes = family.map_or(Sizes::AsAsked, |family| family.sizes);
    let params = &job.params;
    let fidelity = family.filter(|family| family.input_fidelity);
    let given = [
        ("size", picture_size(job, sizes).map(|size| format!("{}x{}", size.width, size.height))),
        ("quality", params.quality.clone()),
        ("background", params.background.clone()),
        ("output_format", params.output_format.clone()),
        ("output_compression", compression(params)),
        ("input_fidelity", fidelity.and(params.input_fidelity.clone())),
        ("user", params.user.clone()),
    ];
    let mut parts =
        vec![Part::text("prompt", &job.prompt), Part::text("n", job.n.max(1).to_string())];
    parts.extend(given.into_iter().filter_map(|(name, value)| Some(Part::text(name, value?))));
    for (name, value) in &job.options {
        parts.push(option(name, value)?);
    }
    Ok(parts)
}

/// The pictures in the client's order, then the mask, whose handle is the one after the last.
pub(crate) fn images(job: &Job) -> Vec<Part> {
    let named = (0..).zip(&job.inputs);
    let mut parts: Vec<Part> = named
        .map(|(n, input)| {
            Part::image("image[]", Image(n), format!("image-{n}.{}", end(&input.mime)))
        })
        .collect();
    let mask = (0..).map(Image).nth(job.inputs.len()).filter(|_| job.mask.is_some());
    parts.extend(mask.map(|mask| Part::image("mask", mask, "mask.png")));
    parts
}

/// One picture of an answer.
pub(crate) fn output(picture: &Picture) -> Output {
    let output = match (&picture.b64_json, &picture.url) {
        (Some(base64), _) => Output::embedded(base64),
        (None, Some(Value::String(url))) if url.starts_with("http") => Ok(Output::url(url)),
        (None, Some(Value::String(text))) if !text.starts_with("data:") => Err(fail::no_picture()),
        (None, Some(data)) => Output::embedded(data),
        (None, None) if picture.filtered => Err(fail::filtered()),
        (None, None) => Err(fail::no_picture()),
    };
    // Whatever it is, it was made by a request that is paid for.
    output.unwrap_or_else(|failure| Output::Failed(failure.retry(Retry::Never)))
}

/// It means something for these two only, and is refused for PNG.
fn compression(params: &Params) -> Option<String> {
    let lossy = matches!(params.output_format.as_deref(), Some("jpeg" | "webp"));
    params.output_compression.filter(|_| lossy).map(|percent| percent.to_string())
}

fn option(name: &str, value: &Value) -> Result<Part, Failure> {
    let refuse = |why: &str| Failure::invalid_request(format!("provider_options.{name}: {why}"));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'[' | b']');
    if name.len() > 64 || !name.bytes().all(plain) {
        let why = "provider_options: a name has characters that no field of this provider has";
        return Err(Failure::invalid_request(why));
    }
    if OURS.contains(&name) {
        return Err(refuse("set by the gateway; use the request's own field"));
    }
    match value {
        Value::String(text) => Ok(Part::text(name, text)),
        Value::Bool(_) | Value::Number(_) => Ok(Part::text(name, value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(refuse("write text, a number, true or false"))
        }
    }
}

fn end(mime: &str) -> &'static str {
    match mime {
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        _ => "png",
    }
}

/// The size to ask for; none where nothing is asked, or nothing that can be read.
fn picture_size(job: &Job, sizes: Sizes) -> Option<Size> {
    let params = &job.params;
    let exact = params.size.filter(|size| size.width > 0 && size.height > 0);
    if let (Some(exact), Sizes::AsAsked) = (exact, sizes) {
        return Some(exact);
    }
    let wanted = exact.or_else(|| by_ratio(job))?;
    Some(match sizes {
        Sizes::Free => legal(wanted),
        Sizes::Fixed | Sizes::AsAsked => fixed(wanted),
    })
}

/// A tier's pixels in the ratio that is asked for, or else in the first picture's own.
fn by_ratio(job: &Job) -> Option<Size> {
    let asked = job.params.aspect_ratio.as_deref().and_then(ratio);
    let tier = |name: &str| TIERS.into_iter().find(|(tier, _)| tier.eq_ignore_ascii_case(name));
    let tier = job.params.resolution.as_deref().and_then(tier);
    if asked.is_none() && tier.is_none() {
        return None;
    }
    let own = || job.inputs.first().map(|input| (input.width, input.height));
    let (across, down) = asked.or_else(own).filter(|(w, h)| *w > 0 && *h > 0).unwrap_or((1, 1));
    let pixels = tier.map_or(TIERS[0].1, |(_, pixels)| pixels);
    Some(scaled(f64::from(across) / f64::from(down), f64::from(pixels)))
}

/// `3:4` as its two numbers.
fn ratio(text: &str) -> Option<(u32, u32)> {
    let (across, down) = text.split_once(':')?;
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|side| *side > 0);
    Some((side(across)?, side(down)?))
}

/// The fixed size whose ratio is nearest: the one whose quotient with it is nearest to one.
fn fixed(wanted: Size) -> Size {
    let away = |size: &Size| (quotient(*size) / quotient(wanted)).ln().abs();
    let nearest = FIXED.into_iter().min_by(|a, b| away(a).total_cmp(&away(b)));
    nearest.unwrap_or(FIXED[0])
}

/// The nearest size that gpt-image-2 makes.
fn legal(wanted: Size) -> Size {
    if is_legal(wanted) {
        return wanted;
    }
    let limit = f64::from(MAX_RATIO);
    let ratio = quotient(wanted).clamp(1.0 / limit, limit);
    let pixels = f64::from(wanted.width) * f64::from(wanted.height);
    let mut size = scaled(ratio, pixels.clamp(f64::from(MIN_PIXELS), f64::from(MAX_PIXELS)));
    // Rounding may have left the bounds by a step or two.
    while !is_legal(size) {
        let wide = size.width >= size.height;
        let (long, short) = if wide {
            (&mut size.width, &mut size.height)
        } else {
            (&mut size.height, &mut size.width)
        };
        if *long > MAX_SIDE || *long > MAX_RATIO * *short || *long * *short > MAX_PIXELS {
            *long -= GRAIN;
        } else {
            *short += GRAIN;
        }
    }
    size
}

fn is_legal(size: Size) -> bool {
    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
    let pixels = u64::from(long) * u64::from(short);
    long % GRAIN == 0
        && short % GRAIN == 0
        && long <= MAX_SIDE
        && u64::from(long) <= u64::from(short) * u64::from(MAX_RATIO)
        && (u64::from(MIN_PIXELS)..=u64::from(MAX_PIXELS)).contains(&pixels)
}

/// About that many pixels in that ratio, neither side longer than allowed.
fn scaled(ratio: f64, pixels: f64) -> Size {
    let (width, height) = ((pixels * ratio).sqrt(), (pixels / ratio).sqrt());
    let shrink = (f64::from(MAX_SIDE) / width.max(height)).min(1.0);
    let grain = |side: f64| ((side * shrink / f64::from(GRAIN)).round() as u32).max(1) * GRAIN;
    size(grain(width), grain(height))
}

fn quotient(size: Size) -> f64 {
    f64::from(size.width) / f64::from(size.height)
}

#[cfg(test)]
mod tests;
