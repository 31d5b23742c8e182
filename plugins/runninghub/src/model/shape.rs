//! How a picture's size and ratio are asked for. Clients give a size in pixels, a ratio, a tier
//! (`1K`), any of them or none; each model knows only some of these.

use retouch_sdk::{Failure, Job, Size};
use serde_json::{Map, Value};

/// A model's way of asking.
#[derive(Debug, PartialEq)]
pub(crate) enum Shape {
    /// `aspectRatio` and `resolution`, each one of a list.
    Ratio {
        ratios: &'static [&'static str],
        /// No ratio is written as `auto`; elsewhere the field is left out to keep the input's.
        auto: bool,
        /// In lower case only; empty where there is no `resolution`.
        tiers: &'static [&'static str],
    },
    /// `size`, one of a list.
    Size { sizes: &'static [(u32, u32)], required: bool },
    /// `width` and `height` within bounds, or `resolution` alone, which goes before them.
    Pixels { least: (u32, u32), most: (u32, u32), tiers: &'static [&'static str] },
    /// As the input is.
    Kept,
}

/// What a job asks of the picture's shape.
pub(crate) struct Asked<'a> {
    pub(crate) size: Option<Size>,
    pub(crate) ratio: Option<&'a str>,
    pub(crate) tier: Option<&'a str>,
    /// The first picture's.
    pub(crate) input: (u32, u32),
}

/// The longest side up to which a picture belongs to a tier.
const TIERS: [(&str, u32); 5] =
    [("1k", 1536), ("2k", 2560), ("3k", 3584), ("4k", 6144), ("8k", u32::MAX)];
/// 2048:872 passes for 21:9.
const SAME_RATIO: f64 = 0.02;

impl<'a> Asked<'a> {
    /// Options go before parameters, and `auto` is no wish.
    pub(crate) fn of(job: &'a Job, options: &'a Map<String, Value>) -> Self {
        let option = |name: &str| options.get(name).and_then(Value::as_str);
        let wish = |text: &&str| !text.eq_ignore_ascii_case("auto");
        let input = job.inputs.first().map_or((1, 1), |input| (input.width, input.height));
        Self {
            size: job.params.size,
            ratio: option("aspectRatio").or(job.params.aspect_ratio.as_deref()).filter(wish),
            tier: option("resolution").or(job.params.resolution.as_deref()).filter(wish),
            input,
        }
    }
}

impl Shape {
    /// What the option of that name may hold, where the shape has it.
    pub(crate) fn words(&self, option: &str) -> Option<&'static [&'static str]> {
        let words = match (self, option) {
            (Self::Ratio { ratios, .. }, "aspectRatio") => ratios,
            (Self::Ratio { tiers, .. } | Self::Pixels { tiers, .. }, "resolution") => tiers,
            _ => return None,
        };
        Some(*words).filter(|words| !words.is_empty())
    }

    /// Writes into a submit what comes nearest to what is asked; a word that is not offered is
    /// refused.
    pub(crate) fn put(
        &self,
        asked: &Asked<'_>,
        body: &mut Map<String, Value>,
    ) -> Result<(), Failure> {
        match self {
            Self::Ratio { ratios, auto, tiers } => {
                let ratio = ratio(asked, ratios)?.or(auto.then_some("auto"));
                put(body, "aspectRatio", ratio);
                // Where there are no tiers, the gateway has told the client so.
                let tier = if tiers.is_empty() { None } else { tier(asked, tiers)? };
                put(body, "resolution", tier);
            }
            Self::Size { sizes, required } => {
                let size = size(asked, sizes, *required)?;
                put(body, "size", size.map(|(width, height)| format!("{width}*{height}")));
            }
            Self::Pixels { least, most, tiers } => pixels(asked, *least, *most, tiers, body)?,
            Self::Kept => {}
        }
        Ok(())
    }
}

fn put(body: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}

fn ratio(asked: &Asked<'_>, ratios: &[&'static str]) -> Result<Option<&'static str>, Failure> {
    let Some(wish) = asked.ratio else {
        let nearest = |size: Size| {
            let away =
                |ratio: &&&str| away(quotient(ratio).unwrap_or(1.0), of(size.width, size.height));
            ratios.iter().min_by(|a, b| away(a).total_cmp(&away(b))).copied()
        };
        return Ok(asked.size.and_then(nearest));
    };
    let found = ratios.iter().find(|ratio| **ratio == wish);
    found.copied().map(Some).ok_or_else(|| refuse("aspect_ratio", wish, ratios))
}

fn tier(asked: &Asked<'_>, tiers: &[&'static str]) -> Result<Option<&'static str>, Failure> {
    let Some(wish) = asked.tier else {
        let of_size = asked.size.and_then(|size| {
            let (_, rest) = TIERS.split_at(TIERS.iter().position(|tier| fits(size, tier.1))?);
            rest.iter().find_map(|(name, _)| tiers.iter().find(|tier| *tier == name))
        });
        // Larger than the largest: the largest. Nothing asked: the smallest.
        let usual = if asked.size.is_some() { tiers.last() } else { tiers.first() };
        return Ok(of_size.or(usual).copied());
    };
    let found = tiers.iter().find(|tier| tier.eq_ignore_ascii_case(wish));
    found.copied().map(Some).ok_or_else(|| refuse("resolution", wish, tiers))
}

fn size(
    asked: &Asked<'_>,
    sizes: &[(u32, u32)],
    required: bool,
) -> Result<Option<(u32, u32)>, Failure> {
    if asked.size.is_none() && asked.ratio.is_none() && asked.tier.is_none() && !required {
        return Ok(None);
    }
    let offered = of_tier(asked, of_ratio(asked, sizes.to_vec())?)?;
    let (width, height) = asked.size.map_or(asked.input, |size| (size.width, size.height));
    let side = asked.size.map_or(nominal("1k"), |_| f64::from(width.max(height).max(1)));
    // The shape matters more than the number of pixels.
    let far = |(w, h): &(u32, u32)| {
        10.0 * away(of(*w, *h), of(width, height)) + away(f64::from(*w.max(h)), side)
    };
    Ok(offered.into_iter().min_by(|a, b| far(a).total_cmp(&far(b))))
}

fn of_ratio(asked: &Asked<'_>, sizes: Vec<(u32, u32)>) -> Result<Vec<(u32, u32)>, Failure> {
    let Some(wish) = asked.ratio else { return Ok(sizes) };
    let ratio = quotient(wish);
    let same =
        |(w, h): &&(u32, u32)| ratio.is_some_and(|ratio| away(ratio, of(*w, *h)) < SAME_RATIO);
    let found: Vec<_> = sizes.iter().filter(same).copied().collect();
    if found.is_empty() { Err(refuse("aspect_ratio", wish, &ratios_of(&sizes))) } else { Ok(found) }
}

fn of_tier(asked: &Asked<'_>, sizes: Vec<(u32, u32)>) -> Result<Vec<(u32, u32)>, Failure> {
    let Some(wish) = asked.tier else { return Ok(sizes) };
    let tier = |(w, h): &(u32, u32)| tier_of((*w).max(*h));
    let found: Vec<_> =
        sizes.iter().filter(|size| tier(size).eq_ignore_ascii_case(wish)).copied().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut offered: Vec<_> = sizes.iter().map(tier).collect();
    offered.sort_unstable();
    offered.dedup();
    Err(refuse("resolution", wish, &offered))
}

fn pixels(
    asked: &Asked<'_>,
    least: (u32, u32),
    most: (u32, u32),
    tiers: &[&'static str],
    body: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let named = if tiers.is_empty() { ["1k", "2k", "4k"].as_slice() } else { tiers };
    let wish = match asked.tier {
        Some(_) => tier(asked, named)?,
        None => None,
    };
    if asked.ratio.is_none() && asked.size.is_none() && !tiers.is_empty() {
        put(body, "resolution", wish);
        return Ok(());
    }
    if asked.ratio.is_none() && asked.size.is_none() && wish.is_none() {
        return Ok(());
    }
    let shape = match (asked.ratio, asked.size) {
        (Some(wish), _) => {
            quotient(wish).ok_or_else(|| refuse("aspect_ratio", wish, &["width:height"]))?
        }
        (None, Some(size)) => of(size.width, size.height),
        (None, None) => of(asked.input.0, asked.input.1),
    };
    let area = match (wish, asked.size) {
        (None, Some(size)) => f64::from(size.width.max(1)) * f64::from(size.height.max(1)),
        (wish, _) => nominal(wish.or(named.first().copied()).unwrap_or("1k")).powi(2),
    };
    let Some((width, height)) = within((area * shape).sqrt(), (area / shape).sqrt(), least, most)
    else {
        let ratio = asked.ratio.unwrap_or("that of size");
        return Err(refuse("aspect_ratio", ratio, &["those nearer to 1:1"]));
    };
    put(body, "width", Some(width));
    put(body, "height", Some(height));
    Ok(())
}

/// The same shape, scaled no more than needed to lie within the bounds, in steps of eight.
fn within(width: f64, height: f64, least: (u32, u32), most: (u32, u32)) -> Option<(u32, u32)> {
    let up = (f64::from(least.0) / width).max(f64::from(least.1) / height);
    let down = (f64::from(most.0) / width).min(f64::from(most.1) / height);
    // NaN and an empty range are refused alike.
    let scale = (up <= down).then(|| 1.0_f64.clamp(up, down))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between two bounds of type u32"
    )]
    let step = |side: f64, least: u32, most: u32| {
        ((side * scale / 8.0).round() as u32 * 8).clamp(least, most)
    };
    Some((step(width, least.0, most.0), step(height, least.1, most.1)))
}

fn fits(size: Size, longest: u32) -> bool {
    size.width.max(size.height) <= longest
}

fn tier_of(side: u32) -> &'static str {
    TIERS.into_iter().find(|(_, longest)| side <= *longest).map_or("8k", |(tier, _)| tier)
}

/// Such as `2:3` for 1024 by 1536.
fn ratios_of(sizes: &[(u32, u32)]) -> Vec<String> {
    let ratio = |&(w, h): &(u32, u32)| {
        let divides = |n: &u32| w % n == 0 && h % n == 0;
        let by = (1..=w.min(h)).rev().find(divides).unwrap_or(1);
        format!("{}:{}", w / by, h / by)
    };
    let mut ratios: Vec<String> = sizes.iter().map(ratio).collect();
    ratios.dedup();
    ratios
}

/// The side of a square of that tier.
fn nominal(tier: &str) -> f64 {
    let thousands = tier.trim_end_matches(['k', 'K']).parse::<u32>().unwrap_or(1);
    f64::from(thousands) * 1024.0
}

fn quotient(ratio: &str) -> Option<f64> {
    let (width, height) = ratio.split_once(':')?;
    let (width, height): (u32, u32) = (width.parse().ok()?, height.parse().ok()?);
    (width > 0 && height > 0).then(|| of(width, height))
}

fn of(width: u32, height: u32) -> f64 {
    f64::from(width.max(1)) / f64::from(height.max(1))
}

/// How far two numbers are apart; twice and half are equally far from once.
fn away(a: f64, b: f64) -> f64 {
    (a / b).ln().abs()
}

fn refuse(field: &str, asked: &str, offered: &[impl AsRef<str>]) -> Failure {
    // An asked value may be long; what is shown of it need not be.
    let asked: String = asked.chars().take(32).collect();
    let offered: Vec<&str> = offered.iter().map(AsRef::as_ref).collect();
    let offered = offered.join(", ");
    Failure::invalid_request(format!("{field}: {asked} is not offered; use one of {offered}"))
}
