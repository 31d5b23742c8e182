//! A request for an edit, as multipart or as JSON.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::Form;
use crate::pictures;

/// What to ask for. Field names are the API's.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    fields: Vec<(String, String)>,
    pictures: Vec<Vec<u8>>,
}

impl Edit {
    /// An edit of one colourful picture by this prompt.
    pub fn new(prompt: &str) -> Self {
        Self::default().field("prompt", prompt).picture(pictures::png())
    }

    /// An edit without a picture.
    pub fn without_picture(prompt: &str) -> Self {
        Self::default().field("prompt", prompt)
    }

    /// One more field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One more picture.
    #[must_use]
    pub fn picture(mut self, picture: Vec<u8>) -> Self {
        self.pictures.push(picture);
        self
    }

    /// Content type and body as official SDKs send them: fields first, then files; one file is
    /// `image`, several are `image[]`.
    pub fn multipart(&self) -> (String, Vec<u8>) {
        let form =
            self.fields.iter().fold(Form::new(), |form, (name, value)| form.text(name, value));
        let name = if self.pictures.len() == 1 { "image" } else { "image[]" };
        self.pictures.iter().fold(form, |form, picture| form.file(name, picture)).finish()
    }

    /// The same as JSON, pictures as data URIs.
    pub fn json(&self) -> Value {
        let mut body: Map<String, Value> =
            self.fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let images = self.pictures.iter().map(|picture| {
            json!({ "image_url": format!("data:image/png;base64,{}", STANDARD.encode(picture)) })
        });
        body.insert("images".to_owned(), images.collect());
        Value::Object(body)
    }
}
