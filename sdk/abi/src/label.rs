//! The label: bytes in a plugin's file that say what it is, readable without loading it.
//!
//! Built at compile time from parts of JSON text, so that the exported symbol holds no pointer and
//! needs no relocation. Only layout and text joining live here; what the members mean is written in
//! the SDK's guide, and checked by the gateway.

/// The first eight bytes of every label. The 1 is the version of this layout.
pub const MAGIC: [u8; 8] = *b"RETOUCH1";
/// How many bytes come before the JSON text: the magic and the length.
pub const HEAD: usize = 12;

/// The exported `retouch_label` of a plugin whose JSON text is `N` bytes long.
#[repr(C)]
#[derive(Debug)]
pub struct Label<const N: usize> {
    magic: [u8; 8],
    len: u32,
    json: [u8; N],
}

const _: () = assert!(std::mem::offset_of!(Label<5>, json) == HEAD);

impl<const N: usize> Label<N> {
    /// Joins the parts; `N` must be their [`length`]. Fails to compile where it is not.
    pub const fn new(parts: &[&str]) -> Self {
        assert!(N <= super::RETOUCH_MAX_LABEL, "the plugin's label is longer than 256 KiB");
        let mut json = [0; N];
        let mut rest: &mut [u8] = &mut json;
        let mut next = 0;
        while next < parts.len() {
            let part = parts[next].as_bytes();
            let (here, after) = rest.split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = after;
            next += 1;
        }
        assert!(rest.is_empty(), "the label is shorter than its declared length");
        Self { magic: MAGIC, len: N as u32, json }
    }

    /// The JSON text.
    pub const fn json(&self) -> &[u8; N] {
        &self.json
    }
}

/// The length of all parts together, to be the `N` of their [`Label`].
pub const fn length(parts: &[&str]) -> usize {
    let mut sum = 0;
    let mut next = 0;
    while next < parts.len() {
        sum += parts[next].len();
        next += 1;
    }
    sum
}

/// What follows the opening brace of a JSON object, so that other members can be put before it.
#[expect(
    clippy::panic,
    reason = "evaluated while compiling a plugin: a wrong file stops the build"
)]
pub const fn members(object: &str) -> &str {
    let text = object.trim_ascii();
    let Some((b'{', _)) = text.as_bytes().split_first() else {
        panic!("the label file must hold one JSON object");
    };
    let members = text.split_at(1).1.trim_ascii_start();
    let Some((b'"', _)) = members.as_bytes().split_first() else {
        panic!("the label file must name at least id, version and types");
    };
    members
}

/// Whether `text` holds `part` as a whole JSON string, in quotes.
pub const fn quotes(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let mut at = 0;
    while at + part.len() + 2 <= text.len() {
        if text[at] == b'"' && text[at + 1 + part.len()] == b'"' && same(text, at + 1, part) {
            return true;
        }
        at += 1;
    }
    false
}

const fn same(text: &[u8], start: usize, part: &[u8]) -> bool {
    let mut at = 0;
    while at < part.len() {
        if text[start + at] != part[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: &[&str] = &[r#"{"abi":1,"#, members(" {\n \"id\": \"acme\" }\n")];
    static LABEL: Label<{ length(PARTS) }> = Label::new(PARTS);

    #[test]
    fn joins_the_parts_into_one_object() {
        assert_eq!(LABEL.magic, MAGIC);
        assert_eq!(LABEL.len as usize, LABEL.json.len());
        assert_eq!(&LABEL.json()[..], br#"{"abi":1,"id": "acme" }"#);
    }

    #[test]
    fn finds_only_whole_strings() {
        assert!(quotes(r#"{"id":"acme"}"#, "acme"));
        assert!(!quotes(r#"{"id":"acme-edit"}"#, "acme"));
        assert!(!quotes(r#"{"id":"acme"#, "acme"));
        assert!(!quotes("", "acme"));
    }
}
