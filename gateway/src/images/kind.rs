//! What a picture is, by its first bytes. Declared types and file names are never believed.

/// Bytes that settle every format here.
pub(crate) const ENOUGH: usize = 12;

/// The formats that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl Format {
    /// As a media type.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// The format that `head` begins with.
pub fn sniff(head: &[u8]) -> Option<Format> {
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(Format::Png);
    }
    if head.starts_with(b"\xff\xd8\xff") {
        return Some(Format::Jpeg);
    }
    let webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    webp.then_some(Format::Webp)
}

/// In words, what bytes that are no picture of ours look like.
pub(crate) fn looks_like(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "nothing at all";
    }
    const STARTS: [(&[u8], &str); 14] = [
        (b"GIF8", "a GIF"),
        (b"BM", "a BMP"),
        (b"II*\0", "a TIFF"),
        (b"MM\0*", "a TIFF"),
        (b"\xff\x0a", "a JPEG XL"),
        (b"\0\0\0\x0cJXL ", "a JPEG XL"),
        (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
        (b"\0\0\x01\0", "an ICO"),
        (b"8BPS", "a PSD"),
        (b"%PDF", "a PDF"),
        (b"PK\x03\x04", "a ZIP"),
        (b"\x1f\x8b", "gzip"),
        (b"RIFF", "a RIFF file that is no WebP"),
        (b"data:", "a data URI, not its bytes"),
    ];
    let known = STARTS.iter().find(|(start, _)| head.starts_with(start));
    known.map(|(_, name)| *name).or_else(|| brand(head)).unwrap_or_else(|| text(head))
}

/// ISO media files name their brand after `ftyp`.
fn brand(head: &[u8]) -> Option<&'static str> {
    if head.get(4..8) != Some(b"ftyp") {
        return None;
    }
    Some(match head.get(8..12)? {
        b"avif" | b"avis" => "an AVIF",
        b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" => "a HEIC",
        _ => "a video",
    })
}

fn text(head: &[u8]) -> &'static str {
    match head.trim_ascii_start().first() {
        Some(b'<') => "HTML, XML or SVG",
        Some(b'{' | b'[') => "JSON",
        _ => "no picture",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_three_formats() {
        for (head, format) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some(Format::Png)),
            (b"\x89PNG\n\x1a\n.....", None),
            (b"\xff\xd8\xff\xe0", Some(Format::Jpeg)),
            (b"\xff\xd8", None),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(Format::Webp)),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"GIF89a", None),
            (b"", None),
        ] {
            assert_eq!(sniff(head), format, "{head:?}");
        }
    }

    #[test]
    fn says_what_else_it_looks_like() {
        for (head, name) in [
            (&b"GIF89a"[..], "a GIF"),
            (b"\0\0\0\x1cftypheic", "a HEIC"),
            (b"\0\0\0\x1cftypmif1", "a HEIC"),
            (b"\0\0\0\x1cftypavif", "an AVIF"),
            (b"\0\0\0\x1cftypisom", "a video"),
            (b"\0\0\0\x1cftyp", "no picture"),
            (b"II*\0....", "a TIFF"),
            (b" \n<svg xmlns", "HTML, XML or SVG"),
            (b"{\"code\":0}", "JSON"),
            (b"hello", "no picture"),
            (b"", "nothing at all"),
        ] {
            assert_eq!(looks_like(head), name, "{head:?}");
        }
    }
}
