//! A style's file: a prompt to put the caller's words into, and what the request is to be beside it.
//! Read with its lines and checked as far as a file alone can be; `lint` holds styles against each
//! other and against the providers.

pub mod lint;
mod read;
pub mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::catalog::document::Document;
use crate::problem::Problem;
use read::Reader;
use template::Template;

/// What one file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StyleFile {
    /// The file it came from.
    pub file: PathBuf,
    /// The file's stem.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// For people.
    pub description: String,
    /// What is asked of the provider.
    pub prompt: Template,
    /// What its variables are where the caller says nothing.
    pub variables: BTreeMap<String, String>,
    /// The provider to ask first, by id or name.
    pub provider: Option<String>,
    /// The model to ask for.
    pub model: Option<String>,
    /// The size class.
    pub resolution: Option<String>,
    /// The shape.
    pub aspect_ratio: Option<String>,
    /// What shall not be in the picture.
    pub negative_prompt: Option<String>,
    /// The format of the result.
    pub output_format: Option<String>,
    /// The fields a caller cannot change.
    pub locked: Vec<Field>,
    lines: BTreeMap<String, usize>,
}

/// A field that both a style and a request have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// What is asked for.
    Prompt,
    /// Who is asked.
    Provider,
    /// The model.
    Model,
    /// The size class.
    Resolution,
    /// The shape.
    AspectRatio,
    /// What shall not be there.
    NegativePrompt,
    /// The format of the result.
    OutputFormat,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Prompt,
        Self::Provider,
        Self::Model,
        Self::Resolution,
        Self::AspectRatio,
        Self::NegativePrompt,
        Self::OutputFormat,
    ];

    /// As files and requests call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Resolution => "resolution",
            Self::AspectRatio => "aspect_ratio",
            Self::NegativePrompt => "negative_prompt",
            Self::OutputFormat => "output_format",
        }
    }
}

impl StyleFile {
    /// Reads a file: what could be read of it, and everything wrong with it.
    pub fn parse(file: &Path, text: &str) -> (Option<Self>, Vec<Problem>) {
        let (mut document, root) = match Document::parse(file, text) {
            Ok(both) => both,
            Err(problem) => return (None, vec![problem]),
        };
        let style = Reader { document: &mut document }.style(file, root);
        (Some(style), document.finish())
    }

    /// The one a request names: by id, else by name.
    pub fn find<'s>(styles: &'s [Self], asked: &str) -> Option<&'s Self> {
        let named = || styles.iter().find(|style| style.name == asked);
        styles.iter().find(|style| style.id == asked).or_else(named)
    }

    /// The line a field stands on.
    pub fn line_of(&self, field: &str) -> Option<usize> {
        self.lines.get(field).copied()
    }

    /// Whether the caller cannot change that field.
    pub fn locks(&self, field: Field) -> bool {
        self.locked.contains(&field)
    }

    /// Whether it says anything of that field.
    pub fn sets(&self, field: Field) -> bool {
        match field {
            Field::Prompt => true,
            Field::Provider => self.provider.is_some(),
            Field::Model => self.model.is_some(),
            Field::Resolution => self.resolution.is_some(),
            Field::AspectRatio => self.aspect_ratio.is_some(),
            Field::NegativePrompt => self.negative_prompt.is_some(),
            Field::OutputFormat => self.output_format.is_some(),
        }
    }
}

#[cfg(test)]
mod tests;
