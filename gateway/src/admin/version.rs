//! Which version of a file somebody has in mind, by RFC 9110: `ETag`, `If-Match`, `If-None-Match`.
//! A change made for another version than there is would undo what somebody else has just done.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Digits of a hash that no two versions of one file share.
const LENGTH: usize = 16;

/// What the sender takes for granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    matches: Option<Versions>,
    differs: Option<Versions>,
}

/// Those a header names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Versions {
    /// `*`: whichever there is.
    Any,
    /// Any of these.
    Of(Vec<Tag>),
}

/// One entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    name: String,
    is_weak: bool,
}

/// The version of a file with that text.
pub(super) fn of(text: &[u8]) -> String {
    let mut hex = blake3::hash(text).to_hex().to_string();
    hex.truncate(LENGTH);
    hex
}

/// The `ETag` of a version.
pub(super) fn tag(version: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("\"{version}\"")).ok()
}

impl Condition {
    /// What these headers say. One that cannot be read matches nothing.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let named = |name| Versions::of(headers, name);
        Self { matches: named(header::IF_MATCH), differs: named(header::IF_NONE_MATCH) }
    }

    /// Whether there is an `If-Match` that names nothing, which nothing can match.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(&self.matches, Some(Versions::Of(tags)) if tags.is_empty())
    }

    /// With the version that what was sent is of, where no header says.
    pub(super) fn or_of(mut self, revision: Option<&str>) -> Self {
        if let (None, None, Some(revision)) = (&self.matches, &self.differs, revision) {
            let tag = Tag { name: revision.to_owned(), is_weak: false };
            self.matches = Some(Versions::Of(vec![tag]));
        }
        self
    }

    /// Whether a change may be made to what stands at `current`, or to nothing.
    pub(super) fn allows(&self, current: Option<&str>) -> bool {
        self.matches.as_ref().is_none_or(|versions| versions.has(current, false))
            && !self.is_known(current)
    }

    /// Whether the sender has the version there is.
    pub(super) fn is_known(&self, current: Option<&str>) -> bool {
        self.differs.as_ref().is_some_and(|versions| versions.has(current, true))
    }

    /// Whether something new is meant and nothing else: `If-None-Match: *`.
    pub(super) fn is_for_new(&self) -> bool {
        self.differs == Some(Versions::Any)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Versions {
    fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let mut lines = headers.get_all(name).into_iter().peekable();
        lines.peek()?;
        let lines = lines.map(|line| line.to_str().unwrap_or_default());
        let all: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        match *all {
            ["*"] => Some(Self::Any),
            _ => Some(Self::Of(all.into_iter().filter_map(Tag::of).collect())),
        }
    }

    fn has(&self, current: Option<&str>, weakly: bool) -> bool {
        let Some(current) = current else { return false };
        match self {
            Self::Any => true,
            Self::Of(tags) => {
                tags.iter().any(|tag| tag.name == current && (weakly || !tag.is_weak))
            }
        }
    }
}

impl Tag {
    /// Ours hold neither commas nor quotes, so that one cut in two is none of ours.
    fn of(text: &str) -> Option<Self> {
        let strong = text.strip_prefix("W/");
        let name = strong.unwrap_or(text).strip_prefix('"')?.strip_suffix('"')?;
        Some(Self { name: name.to_owned(), is_weak: strong.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(pairs: &[(&'static str, &str)]) -> Condition {
        let pairs =
            pairs.iter().map(|(n, v)| (n.parse::<HeaderName>().unwrap(), v.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        Condition::of(&headers)
    }

    #[test]
    fn a_change_is_made_for_the_version_it_was_meant_for() {
        let (is, none) = ("if-match", "if-none-match");
        for (sent, at_a, at_nothing) in [
            (&[][..], true, true),
            (&[(is, "\"a\"")], true, false),
            (&[(is, "\"b\"")], false, false),
            (&[(is, "\"b\" , \"a\"")], true, false),
            (&[(is, "\"b\""), (is, "\"a\"")], true, false),
            (&[(is, "*")], true, false),
            (&[(is, "W/\"a\"")], false, false),
            (&[(is, "a")], false, false),
            (&[(is, "")], false, false),
            (&[(none, "*")], false, true),
            (&[(none, "\"a\"")], false, true),
            (&[(none, "W/\"a\"")], false, true),
            (&[(none, "\"b\"")], true, true),
        ] {
            let condition = condition(sent);
            assert_eq!(condition.allows(Some("a")), at_a, "{sent:?}");
            assert_eq!(condition.allows(None), at_nothing, "{sent:?}");
        }
        assert!(condition(&[(is, "a")]).is_unreadable() && condition(&[(is, "")]).is_unreadable());
        assert!(!condition(&[(is, "\"a\"")]).is_unreadable() && !condition(&[]).is_unreadable());
        assert!(!condition(&[]).or_of(Some("b")).allows(Some("a")));
        assert!(condition(&[(is, "*")]).or_of(Some("b")).allows(Some("a")));
        assert!(condition(&[(none, "*")]).is_for_new());
        assert!(!condition(&[(none, "\"a\"")]).is_for_new());
    }

    #[test]
    fn another_text_is_another_version() {
        let (one, two) = (of(b"a = 1\n"), of(b"a = 1\r\n"));
        assert!(one != two && one.len() == LENGTH);
        assert_eq!(tag(&one).unwrap(), format!("\"{one}\""));
    }
}
