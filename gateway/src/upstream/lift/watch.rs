//! What a string is, by its beginning.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::Rule;
use crate::images::sniff;

/// Keys that only the gateway writes.
const RESERVED: [&str; 2] = ["$image", "$blob"];
const URI: &[u8] = b"data:image/";
const ENCODING: &[u8] = b";base64";
/// The longest beginning of a data URI, up to its comma. Media types with parameters are short.
const URI_HEAD: usize = 128;
/// Characters that hold the twelve bytes by which every format is known.
const MAGIC: usize = 16;

/// What is known so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It can still become anything.
    #[default]
    Wait,
    Text,
    /// An image, once the string is longer than that; its base64 begins after `skip` characters.
    Image { skip: usize, longer_than: usize },
}

/// Judges a string by what it begins with, escapes resolved.
pub(super) fn judge(plain: &[u8], rule: Rule) -> Verdict {
    match plain.first() {
        None => Verdict::Wait,
        Some(b'$') if RESERVED.iter().any(|word| word.as_bytes().starts_with(plain)) => Verdict::Wait,
        Some(b'd' | b'D') => uri(plain, rule),
        // What PNG, JPEG and WebP begin with in base64.
        Some(b'i' | b'/' | b'U') => magic(plain, 0, rule.bare_longer_than),
        Some(_) => Verdict::Text,
    }
}

/// The reserved word that a whole string is.
pub(super) fn reserved(plain: &[u8]) -> Option<&'static str> {
    RESERVED.into_iter().find(|word| word.as_bytes() == plain)
}

fn uri(plain: &[u8], rule: Rule) -> Verdict {
    let begun = plain.len().min(URI.len());
    if !plain.get(..begun).is_some_and(|start| URI[..begun].eq_ignore_ascii_case(start)) {
        return Verdict::Text;
    }
    let Some(comma) = memchr::memchr(b',', plain) else {
        return if plain.len() < URI_HEAD { Verdict::Wait } else { Verdict::Text };
    };
    let encoding = plain.get(comma.saturating_sub(ENCODING.len())..comma);
    if !encoding.is_some_and(|e| e.eq_ignore_ascii_case(ENCODING)) {
        return Verdict::Text;
    }
    if rule.any_uri {
        return Verdict::Image { skip: comma + 1, longer_than: rule.uri_longer_than };
    }
    magic(plain, comma + 1, rule.uri_longer_than)
}

fn magic(plain: &[u8], skip: usize, longer_than: usize) -> Verdict {
    let Some(start) = plain.get(skip..skip + MAGIC) else { return Verdict::Wait };
    match STANDARD_NO_PAD.decode(start) {
        Ok(bytes) if sniff(&bytes).is_some() => Verdict::Image { skip, longer_than },
        _ => Verdict::Text,
    }
}
