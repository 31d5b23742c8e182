//! What may be asked of a key, whichever way somebody asks.

use super::{Expiry, Scope};
use crate::clock::Ms;

/// The longest name, in characters.
const NAME: usize = 100;
/// The most a limit may be: more is none at all, which 0 says.
pub const MOST: u32 = 1_000_000;

/// What cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A name.
    #[error("a key's name has 1 to {NAME} characters, all of them printable")]
    Name,
    /// A list of scopes.
    #[error("name at least one of {}", Scope::ALL.map(Scope::as_str).join(", "))]
    Scopes,
    /// A limit.
    #[error("a limit is a whole number up to {MOST}, 0 for none")]
    Limit,
    /// An end.
    #[error(
        "write an expiry that is still to come: 2027-01-31, 2027-01-31T18:00:00Z, or from now such as \
         90d"
    )]
    Expiry,
}

/// A name as it is kept.
///
/// # Errors
/// When it is empty, too long or cannot be printed.
pub fn name(text: &str) -> Result<String, Unfit> {
    let name = text.trim();
    let fits = (1..=NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err(Unfit::Name) }
}

/// A scope by its name.
///
/// # Errors
/// When there is none of that name.
pub fn scope(text: &str) -> Result<Scope, Unfit> {
    Scope::parse(text).ok_or(Unfit::Scopes)
}

/// A limit, 0 for none.
///
/// # Errors
/// When it is more than any limit.
pub fn limit(number: u64) -> Result<u32, Unfit> {
    u32::try_from(number).ok().filter(|limit| *limit <= MOST).ok_or(Unfit::Limit)
}

/// The end of a key: a date, a time, or how long from now.
///
/// # Errors
/// When it is none of these, or over.
pub fn expiry(text: &str, now: Ms) -> Result<Expiry, Unfit> {
    Expiry::parse(text, now).filter(|expiry| expiry.at() > now).ok_or(Unfit::Expiry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Ms = 1_800_000_000_000; // 2027-01-15T08:00:00Z

    #[test]
    fn names_can_be_printed_and_read() {
        let longest = "名".repeat(NAME);
        for (text, kept) in [
            ("app", Some("app")),
            (" my app ", Some("my app")),
            (&longest, Some(longest.as_str())),
            (&format!("{longest}x"), None),
            ("", None),
            (" ", None),
            ("a\nb", None),
            ("a\u{7f}", None),
        ] {
            assert_eq!(name(text).ok().as_deref(), kept, "{text:?}");
        }
    }

    #[test]
    fn limits_and_ends_are_bounded() {
        let most = u64::from(MOST);
        assert_eq!((limit(0), limit(most), limit(most + 1)), (Ok(0), Ok(MOST), Err(Unfit::Limit)));
        assert_eq!(limit(u64::MAX), Err(Unfit::Limit));
        for (text, is_good) in [
            ("90d", true),
            ("2027-01-15", true),
            ("2027-01-14", false),
            ("0s", false),
            ("x", false),
        ] {
            assert_eq!(expiry(text, NOW).is_ok(), is_good, "{text}");
        }
        assert_eq!((scope("edit"), scope("Edit")), (Ok(Scope::Edit), Err(Unfit::Scopes)));
    }
}
