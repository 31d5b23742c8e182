//! Finds the label in a library's bytes, without running any of it.
//!
//! The file is data here, perhaps hostile: every length is checked, nothing is trusted because
//! another field agrees with it. Only the dynamic symbol table is looked at, which is where the
//! loader itself would look.

use object::read::{Object, ObjectSection, ObjectSegment, ObjectSymbol, ObjectSymbolTable};
use retouch_abi::label::MAGIC;
use retouch_abi::{LABEL_SYMBOL, RETOUCH_MAX_LABEL};

use super::Fault;

/// The label's JSON text; `None` when the file is not a plugin of ours at all.
pub(super) fn label(file: &[u8]) -> Result<Option<&[u8]>, Fault> {
    let Ok(library) = object::File::parse(file) else {
        return cut_short(file);
    };
    // Mapped, what lies beyond the file's end would end the process.
    let end = |segment: object::Segment<'_, '_>| {
        let (offset, size) = segment.file_range();
        offset.saturating_add(size)
    };
    if library.segments().any(|segment| end(segment) > file.len() as u64) {
        return cut_short(file);
    }
    let Some(table) = library.dynamic_symbol_table() else {
        return cut_short(file);
    };
    let Some(symbol) = table.symbols().find(|symbol| symbol.name() == Ok(LABEL_SYMBOL)) else {
        return Ok(None);
    };
    if symbol.is_undefined() {
        return Ok(None);
    }
    let bytes = contents(&library, &symbol).ok_or_else(|| broken("lies outside the file"))?;
    text(bytes).map(Some)
}

/// A file we cannot read as a library but that holds a label's magic is one of ours, damaged.
fn cut_short(file: &[u8]) -> Result<Option<&[u8]>, Fault> {
    if !file.windows(MAGIC.len()).any(|window| window == MAGIC) {
        return Ok(None);
    }
    let what = "is not a whole library, though it holds a Retouch label";
    Err(Fault::new(what, "copy or build it again"))
}

/// The bytes of a symbol in the file, by its section or, without one, its segment.
fn contents<'data>(
    library: &object::File<'data>,
    symbol: &object::Symbol<'data, '_>,
) -> Option<&'data [u8]> {
    let (address, size) = (symbol.address(), symbol.size());
    if let Some(index) = symbol.section_index() {
        let section = library.section_by_index(index).ok()?;
        return section.data_range(address, size).ok()?;
    }
    library.segments().find_map(|segment| segment.data_range(address, size).ok()?)
}

/// Checks magic and length and returns the text between them.
fn text(label: &[u8]) -> Result<&[u8], Fault> {
    let Some((magic, rest)) = label.split_first_chunk::<{ MAGIC.len() }>() else {
        return Err(broken("is shorter than its head"));
    };
    if *magic != MAGIC {
        return Err(broken("does not begin with RETOUCH1"));
    }
    let Some((length, rest)) = rest.split_first_chunk() else {
        return Err(broken("is shorter than its head"));
    };
    // Only libraries of this machine are loaded, so its byte order is the file's.
    let length = u32::from_ne_bytes(*length) as usize;
    if length > RETOUCH_MAX_LABEL {
        return Err(broken("is longer than 256 KiB"));
    }
    rest.get(..length).ok_or_else(|| broken("claims to be longer than it is"))
}

fn broken(what: &str) -> Fault {
    let mend = "build it again with export_plugin! or RETOUCH_LABEL";
    Fault::new(format!("the label {what}"), mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label_bytes(magic: &[u8; 8], length: u32, json: &[u8]) -> Vec<u8> {
        [magic.as_slice(), &length.to_ne_bytes(), json].concat()
    }

    #[test]
    fn bounds_every_length_of_a_label() {
        let cases = [
            (label_bytes(&MAGIC, 2, b"{}"), "{}"),
            (label_bytes(&MAGIC, 2, b"{}\0\0"), "{}"),
            (b"RETOUCH1\0".to_vec(), "the label is shorter than its head"),
            (label_bytes(b"RETOUCH2", 2, b"{}"), "the label does not begin with RETOUCH1"),
            (label_bytes(&MAGIC, 3, b"{}"), "the label claims to be longer than it is"),
            (label_bytes(&MAGIC, u32::MAX, b"{}"), "the label is longer than 256 KiB"),
        ];
        for (bytes, expected) in cases {
            let found = text(&bytes).map(|text| String::from_utf8_lossy(text).into_owned());
            assert_eq!(found.unwrap_or_else(|fault| fault.what), expected);
        }
    }

    #[test]
    fn passes_over_what_is_no_plugin() {
        assert_eq!(label(b"").unwrap(), None);
        assert_eq!(label(b"\x7fELF and then nothing").unwrap(), None);
        // This test program is a library file in all but name, without a label.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(label(&own).unwrap(), None);
    }

    #[test]
    fn names_a_damaged_plugin() {
        let fault = label(b"\x7fELF half copied RETOUCH1").unwrap_err();
        assert!(fault.what.contains("not a whole library"), "{}", fault.what);
    }
}
