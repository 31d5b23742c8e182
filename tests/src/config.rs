//! Provider files as an operator writes them.

use crate::{
    Fal, OpenAi,
    acme::{self, AcmeServer},
    fal,
    openai::EDITS,
    provider::{EDIT, Provider, QUERY, UPLOAD},
};

/// The key in a provider's file unless a test says otherwise.
pub const KEY: &str = "rh-key-0123456789abcdef0123456789abcdef";

/// One `config/providers/ID.toml`.
#[derive(Clone, Debug)]
pub struct ProviderFile {
    /// The file's stem, which is the provider's id.
    pub id: String,
    name: String,
    api_type: &'static str,
    api_key: String,
    host: String,
    endpoints: Vec<(&'static str, &'static str)>,
    lines: Vec<String>,
}

impl ProviderFile {
    /// A provider of the RunningHub kind at a scripted service.
    pub fn runninghub(id: &str, service: &Provider) -> Self {
        Self {
            id: id.to_owned(),
            name: format!("RunningHub {id}"),
            api_type: "runninghub-rhart-edit",
            api_key: KEY.to_owned(),
            host: service.origin().to_owned(),
            endpoints: vec![("edit", EDIT), ("result", QUERY), ("upload", UPLOAD)],
            lines: Vec::new(),
        }
    }

    /// A provider of the tests' own kind.
    pub fn acme(id: &str, service: &AcmeServer) -> Self {
        Self {
            id: id.to_owned(),
            name: format!("Acme {id}"),
            api_type: "acme-edit",
            api_key: acme::KEY.to_owned(),
            host: service.origin().to_owned(),
            endpoints: vec![("edit", "/v1/edits")],
            lines: Vec::new(),
        }
    }

    /// A provider that speaks OpenAI's image edit.
    pub fn openai(id: &str, service: &OpenAi) -> Self {
        let endpoints = [("edit", EDITS)];
        Self::of("openai-images-edit", id, service.origin(), &endpoints)
    }

    /// A provider that speaks fal.ai's queue.
    pub fn fal(id: &str, service: &Fal) -> Self {
        let endpoints = [("edit", "/{model}")];
        let file = Self::of("fal-queue", id, service.origin(), &endpoints);
        file.line(&format!("model = \"{}\"", fal::MODEL))
    }

    /// A provider of any API type.
    pub fn of(
        api_type: &'static str,
        id: &str,
        origin: &str,
        endpoints: &[(&'static str, &'static str)],
    ) -> Self {
        Self {
            id: id.to_owned(),
            name: format!("{api_type} {id}"),
            api_type,
            api_key: KEY.to_owned(),
            host: origin.to_owned(),
            endpoints: endpoints.to_vec(),
            lines: Vec::new(),
        }
    }

    /// Another key; anything the `api_key` field takes.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.api_key = key.to_owned();
        self
    }

    /// Larger is asked first.
    #[must_use]
    pub fn priority(self, priority: i32) -> Self {
        self.line(&format!("priority = {priority}"))
    }

    /// One more line of TOML at the top level.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let Self { name, api_type, api_key, host, lines, .. } = self;
        let more = lines.join("\n");
        let endpoints: Vec<String> =
            self.endpoints.iter().map(|(name, path)| format!("{name} = \"{path}\"")).collect();
        let endpoints = endpoints.join("\n");
        format!(
            "name = \"{name}\"\ntype = \"{api_type}\"\napi_key = \"{api_key}\"\n{more}\n\n\
             [hosts]\ndomestic = \"{host}\"\n\n[endpoints]\n{endpoints}\n"
        )
    }
}
