//! Values that requests and styles write alike, in their one canonical spelling. Pure: what a value
//! must be is said by whoever read it.

/// `1K`, `2K` or `4K`, in any case.
pub fn resolution(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    ["1K", "2K", "4K"].contains(&upper.as_str()).then_some(upper)
}

/// `WIDTH:HEIGHT` in small whole numbers.
pub fn aspect_ratio(text: &str) -> Option<String> {
    let part = |p: &str| p.parse::<u32>().ok().filter(|n| (1..=100).contains(n));
    let (width, height) = text.split_once(':')?;
    Some(format!("{}:{}", part(width)?, part(height)?))
}

/// `png`, `jpeg` (also as `jpg`) or `webp`.
pub fn output_format(text: &str) -> Option<String> {
    match text {
        "jpg" => Some("jpeg".to_owned()),
        "png" | "jpeg" | "webp" => Some(text.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        let read = |read: fn(&str) -> Option<String>, text| read(text).unwrap_or_default();
        for (reader, text, canonical) in [
            (resolution as fn(&str) -> Option<String>, "2k", "2K"),
            (resolution, "8K", ""),
            (aspect_ratio, "03:4", "3:4"),
            (aspect_ratio, "3x4", ""),
            (aspect_ratio, "0:4", ""),
            (output_format, "jpg", "jpeg"),
            (output_format, "gif", ""),
        ] {
            assert_eq!(read(reader, text), canonical, "{text}");
        }
    }
}
