//! A provider's configuration: how its address, its key and its model are said at OpenAI and at
//! Azure, and what about it cannot work.

use retouch_sdk::{Class, ConfigError, Cx, Failure, Job, Part, Request, SECRET};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What stands in a path for the model, or at Azure for the deployment.
const MODEL: &str = "{model}";
const API_VERSION: &str = "2025-04-01-preview";

/// What a provider's file gives. `sync` may be either: the answer always has the result.
#[derive(Deserialize)]
pub struct Config {
    host: String,
    endpoints: Endpoints,
    model: Option<String>,
    #[serde(default)]
    options: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoints {
    edit: String,
}

/// A checked configuration.
pub(crate) struct Site {
    host: String,
    edit: String,
    query: String,
    model: Option<String>,
    /// What the model is in truth, where `model` is a name that someone gave it.
    base_model: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl Config {
    pub(crate) fn openai(self) -> Result<Site, ConfigError> {
        let mut options = Options(self.options.clone());
        let mut headers = vec![("authorization", format!("Bearer {SECRET}"))];
        for (option, header) in
            [("organization", "openai-organization"), ("project", "openai-project")]
        {
            headers.extend(options.text(option)?.map(|value| (header, value)));
        }
        options.close("organization, project")?;
        self.site(headers, String::new(), None)
    }

    pub(crate) fn azure(self) -> Result<Site, ConfigError> {
        let mut options = Options(self.options.clone());
        let version = options.text("api_version")?.unwrap_or_else(|| API_VERSION.to_owned());
        let base_model = options.text("base_model")?;
        options.close("api_version, base_model")?;
        let headers = vec![("api-key", SECRET.to_owned())];
        self.site(headers, format!("api-version={version}"), base_model)
    }

    fn site(
        self,
        headers: Vec<(&'static str, String)>,
        query: String,
        base_model: Option<String>,
    ) -> Result<Site, ConfigError> {
        let edit = self.endpoints.edit;
        let model = self.model.filter(|model| !model.is_empty());
        let wrong = |field: &str, message: &str| Err(ConfigError::new(field, message));
        if edit.is_empty() {
            return wrong("endpoints.edit", "empty; write the path that takes an edit");
        }
        match &model {
            None => wrong("model", "missing; write the model, at Azure the deployment's name"),
            Some(model) if edit.contains(MODEL) && !fits_a_path(model) => {
                wrong("model", "has characters that no path can have; use a-z, 0-9, '.', '-', '_'")
            }
            Some(_) => Ok(Site { host: self.host, edit, query, model, base_model, headers }),
        }
    }
}

impl Site {
    /// Which model to ask for.
    pub(crate) fn model<'a>(&'a self, job: &'a Job) -> Result<&'a str, Failure> {
        let model = job.model.as_deref().or(self.model.as_deref()).unwrap_or_default();
        if model.is_empty() || (self.edit.contains(MODEL) && !fits_a_path(model)) {
            return Err(Failure::new(Class::Config, "the provider has no model of that name"));
        }
        Ok(model)
    }

    /// Under which name its abilities are looked up.
    pub(crate) fn known_as<'a>(&'a self, model: &'a str) -> &'a str {
        self.base_model.as_deref().unwrap_or(model)
    }

    /// Where the path names the model, the form must not: some versions refuse it there.
    pub(crate) fn model_field(&self, model: &str) -> Option<Part> {
        (!self.edit.contains(MODEL)).then(|| Part::text("model", model))
    }

    /// The paid request, still without its body.
    pub(crate) fn post(&self, cx: &Cx, model: &str) -> Request {
        let post = cx.post(&self.host, &self.path(model));
        self.headers.iter().fold(post, |post, (name, value)| post.header(*name, value))
    }

    /// The list of models that stands beside the edit; `None` where the path is of another form.
    pub(crate) fn list(&self, cx: &Cx) -> Option<Request> {
        let base = self.edit.strip_suffix("images/edits")?;
        let list = cx.get(&self.host, &format!("{base}models"));
        Some(self.headers.iter().fold(list, |list, (name, value)| list.header(*name, value)))
    }

    /// The model of the provider's file.
    pub(crate) fn default_model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn path(&self, model: &str) -> String {
        let path = self.edit.replace(MODEL, model);
        // A path that has its own version keeps it.
        match self.query.split_once('=') {
            Some((name, _)) if path.contains(&format!("{name}=")) => path,
            Some(_) if path.contains('?') => format!("{path}&{}", self.query),
            Some(_) => format!("{path}?{}", self.query),
            None => path,
        }
    }
}

/// What is left of a provider's `[options]`.
struct Options(Map<String, Value>);

impl Options {
    /// An option of plain text, which goes into a header, a query or a look-up as it is.
    fn text(&mut self, name: &str) -> Result<Option<String>, ConfigError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) if fits_a_path(&text) => Ok(Some(text)),
            Some(_) => {
                let field = format!("options.{name}");
                Err(ConfigError::new(field, "write text of a-z, 0-9, '.', '-' and '_'"))
            }
        }
    }

    fn close(self, known: &str) -> Result<(), ConfigError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let message = format!("no such option; known are: {known}");
                Err(ConfigError::new(format!("options.{name}"), message))
            }
        }
    }
}

fn fits_a_path(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !name.is_empty() && name.bytes().all(plain) && !name.bytes().all(|b| b == b'.')
}
