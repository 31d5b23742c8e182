//! The form of a picture: size, ratio and tier, in whichever way a model is told it.

use retouch_sdk::{Job, Params, Size};
use serde_json::{Map, Value, json};

use crate::model::Shape;

/// The sizes that have names, which are the sizes themselves.
const NAMED: [&str; 3] = ["1024x1024", "1536x1024", "1024x1536"];

/// How long a square of a tier is, and up to which longest side one would ask it for.
const TIERS: [(&str, u32, u32); 4] =
    [("0.5K", 512, 768), ("1K", 1_024, 1_536), ("2K", 2_048, 2_560), ("4K", 4_096, u32::MAX)];
/// Sides are multiples of it.
const GRAIN: u32 = 16;

/// The fields that say it, as the model names them.
pub(crate) fn fields(job: &Job, shape: Shape) -> Map<String, Value> {
    let asked = Asked::of(job);
    let tier = asked.tier.map(|(name, ..)| name);
    let fields: Vec<(&str, Value)> = match (shape, asked.any()) {
        (Shape::None, _) | (_, false) => Vec::new(),
        (Shape::Pixels, _) => vec![("image_size", pixels(asked.size()))],
        (Shape::Named, _) => {
            let named = nearest(&NAMED, 'x', asked.quotient());
            named.map(|name| ("image_size", json!(name))).into_iter().collect()
        }
        (Shape::Ratio(ratios, tiers), _) => {
            let ratio = asked.has_ratio().then(|| nearest(ratios, ':', asked.quotient())).flatten();
            let tier = tier.filter(|tier| tiers.contains(tier));
            let said = [("aspect_ratio", ratio), ("resolution", tier)];
            said.into_iter().filter_map(|(name, value)| Some((name, json!(value?)))).collect()
        }
        (Shape::Unknown, _) => unknown(&job.params),
    };
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn unknown(params: &Params) -> Vec<(&'static str, Value)> {
    match (params.size, &params.aspect_ratio, &params.resolution) {
        (Some(size), ..) => vec![("image_size", pixels(size))],
        (None, ratio, tier) => {
            let said = [("aspect_ratio", ratio), ("resolution", tier)];
            said.into_iter()
                .filter_map(|(name, value)| Some((name, json!(value.as_ref()?))))
                .collect()
        }
    }
}

fn pixels(size: Size) -> Value {
    json!({ "width": size.width, "height": size.height })
}

/// What was asked of a picture's form.
struct Asked {
    exact: Option<Size>,
    ratio: Option<f64>,
    tier: Option<(&'static str, u32, u32)>,
    /// The first picture's.
    own: f64,
}

impl Asked {
    fn of(job: &Job) -> Self {
        let params = &job.params;
        let exact = params.size.filter(|size| size.width > 0 && size.height > 0);
        let longest = exact.map(|size| size.width.max(size.height));
        let named = params.resolution.as_deref();
        let by_name = named.and_then(|n| TIERS.into_iter().find(|t| t.0.eq_ignore_ascii_case(n)));
        // The half tier is for whoever names it.
        let by_size =
            || TIERS.into_iter().skip(1).find(|tier| longest.is_some_and(|l| l <= tier.2));
        let first = job.inputs.first().filter(|input| input.width > 0 && input.height > 0);
        Self {
            exact,
            ratio: params.aspect_ratio.as_deref().and_then(|ratio| quotient(ratio, ':')),
            tier: by_name.or_else(by_size),
            own: first.map_or(1.0, |input| f64::from(input.width) / f64::from(input.height)),
        }
    }

    fn any(&self) -> bool {
        self.has_ratio() || self.tier.is_some()
    }

    fn has_ratio(&self) -> bool {
        self.exact.is_some() || self.ratio.is_some()
    }

    fn quotient(&self) -> f64 {
        let exact = self.exact.map(|size| f64::from(size.width) / f64::from(size.height));
        self.ratio.or(exact).unwrap_or(self.own)
    }

    fn size(&self) -> Size {
        if let Some(exact) = self.exact {
            return exact;
        }
        let square = f64::from(self.tier.map_or(1_024, |(_, side, _)| side));
        let root = self.quotient().sqrt();
        let grain = |side: f64| ((side / f64::from(GRAIN)).round() as u32).max(1) * GRAIN;
        Size { width: grain(square * root), height: grain(square / root) }
    }
}

/// The one whose quotient is nearest: the quotient of both nearest to one.
fn nearest(names: &[&'static str], between: char, wanted: f64) -> Option<&'static str> {
    let away = |name: &str| quotient(name, between).map_or(f64::MAX, |q| (q / wanted).ln().abs());
    names.iter().copied().min_by(|a, b| away(a).total_cmp(&away(b)))
}

/// `3:4` or `1024x1536` as one number.
fn quotient(text: &str, between: char) -> Option<f64> {
    let (across, down) = text.split_once(between)?;
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|side| *side > 0).map(f64::from);
    Some(side(across)? / side(down)?)
}

#[cfg(test)]
mod tests;
