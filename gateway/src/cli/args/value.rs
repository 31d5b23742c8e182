//! Values that are more than a word: each says, in the person's language, how it is written.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use crate::{cli::words::Words, duration};

/// `127.0.0.1:8000`. A bare port is a frequent slip, and no address: whether the whole network is
/// to reach the gateway is for the operator to say.
pub(super) fn address(text: &str, words: Words) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.trim_start_matches(':').parse::<u16>().ok();
        let example = match text.strip_prefix("localhost:").and_then(|p| p.parse().ok()).or(port) {
            Some(port) => format!("127.0.0.1:{port}"),
            None => "127.0.0.1:8000".to_owned(),
        };
        words.say("usage.address", &[("example", &example)])
    })
}

/// Seconds, as a plain number or with units: `90`, `90s`, `5m`. Part of a second is a whole one.
pub(super) fn seconds(text: &str, words: Words) -> Result<u32, String> {
    let plain = text.trim().parse().ok().map(Duration::from_secs);
    let whole =
        plain.or_else(|| duration::parse(text)).map(|time| duration::ms(time).div_ceil(1000));
    let known = whole.and_then(|seconds| u32::try_from(seconds).ok());
    known.ok_or_else(|| words.say("usage.seconds", &[]))
}

/// `mood=warm`: a style's variable and the word for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Variable {
    pub(in crate::cli) name: String,
    pub(in crate::cli) text: String,
}

/// There is no `=`, or no name before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is written NAME=TEXT")]
pub(in crate::cli) struct Unnamed;

impl FromStr for Variable {
    type Err = Unnamed;

    /// The text may be empty, and may hold further `=`.
    fn from_str(written: &str) -> Result<Self, Unnamed> {
        let (name, text) = written.split_once('=').ok_or(Unnamed)?;
        let name = Some(name.trim()).filter(|name| !name.is_empty()).ok_or(Unnamed)?;
        Ok(Self { name: name.to_owned(), text: text.to_owned() })
    }
}

/// The same for a person.
pub(super) fn variable(text: &str, words: Words) -> Result<Variable, String> {
    text.parse().map_err(|Unnamed| words.say("usage.variable", &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::words::Language;

    #[test]
    fn an_address_is_shown_as_it_should_have_been() {
        let words = Words::of(Language::En);
        assert_eq!(
            address("[::1]:80", words),
            Ok(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 80)))
        );
        let table = [
            ("8005", "127.0.0.1:8005"),
            (":8005", "127.0.0.1:8005"),
            ("localhost:8005", "127.0.0.1:8005"),
            ("here", "127.0.0.1:8000"),
            ("99999", "127.0.0.1:8000"),
        ];
        for (text, example) in table {
            let told = address(text, words).unwrap_err();
            assert!(told.contains(example), "{text}: {told}");
        }
    }

    #[test]
    fn a_time_has_a_unit_or_is_seconds() {
        let table = [
            ("90", Some(90)),
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("1m30s", Some(90)),
            ("1500ms", Some(2)),
            ("0", Some(0)),
            ("soon", None),
            ("-5", None),
            ("99999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(seconds(text, Words::of(Language::En)).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_variable_has_a_name_and_any_text() {
        let read = |text| variable(text, Words::of(Language::En)).ok();
        let pair = |name: &str, text: &str| {
            Some(Variable { name: name.to_owned(), text: text.to_owned() })
        };
        assert_eq!(read("mood=warm light"), pair("mood", "warm light"));
        assert_eq!(read("mood="), pair("mood", ""));
        assert_eq!(read("formula=a=b"), pair("formula", "a=b"));
        assert_eq!((read("mood"), read("=warm")), (None, None));
    }
}
