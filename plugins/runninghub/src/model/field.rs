//! What a model can be asked beside prompt, pictures and shape: a field's name, what it may hold,
//! and which of our parameters it is.

use retouch_sdk::Job;
use serde_json::{Map, Value, json};

/// One field of a submit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) ours: Ours,
    pub(crate) holds: Holds,
    /// Sent where nobody asks for anything: the field is required.
    pub(crate) always: Option<&'static str>,
}

/// Our parameter that a field stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ours {
    Quality,
    Background,
    OutputFormat,
    InputFidelity,
    NegativePrompt,
    /// How many pictures the call shall make.
    N,
    /// None: only `provider_options` reaches it.
    Nothing,
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Holds {
    OneOf(&'static [&'static str]),
    /// 1 to this.
    Number(u32),
    /// The same, written as text.
    NumberAsText(u32),
    /// So many characters.
    Text(usize),
}

impl Field {
    /// What to send: by option, else by parameter, else what is always sent.
    pub(crate) fn value(&self, options: &Map<String, Value>, job: &Job) -> Option<Value> {
        let option = options.get(self.name).and_then(|value| self.read(value).ok());
        let param = || self.ours.of(job).and_then(|value| self.read(&value).ok());
        option.or_else(param).or_else(|| self.always.map(Value::from))
    }

    /// A value as RunningHub wants it, or what it should be instead.
    pub(crate) fn read(&self, value: &Value) -> Result<Value, String> {
        match self.holds {
            Holds::OneOf(words) => one_of(words, value).map(Value::from),
            Holds::Number(most) => number(most, value).map(Value::from),
            Holds::NumberAsText(most) => number(most, value).map(|n| n.to_string().into()),
            Holds::Text(most) => match value.as_str() {
                Some(text) if text.chars().count() <= most => Ok(value.clone()),
                _ => Err(format!("must be text of at most {most} characters")),
            },
        }
    }
}

impl Ours {
    /// What the job asks; a parameter that a model cannot follow is a hint, and passed over.
    fn of(self, job: &Job) -> Option<Value> {
        let params = &job.params;
        let text = match self {
            Self::Quality => &params.quality,
            Self::Background => &params.background,
            Self::OutputFormat => &params.output_format,
            Self::InputFidelity => &params.input_fidelity,
            Self::NegativePrompt => &params.negative_prompt,
            Self::N => return Some(json!(job.n)).filter(|_| job.n > 1),
            Self::Nothing => return None,
        };
        text.clone().map(Value::from)
    }
}

/// The word of `words` that `value` is.
pub(crate) fn one_of(words: &[&'static str], value: &Value) -> Result<&'static str, String> {
    let asked = value.as_str().unwrap_or_default();
    let word = words.iter().find(|word| word.eq_ignore_ascii_case(asked));
    word.copied().ok_or_else(|| format!("must be one of {}", words.join(", ")))
}

fn number(most: u32, value: &Value) -> Result<u32, String> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    let number = number.filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {most}"))
}
