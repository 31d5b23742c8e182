//! Sizes as people write them: `500MB`, `20GB`, `1.5TiB`.

/// Units, the decimal ones as disks are sold, the binary ones as they are counted.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads one; `None` when it is none. A unit is required, in any case.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.trim_start();
    let (_, scale) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(*scale)?;
    // Three digits are as fine as anybody writes; more would only need more room to count in.
    if part.is_empty() || part.len() > 3 {
        return None;
    }
    let tenths = 10_u64.pow(u32::try_from(part.len()).ok()?);
    let part = part.parse::<u64>().ok()?.checked_mul(*scale)? / tenths;
    whole.checked_add(part)
}

/// For people: `12.3 GB`.
pub fn show(bytes: u64) -> String {
    let fits = |(_, scale): &&(&str, u64)| bytes >= *scale;
    let (unit, scale) = UNITS.iter().take(5).rev().find(fits).unwrap_or(&("B", 1));
    if *scale == 1 {
        return format!("{bytes} B");
    }
    format!("{}.{} {unit}", bytes / scale, bytes % scale * 10 / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, want) in [
            ("20GB", Some(20_000_000_000)),
            (" 500 mb ", Some(500_000_000)),
            ("1.5TB", Some(1_500_000_000_000)),
            ("0.25GiB", Some(256 << 20)),
            ("1KiB", Some(1_024)),
            ("7B", Some(7)),
            ("0GB", Some(0)),
            ("", None),
            ("20", None),
            ("GB", None),
            ("1.GB", None),
            (".5GB", None),
            ("1.2.3GB", None),
            ("-1GB", None),
            ("20 gigabytes", None),
            ("99999999999TB", None),
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
    }

    #[test]
    fn shows_what_people_read() {
        for (bytes, want) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 KB"),
            (20_000_000_000, "20.0 GB"),
            (1_550_000, "1.5 MB"),
            (u64::MAX, "18446744.0 TB"),
        ] {
            assert_eq!(show(bytes), want);
        }
    }
}
