//! Times as people write them: `90s`, `9m30s`, `1h`, `7d`.

use std::time::Duration;

/// Reads one; `None` when it is none. A unit is required.
pub fn parse(text: &str) -> Option<Duration> {
    let mut total = 0u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at_checked(letters)?;
        let ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(ms)?)?;
        rest = tail;
    }
    Some(Duration::from_millis(total))
}

/// Writes one as [`parse`] reads it, to the millisecond.
pub fn shown(duration: Duration) -> String {
    let mut rest = ms(duration);
    let mut text = String::new();
    for (unit, length) in
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
    {
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// The milliseconds of a duration.
pub fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, want) in [
            ("90s", Some(90_000)),
            ("9m30s", Some(570_000)),
            ("1h", Some(3_600_000)),
            ("7d", Some(604_800_000)),
            ("250ms", Some(250)),
            ("", None),
            ("10", None),
            ("m", None),
            ("10x", None),
            ("-5s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(parse(text).map(ms), want, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (ms, want) in
            [(0, "0s"), (250, "250ms"), (90_000, "1m30s"), (600_000, "10m"), (604_800_000, "7d")]
        {
            let duration = Duration::from_millis(ms);
            assert_eq!(shown(duration), want);
            assert_eq!(parse(want), Some(duration));
        }
    }
}
