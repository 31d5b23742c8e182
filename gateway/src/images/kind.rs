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

    /// By the name that clients give it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "png" => Some(Self::Png),
            "jpeg" | "jpg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            _ => None,
        }
    }

    /// By its media type.
    pub fn from_mime(mime: &str) -> Option<Self> {
        [Self::Png, Self::Jpeg, Self::Webp].into_iter().find(|format| format.mime() == mime)
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

/// How files begin that people take for pictures, or send instead of one.
const STARTS: [(&[u8], &str); 40] = [
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"II+\0", "a TIFF"),
    (b"MM\0+", "a TIFF"),
    (b"IIU\0", "a camera's raw file"),
    (b"IIRO", "a camera's raw file"),
    (b"FUJIFILM", "a camera's raw file"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"\x89PNG", "a PNG that was changed on its way"),
    (b"\0\0\x01\0", "an ICO"),
    (b"8BPS", "a PSD"),
    (b"gimp xcf", "an XCF"),
    (b"v/1\x01", "an OpenEXR"),
    (b"#?RADIANCE", "a Radiance HDR"),
    (b"DDS ", "a DDS"),
    (b"qoif", "a QOI"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"PK\x03\x04", "a ZIP"),
    (b"Rar!", "a RAR"),
    (b"7z\xbc\xaf", "a 7-Zip"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"OggS", "an Ogg file"),
    (b"ID3", "an MP3"),
    (b"\x7fELF", "a program"),
    (b"RIFF", "a RIFF file that is no WebP"),
    (b"data:", "a data URI, not its bytes"),
    (b"http://", "a URL, not what is there"),
    (b"https://", "a URL, not what is there"),
    (b"iVBORw0KGgo", "base64, not its bytes"),
    (b"/9j/", "base64, not its bytes"),
    (b"UklGR", "base64, not its bytes"),
    (b"R0lGOD", "base64, not its bytes"),
];

/// In words, what bytes that are no picture of ours look like.
pub(crate) fn looks_like(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "nothing at all";
    }
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
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1" => "a HEIC",
        b"crx " => "a camera's raw file",
        _ => "a video",
    })
}

fn text(head: &[u8]) -> &'static str {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match head.trim_ascii_start().first() {
        Some(b'<') => "HTML, XML or SVG",
        Some(b'{' | b'[') => "JSON",
        _ if is_text(head) => "text",
        _ => "no picture",
    }
}

/// The head may end within a letter.
fn is_text(head: &[u8]) -> bool {
    let whole = head.utf8_chunks().next();
    whole.is_some_and(|chunk| {
        let cut = head.len() - chunk.valid().len();
        cut < 4 && chunk.valid().chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
    })
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
            (b"hello", "text"),
            (b"\xef\xbb\xbfbonjour", "text"),
            ("一二三四五".as_bytes().get(..12).unwrap(), "text"),
            ("a一二三四".as_bytes().get(..12).unwrap(), "text"),
            (b"hel\0lo", "no picture"),
            (b"\xff\xfe\x41\0", "no picture"),
            (b"\x89PNG\n\x1a\n\0", "a PNG that was changed on its way"),
            (b"iVBORw0KGgoA", "base64, not its bytes"),
            (b"https://a.b/", "a URL, not what is there"),
            (b"", "nothing at all"),
        ] {
            assert_eq!(looks_like(head), name, "{head:?}");
        }
    }
}
