//! A job in RunningHub's words: which model, what is sent beside the images, and where the images
//! are. What a model cannot take is refused here, before anything is sent or paid for.

use retouch_sdk::prelude::json;
use retouch_sdk::{Cost, Failure, Image, Input, Job};
use serde_json::{Map, Value};

use crate::config::{self, Config};
use crate::model::shape::Asked;
use crate::model::{BASE, MODELS, Model};

/// Currency by the end of the host's name; the two sites have separate accounts.
const CURRENCIES: [(&str, &str); 2] = [(".ai", "USD"), ("", "CNY")];

/// As JSON: it is kept in the state while images are uploaded, and a state holds 64 KiB. Enough for
/// twenty thousand characters of Chinese.
const MAX_PROMPT_BYTES: usize = 60_100;
/// Inside a JSON body; uploaded images may be larger.
const MAX_DATA_URI_BYTES: u64 = 5_000_000;

/// The model that an edit goes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// What it takes. One that nobody here knows is asked as the first of the table.
    pub(crate) model: &'static Model,
    pub(crate) known: bool,
    pub(crate) path: String,
}

impl Target {
    /// The configured one.
    pub(crate) fn of(config: &Config, model: Option<&'static Model>) -> Self {
        let [first, ..] = &MODELS;
        let path = config.endpoints.edit.clone();
        Self { model: model.unwrap_or(first), known: model.is_some(), path }
    }

    /// The one a job asks for: the configured one, or a sibling that a style names in its place.
    pub(crate) fn for_job(&self, config: &Config, job: &Job) -> Result<Self, Failure> {
        let asked = job.model.as_deref().filter(|asked| !asked.is_empty());
        let Some(asked) = asked.filter(|asked| config.model.as_deref() != Some(*asked)) else {
            return Ok(self.clone());
        };
        match Model::named(asked) {
            Some(model) if self.known && model == self.model => Ok(self.clone()),
            Some(model) => Ok(Self { model, known: true, path: self.sibling(model) }),
            None => Err(Failure::invalid_request(
                "model: this provider has no model of that name; leave it out",
            )),
        }
    }

    /// The sibling's path, behind whatever the configured one is behind.
    fn sibling(&self, model: &Model) -> String {
        let before = self.path.find(BASE).map_or("", |at| self.path.get(..at).unwrap_or_default());
        format!("{before}{}", model.edit())
    }

    /// The submit's body, still without its images.
    pub(crate) fn body(&self, config: &Config, job: &Job) -> Result<Map<String, Value>, Failure> {
        self.takes(&job.inputs)?;
        let options = self.options(config, job)?;
        let mut body = Map::new();
        body.insert("prompt".to_owned(), self.prompt(&job.prompt)?.into());
        self.model.shape.put(&Asked::of(job, &options), &mut body)?;
        for field in self.model.fields {
            if let Some(value) = field.value(&options, job) {
                body.insert(field.name.to_owned(), value);
            }
        }
        if !self.known {
            body.extend(options);
        }
        Ok(body)
    }

    /// The request's options over the provider's.
    fn options(&self, config: &Config, job: &Job) -> Result<Map<String, Value>, Failure> {
        for (name, value) in &job.options {
            let check = match self.known {
                true => self.model.check(name, value),
                false => config::passable(name, value),
            };
            check.map_err(|fault| {
                Failure::invalid_request(format!("provider_options.{name}: {fault}"))
            })?;
        }
        let mut options = config.options.clone();
        options.extend(job.options.clone());
        Ok(options)
    }

    fn takes(&self, inputs: &[Input]) -> Result<(), Failure> {
        let images = &self.model.images;
        if inputs.len() > images.most {
            return Err(Failure::invalid_request(format!(
                "image: {} given, but this model takes at most {}; send fewer",
                inputs.len(),
                images.most
            )));
        }
        for (n, input) in inputs.iter().enumerate() {
            if !images.mimes.contains(&input.mime.as_str()) {
                let takes = images.mimes.join(", ");
                return Err(Failure::invalid_request(format!(
                    "image[{n}]: this model takes only {takes}; convert it"
                )));
            }
            too_large(n, input, images.bytes, "this model takes")?;
        }
        Ok(())
    }

    fn prompt<'a>(&self, prompt: &'a str) -> Result<&'a str, Failure> {
        let most = self.model.prompt_chars;
        let bytes = json!(prompt).to_string().len();
        if prompt.chars().count() > most || bytes > MAX_PROMPT_BYTES {
            return Err(Failure::invalid_request(format!(
                "prompt: too long; this model takes at most {most} characters \
                 in {MAX_PROMPT_BYTES} bytes"
            )));
        }
        Ok(prompt)
    }
}

/// The images where nothing is uploaded: fetched from us, or in the submit itself.
pub(crate) fn handles(config: &Config, job: &Job) -> Result<Vec<Value>, Failure> {
    let images = (0..).zip(&job.inputs).map(|(n, _)| Image(n));
    if config.public_url {
        return Ok(images.map(Image::as_url).collect());
    }
    for (n, input) in job.inputs.iter().enumerate() {
        too_large(n, input, MAX_DATA_URI_BYTES, "without an upload endpoint this provider takes")?;
    }
    Ok(images.map(Image::as_data_uri).collect())
}

fn too_large(n: usize, input: &Input, most: u64, who: &str) -> Result<(), Failure> {
    if input.bytes <= most {
        return Ok(());
    }
    Err(Failure::invalid_request(format!(
        "image[{n}]: {} bytes, but {who} at most {most} an image; send a smaller one",
        input.bytes
    )))
}

/// What the images are called on upload, in their order.
pub(crate) fn file_names(job: &Job) -> Vec<String> {
    let ending = |input: &Input| match input.mime.as_str() {
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        _ => "png",
    };
    let named = job.inputs.iter().enumerate();
    named.map(|(n, input)| format!("image-{n}.{}", ending(input))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_the_prompt() {
        let [model, ..] = &MODELS;
        let target = Target { model, known: true, path: String::new() };
        for (prompt, fits) in [
            ("长".repeat(20_000), true),
            ("x".repeat(20_001), false),
            ("😀".repeat(20_000), false),
            ("\u{1}".repeat(20_000), false),
        ] {
            assert_eq!(target.prompt(&prompt).is_ok(), fits, "{} bytes", prompt.len());
        }
    }

    #[test]
    fn finds_a_sibling_behind_the_same_proxy() {
        let path = "/proxy/openapi/v2/rhart-image-n-pro/edit".to_owned();
        let target = Target { model: &MODELS[0], known: true, path };
        let sibling = target.sibling(Model::named("rhart-image-v1").unwrap());
        assert_eq!(sibling, "/proxy/openapi/v2/rhart-image-v1/edit");
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
