//! What a provider can do of what is asked. Fields are of three classes: *hints* are dropped and
//! said so; *exact* ones are emulated by the gateway; what carries *meaning* rules a provider out.

use crate::catalog::document::nearest;
use crate::plugin::label::Caps;
use crate::request::EditRequest;
use crate::snapshot::Provider;

/// The field a provider cannot honour, and why, to follow its name in a sentence.
type Unfit = (&'static str, String);

/// Why a provider cannot do what is asked.
pub(super) fn unfit(provider: &Provider, request: &EditRequest) -> Option<Unfit> {
    let caps = &provider.caps;
    images(caps, request)
        .or_else(|| meaning(caps, request))
        .or_else(|| unknown_option(provider, request))
        .or_else(|| strictly(caps, request))
}

/// Fields that were given and do not count: this provider does not honour them, or the style stands
/// above them.
pub fn ignored(caps: &Caps, request: &EditRequest) -> Vec<String> {
    let mut ignored = request.overruled().to_vec();
    for name in given(request).filter(|name| !honours(caps, name)) {
        if !ignored.iter().any(|known| known == name) {
            ignored.push(name.to_owned());
        }
    }
    ignored
}

fn honours(caps: &Caps, name: &str) -> bool {
    caps.params.iter().any(|param| param == name)
}

fn images(caps: &Caps, request: &EditRequest) -> Option<Unfit> {
    let count = request.images.len();
    if let Some(max) = caps.max_images.filter(|max| count > *max as usize) {
        return Some(("image", format!("takes at most {max} images, not {count}")));
    }
    // WebP is turned into PNG where need be; nothing else is.
    let takes = |mime: &str| caps.mimes.is_empty() || caps.mimes.iter().any(|m| m == mime);
    let fits = |mime: &str| takes(mime) || (mime == "image/webp" && takes("image/png"));
    let misfit = request.images.iter().enumerate().find(|(_, image)| !fits(&image.mime));
    misfit.map(|(n, image)| {
        let mimes = caps.mimes.join(" and ");
        ("image", format!("takes {mimes}, but image {n} is {}", image.mime))
    })
}

fn meaning(caps: &Caps, request: &EditRequest) -> Option<Unfit> {
    if request.mask.is_some() && !caps.mask {
        return Some(("mask", "takes no mask".to_owned()));
    }
    let transparent = request.params.background.as_deref() == Some("transparent");
    (transparent && !honours(caps, "background"))
        .then(|| ("background", "makes no transparent background".to_owned()))
}

/// `provider_options` are for one API type; another one's would be dropped in silence.
fn unknown_option(provider: &Provider, request: &EditRequest) -> Option<Unfit> {
    if request.provider_options.is_empty() {
        return None;
    }
    let api_type =
        provider.library.label().types.iter().find(|t| t.id == provider.file.api_type)?;
    let known: Vec<&str> = match api_type.schema.get("properties").and_then(|p| p.as_object()) {
        Some(properties) => properties.keys().map(String::as_str).collect(),
        None => Vec::new(),
    };
    let unknown = request.provider_options.keys().find(|key| !known.contains(&key.as_str()))?;
    let hint = match nearest(unknown, known.iter().copied()) {
        Some(near) => format!(", did you mean `{near}`"),
        None if known.is_empty() => " or any other".to_owned(),
        None => format!(", only {}", known.join(", ")),
    };
    Some(("provider_options", format!("knows no option `{unknown}`{hint}")))
}

fn strictly(caps: &Caps, request: &EditRequest) -> Option<Unfit> {
    let name = given(request).find(|name| request.strict && !honours(caps, name))?;
    Some((name, format!("does not honour `{name}`, which `strict` asks for")))
}

/// The hints and parameters a request gives, by name. The format is the gateway's own matter.
fn given(request: &EditRequest) -> impl Iterator<Item = &'static str> {
    let p = &request.params;
    let all = [
        ("size", p.size.is_some()),
        ("resolution", p.resolution.is_some()),
        ("aspect_ratio", p.aspect_ratio.is_some()),
        ("seed", p.seed.is_some()),
        ("negative_prompt", p.negative_prompt.is_some()),
        ("quality", p.quality.is_some()),
        ("background", p.background.is_some()),
        ("input_fidelity", p.input_fidelity.is_some()),
        ("moderation", p.moderation.is_some()),
        ("user", p.user.is_some()),
        ("partial_images", request.partial_images),
        ("output_compression", p.output_compression.is_some() && p.output_format.is_none()),
    ];
    all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
}
