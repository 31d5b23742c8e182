//! Our words and RunningHub's, in tables: ratios, resolutions, sizes, currencies.

use retouch_sdk::prelude::json;
use retouch_sdk::{Cost, Failure, Image, Job, Params, Size};

use crate::wire;

/// What `aspectRatio` may be. There is no `auto`: the field is left out to keep the input's ratio.
const RATIOS: [(&str, u32, u32); 10] = [
    ("1:1", 1, 1),
    ("16:9", 16, 9),
    ("9:16", 9, 16),
    ("4:3", 4, 3),
    ("3:4", 3, 4),
    ("3:2", 3, 2),
    ("2:3", 2, 3),
    ("5:4", 5, 4),
    ("4:5", 4, 5),
    ("21:9", 21, 9),
];

/// What `resolution` may be, in lower case only, and the longest side one would ask it for.
const TIERS: [(&str, u32); 3] = [("1k", 1536), ("2k", 2560), ("4k", u32::MAX)];

/// Currency by the end of the host's name; the two sites have separate accounts.
const CURRENCIES: [(&str, &str); 2] = [(".ai", "USD"), ("", "CNY")];

/// RunningHub's own limit.
const MAX_PROMPT_CHARS: usize = 20_000;
/// As JSON: it is kept in the state while images are uploaded, and a state holds 64 KiB. Enough for
/// `MAX_PROMPT_CHARS` of Chinese.
const MAX_PROMPT_BYTES: usize = 60_100;
/// Inside a JSON body; uploaded images may be larger.
const MAX_DATA_URI_BYTES: u64 = 5_000_000;

/// The submit's body, still without its images.
pub(crate) fn edit(job: &Job) -> Result<wire::Edit, Failure> {
    if let Some(option) = job.options.keys().next() {
        let message = format!("provider_options.{option}: this provider knows no such option");
        return Err(Failure::invalid_request(message));
    }
    Ok(wire::Edit {
        prompt: prompt(&job.prompt)?,
        resolution: resolution(&job.params)?.to_owned(),
        aspect_ratio: aspect_ratio(&job.params)?.map(str::to_owned),
        image_urls: Vec::new(),
    })
}

/// The images as they ride in the submit itself.
pub(crate) fn data_uris(job: &Job) -> Result<Vec<serde_json::Value>, Failure> {
    for (n, input) in job.inputs.iter().enumerate() {
        if input.bytes > MAX_DATA_URI_BYTES {
            return Err(Failure::invalid_request(format!(
                "image[{n}]: {} bytes, but without an upload endpoint this provider takes at most \
                 {MAX_DATA_URI_BYTES} an image; send a smaller one",
                input.bytes
            )));
        }
    }
    Ok((0..).zip(&job.inputs).map(|(n, _)| Image(n).as_data_uri()).collect())
}

/// What the images are called on upload, in their order.
pub(crate) fn file_names(job: &Job) -> Vec<String> {
    let named = job.inputs.iter().enumerate();
    named
        .map(|(n, input)| match input.mime.as_str() {
            "image/jpeg" => format!("image-{n}.jpg"),
            _ => format!("image-{n}.png"),
        })
        .collect()
}

/// A link as the submit wants it: some answers leave out the host.
pub(crate) fn absolute(host: &str, link: &str) -> String {
    match link.strip_prefix('/') {
        Some(path) => format!("{}/{path}", host.trim_end_matches('/')),
        None => link.to_owned(),
    }
}

/// What an edit cost at that host.
pub(crate) fn cost(amount: &str, host: &str) -> Cost {
    Cost { amount: amount.to_owned(), currency: currency(host).to_owned() }
}

fn currency(host: &str) -> &'static str {
    let name = host.split_once("://").map_or(host, |(_, rest)| rest);
    let name = name.split(['/', ':']).next().unwrap_or_default();
    let row = CURRENCIES.into_iter().find(|(end, _)| name.ends_with(end));
    row.map_or("CNY", |(_, currency)| currency)
}

fn prompt(prompt: &str) -> Result<String, Failure> {
    let bytes = json!(prompt).to_string().len();
    if prompt.chars().count() > MAX_PROMPT_CHARS || bytes > MAX_PROMPT_BYTES {
        return Err(Failure::invalid_request(format!(
            "prompt: too long; this provider takes at most {MAX_PROMPT_CHARS} characters \
             in {MAX_PROMPT_BYTES} bytes"
        )));
    }
    Ok(prompt.to_owned())
}

fn resolution(params: &Params) -> Result<&'static str, Failure> {
    let Some(asked) = params.resolution.as_deref().filter(|asked| !is_auto(asked)) else {
        return Ok(params.size.map_or("1k", tier_of));
    };
    let tier = TIERS.into_iter().find(|(tier, _)| tier.eq_ignore_ascii_case(asked));
    tier.map(|(tier, _)| tier).ok_or_else(|| refuse("resolution", asked, "1k, 2k, 4k"))
}

fn aspect_ratio(params: &Params) -> Result<Option<&'static str>, Failure> {
    let Some(asked) = params.aspect_ratio.as_deref().filter(|asked| !is_auto(asked)) else {
        return Ok(params.size.map(ratio_of));
    };
    match RATIOS.into_iter().find(|(ratio, ..)| *ratio == asked) {
        Some((ratio, ..)) => Ok(Some(ratio)),
        None => Err(refuse("aspect_ratio", asked, &RATIOS.map(|(ratio, ..)| ratio).join(", "))),
    }
}

fn is_auto(asked: &str) -> bool {
    asked.eq_ignore_ascii_case("auto")
}

fn refuse(field: &str, asked: &str, allowed: &str) -> Failure {
    // An asked value may be long; what is shown of it need not be.
    let asked: String = asked.chars().take(32).collect();
    Failure::invalid_request(format!("{field}: {asked} is not offered; use one of {allowed}"))
}

/// The tier whose pictures are about as long as that.
fn tier_of(size: Size) -> &'static str {
    let side = size.width.max(size.height);
    TIERS.into_iter().find(|(_, longest)| side <= *longest).map_or("4k", |(tier, _)| tier)
}

/// The ratio nearest to that size: the one whose quotient with it is nearest to one.
fn ratio_of(size: Size) -> &'static str {
    let asked = f64::from(size.width.max(1)) / f64::from(size.height.max(1));
    let away = |w: u32, h: u32| (asked * f64::from(h) / f64::from(w)).ln().abs();
    let nearest = RATIOS.into_iter().min_by(|a, b| away(a.1, a.2).total_cmp(&away(b.1, b.2)));
    nearest.map_or("1:1", |(ratio, ..)| ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(resolution: &str, aspect_ratio: &str, size: Option<(u32, u32)>) -> Params {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Params {
            resolution: given(resolution),
            aspect_ratio: given(aspect_ratio),
            size: size.map(|(width, height)| Size { width, height }),
            ..Params::default()
        }
    }

    #[test]
    fn asks_for_the_nearest_they_have() {
        for (resolution_, ratio, size, want) in [
            ("", "", None, ("1k", None)),
            ("2K", "3:4", None, ("2k", Some("3:4"))),
            ("4k", "auto", None, ("4k", None)),
            ("auto", "21:9", None, ("1k", Some("21:9"))),
            ("", "", Some((1024, 1024)), ("1k", Some("1:1"))),
            ("", "", Some((1536, 1024)), ("1k", Some("3:2"))),
            ("", "", Some((1024, 1792)), ("2k", Some("9:16"))),
            ("", "", Some((3840, 2160)), ("4k", Some("16:9"))),
            ("", "", Some((2560, 1080)), ("2k", Some("21:9"))),
            ("2k", "4:5", Some((1024, 1024)), ("2k", Some("4:5"))),
            ("", "", Some((0, 0)), ("1k", Some("1:1"))),
        ] {
            let params = params(resolution_, ratio, size);
            let got = (resolution(&params).unwrap(), aspect_ratio(&params).unwrap());
            assert_eq!(got, want, "{params:?}");
        }
    }

    #[test]
    fn refuses_what_they_have_not() {
        let resolution = resolution(&params("8K", "", None)).unwrap_err().message;
        assert_eq!(resolution, "resolution: 8K is not offered; use one of 1k, 2k, 4k");
        let ratio = aspect_ratio(&params("", "7:5", None)).unwrap_err().message;
        assert!(ratio.starts_with("aspect_ratio: 7:5 is not offered; use one of 1:1, 16:9"));
        assert!(prompt(&"长".repeat(20_000)).is_ok());
        assert!(prompt(&"x".repeat(20_001)).is_err());
        assert!(prompt(&"😀".repeat(20_000)).is_err());
        assert!(prompt(&"\u{1}".repeat(20_000)).is_err());
    }

    #[test]
    fn charges_by_site() {
        for (host, want) in [
            ("https://www.runninghub.cn", "CNY"),
            ("https://www.runninghub.ai/", "USD"),
            ("https://www.runninghub.ai:443", "USD"),
            ("http://127.0.0.1:9/a.ai", "CNY"),
        ] {
            assert_eq!(currency(host), want, "{host}");
        }
    }

    #[test]
    fn completes_links() {
        let host = "https://www.runninghub.ai/";
        assert_eq!(absolute(host, "/a/b.png"), "https://www.runninghub.ai/a/b.png");
        assert_eq!(absolute(host, "https://x.example/b"), "https://x.example/b");
    }
}
