//! A request in a style: the template filled with the client's words, and the style's fields where the
//! client said nothing or cannot say. Pure; it never changes what the client said, which is kept
//! beside it.

use std::collections::BTreeMap;

use retouch_sdk::Params;
use serde::{Deserialize, Serialize};

use super::EditRequest;
use crate::catalog::document::nearest;
use crate::catalog::style::template::PROMPT;
use crate::catalog::style::{Field, StyleFile};
use crate::secret::PLACEHOLDER;

/// The style a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Its id or name.
    pub style: String,
    /// Words for its variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// What a style has made of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Styled {
    /// The style's id.
    pub id: String,
    /// The provider it asks first.
    pub prefers: Option<String>,
    /// Whether the model asked for is the style's.
    pub sets_model: bool,
    /// The client's fields that did not count.
    pub overruled: Vec<String>,
    /// The client's own words.
    pub own: Own,
}

/// The fields a style may change, as the client gave them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    prompt: String,
    model: Option<String>,
    provider: Option<String>,
    params: Params,
}

/// Why a request cannot be had in its style.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStyled {
    /// No style of that id or name.
    #[error("no style is called '{asked}'; there are: {}", list(.known))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The template has a place for the client's words.
    #[error("`prompt` is missing; the style '{style}' needs it")]
    Prompt {
        /// Which style.
        style: String,
    },
    /// A variable without a word.
    #[error("`variables.{name}` is missing; the style '{style}' needs it")]
    Missing {
        /// Which style.
        style: String,
        /// Which variable.
        name: String,
    },
    /// A variable without a place.
    #[error("the style '{style}' has no variable `{name}`; {hint}")]
    Stray {
        /// Which style.
        style: String,
        /// Which variable.
        name: String,
        /// What may be meant.
        hint: String,
    },
    /// The client insists, and so does the style.
    #[error("the style '{style}' does not let `{field}` be changed; leave it out")]
    Locked {
        /// Which style.
        style: String,
        /// Which field.
        field: &'static str,
    },
    /// The style and the words together.
    #[error("in the style '{style}' the prompt has {length} characters, more than {most}")]
    TooLong {
        /// Which style.
        style: String,
        /// How long it came out.
        length: usize,
        /// How long it may be.
        most: usize,
    },
    /// Words that make one of the gateway's marks in their place.
    #[error("in the style '{style}' the prompt holds `{PLACEHOLDER}`; write the words otherwise")]
    Reserved {
        /// Which style.
        style: String,
    },
}

impl EditRequest {
    /// The request as it is carried out: in its style, if it names one. Its prompt then has at most
    /// `most` characters.
    ///
    /// # Errors
    /// See [`NotStyled`].
    pub fn in_style(self, styles: &[StyleFile], most: usize) -> Result<Self, NotStyled> {
        let Some(asked) = &self.style else { return Ok(self) };
        match StyleFile::find(styles, &asked.style) {
            Some(style) => self.dressed(style, most),
            None => {
                let known = styles.iter().map(|style| style.id.clone()).collect();
                Err(NotStyled::Unknown { asked: asked.style.clone(), known })
            }
        }
    }

    /// The request as the client sent it.
    pub(super) fn as_asked(&self) -> Self {
        let mut plain = Self { styled: None, ..self.clone() };
        if let Some(styled) = &self.styled {
            let Own { prompt, model, provider, params } = styled.own.clone();
            plain = Self { prompt, model, provider, params, ..plain };
        }
        plain
    }

    /// The fields the client gave that the style stands above.
    pub fn overruled(&self) -> &[String] {
        self.styled.as_ref().map_or(&[], |styled| &styled.overruled)
    }

    fn dressed(mut self, style: &StyleFile, most: usize) -> Result<Self, NotStyled> {
        let own = Own {
            prompt: self.prompt.clone(),
            model: self.model.clone(),
            provider: self.provider.clone(),
            params: self.params.clone(),
        };
        let mut overruled = Vec::new();
        if !style.prompt.has(PROMPT) && !self.prompt.is_empty() {
            overruled.push(Field::Prompt.name());
        }
        self.prompt = worded(&self, style, most)?;
        settle(style, Field::Model, &mut self.model, style.model.as_ref(), &mut overruled);
        // A style's provider is asked first, not alone: it stands beside the client's, not for it.
        let provider = &mut self.provider;
        if style.locks(Field::Provider) && *provider != style.provider && provider.is_some() {
            overruled.push(Field::Provider.name());
            *provider = None;
        }
        dress(&mut self.params, style, &mut overruled);
        if let Some(field) = overruled.first().filter(|_| self.strict) {
            return Err(NotStyled::Locked { style: style.id.clone(), field });
        }
        self.styled = Some(Box::new(Styled {
            id: style.id.clone(),
            prefers: style.provider.clone(),
            sets_model: style.model.is_some() && style.model == self.model,
            overruled: overruled.into_iter().map(str::to_owned).collect(),
            own,
        }));
        Ok(self)
    }
}

/// What is asked of the provider: the template with every word in its place.
fn worded(request: &EditRequest, style: &StyleFile, most: usize) -> Result<String, NotStyled> {
    let given = request.style.as_ref().map(|asked| &asked.variables);
    let given = |name: &str| given.and_then(|given| given.get(name)).map(String::as_str);
    let usual = |name: &str| style.variables.get(name).map(String::as_str);
    let word = |name: &str| match name {
        PROMPT => Some(request.prompt.as_str()).filter(|prompt| !prompt.trim().is_empty()),
        name => given(name).or_else(|| usual(name)),
    };
    refuse_strays(request, style)?;
    let id = || style.id.clone();
    match style.prompt.places().into_iter().find(|name| word(name).is_none()) {
        Some(PROMPT) => return Err(NotStyled::Prompt { style: id() }),
        Some(name) => return Err(NotStyled::Missing { style: id(), name: name.to_owned() }),
        None => {}
    }
    let prompt = style.prompt.fill(word);
    let length = prompt.chars().count();
    if length > most {
        return Err(NotStyled::TooLong { style: id(), length, most });
    }
    if prompt.contains(PLACEHOLDER) {
        return Err(NotStyled::Reserved { style: id() });
    }
    // A template of nothing but variables, and none of them says anything.
    if prompt.trim().is_empty() { Err(NotStyled::Prompt { style: id() }) } else { Ok(prompt) }
}

/// A word for a variable that is not there would be lost.
fn refuse_strays(request: &EditRequest, style: &StyleFile) -> Result<(), NotStyled> {
    let variables = || style.prompt.places().into_iter().filter(|name| *name != PROMPT);
    let mut given = request.style.iter().flat_map(|asked| asked.variables.keys());
    let Some(name) = given.find(|given| !variables().any(|name| name == given.as_str())) else {
        return Ok(());
    };
    let hint = match nearest(name, variables()) {
        _ if name == PROMPT => "write it as the field `prompt`".to_owned(),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", list(&variables().map(str::to_owned).collect::<Vec<_>>())),
    };
    Err(NotStyled::Stray { style: style.id.clone(), name: name.clone(), hint })
}

/// The parameters as the style has them.
fn dress(params: &mut Params, style: &StyleFile, overruled: &mut Vec<&'static str>) {
    // An exact size says what resolution and shape say too.
    let shape = [Field::Resolution, Field::AspectRatio];
    if params.size.is_some() && shape.into_iter().any(|field| style.locks(field)) {
        overruled.push("size");
        params.size = None;
    }
    if params.size.is_none() {
        let Params { resolution, aspect_ratio, .. } = params;
        settle(style, Field::Resolution, resolution, style.resolution.as_ref(), overruled);
        settle(style, Field::AspectRatio, aspect_ratio, style.aspect_ratio.as_ref(), overruled);
    }
    let Params { negative_prompt, output_format, .. } = params;
    let theirs = style.negative_prompt.as_ref();
    settle(style, Field::NegativePrompt, negative_prompt, theirs, overruled);
    settle(style, Field::OutputFormat, output_format, style.output_format.as_ref(), overruled);
}

/// What the client gives wins, unless the style has locked it.
fn settle(
    style: &StyleFile,
    field: Field,
    given: &mut Option<String>,
    theirs: Option<&String>,
    overruled: &mut Vec<&'static str>,
) {
    let Some(theirs) = theirs.filter(|theirs| given.as_ref() != Some(*theirs)) else { return };
    match given {
        None => *given = Some(theirs.clone()),
        Some(own) if style.locks(field) => {
            overruled.push(field.name());
            own.clone_from(theirs);
        }
        Some(_) => {}
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;
