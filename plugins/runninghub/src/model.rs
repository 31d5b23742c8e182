//! What RunningHub's image models differ in: their paths, where the images go, how a picture's shape
//! is asked for, what else can be asked, and their limits. The models themselves are the rows of
//! [`table`].

pub(crate) mod field;
pub(crate) mod shape;
mod table;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use field::Field;
use shape::Shape;
pub(crate) use table::MODELS;

/// What every model's path begins with.
pub(crate) const BASE: &str = "/openapi/v2/";

/// How the paths of models that edit end; other words there are something new.
const EDITS: [&str; 5] = ["edit", "edit-ultra", "image-edit", "image-edit-pro", "image-to-image"];

/// One model that edits pictures.
#[derive(Debug, PartialEq)]
pub(crate) struct Model {
    pub(crate) id: &'static str,
    /// Below [`BASE`].
    pub(crate) path: &'static str,
    pub(crate) images: Images,
    pub(crate) prompt_chars: usize,
    pub(crate) shape: Shape,
    pub(crate) fields: &'static [Field],
}

/// The pictures a model takes.
#[derive(Debug, PartialEq)]
pub(crate) struct Images {
    pub(crate) slot: Slot,
    pub(crate) most: usize,
    /// Of one picture.
    pub(crate) bytes: u64,
    pub(crate) mimes: &'static [&'static str],
}

/// The field the pictures stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Slot {
    /// A list, `imageUrls`.
    Urls,
    /// One, `imageUrl`.
    Url,
    /// One, `image`.
    Image,
}

impl Model {
    /// The model of that name.
    pub(crate) fn named(id: &str) -> Option<&'static Self> {
        MODELS.iter().find(|model| model.id == id)
    }

    /// The model that a path is, whatever stands before it, as behind a proxy.
    pub(crate) fn at(path: &str) -> Option<&'static Self> {
        let path = path.trim_end_matches('/');
        let own = |model: &&Self| {
            path.strip_suffix(model.path).is_some_and(|before| before.ends_with('/'))
        };
        MODELS.iter().find(own)
    }

    /// The models that a path names without being theirs: its last word is another model's.
    pub(crate) fn beside(path: &str) -> Option<&'static Self> {
        let (before, last) = path.trim_end_matches('/').rsplit_once('/')?;
        let beside = |model: &&Self| {
            let parent = model.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            before.strip_suffix(parent).is_some_and(|rest| rest.ends_with('/'))
        };
        MODELS.iter().find(beside).filter(|_| EDITS.contains(&last))
    }

    /// Its path whole.
    pub(crate) fn edit(&self) -> String {
        format!("{BASE}{}", self.path)
    }

    /// Whether `name` can be `value` in `provider_options` or a provider's `[options]`.
    pub(crate) fn check(&self, name: &str, value: &Value) -> Result<(), String> {
        if let Some(words) = self.shape.words(name) {
            return field::one_of(words, value).map(|_| ());
        }
        if let Some(field) = self.fields.iter().find(|field| field.name == name) {
            return field.read(value).map(|_| ());
        }
        let known: Vec<&str> = self.options().collect();
        Err(match known.as_slice() {
            [] => format!("no such option: {} has none; remove it", self.id),
            _ => format!("no such option; those of {} are {}", self.id, known.join(", ")),
        })
    }

    /// The options it knows, by their names in RunningHub's API.
    pub(crate) fn options(&self) -> impl Iterator<Item = &'static str> {
        let shape = ["aspectRatio", "resolution"];
        let shape = shape.into_iter().filter(|name| self.shape.words(name).is_some());
        shape.chain(self.fields.iter().map(|field| field.name))
    }
}

impl Slot {
    /// Puts the pictures in their place.
    pub(crate) fn fill(self, body: &mut Map<String, Value>, images: Vec<Value>) {
        let (name, value) = match self {
            Self::Urls => ("imageUrls", Value::Array(images)),
            Self::Url => ("imageUrl", images.into_iter().next().unwrap_or_default()),
            Self::Image => ("image", images.into_iter().next().unwrap_or_default()),
        };
        body.insert(name.to_owned(), value);
    }
}
