//! Keys themselves: `rt_live_`, 32 random characters, and a checksum of these in 6, so that a leaked
//! one is recognised wherever it turns up without asking anybody.

use std::io;

use crate::secret::Secret;

/// What every key begins with.
const LABEL: &str = "rt_live_";
/// Random characters: 190 bits.
const RANDOM: usize = 32;
/// Characters of the checksum: enough for 32 bits.
const CHECKSUM: usize = 6;
/// How much of a key is shown in lists: the label and four characters.
const PREFIX: usize = LABEL.len() + 4;
/// Characters of an id.
const ID: usize = 12;

/// A new key.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn new() -> io::Result<Secret> {
    let random = random(RANDOM, 62)?;
    Ok(Secret::new(format!("{LABEL}{random}{}", checksum(&random))))
}

/// A new key's id: it says nothing of the key.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn id() -> io::Result<String> {
    Ok(format!("key_{}", random(ID, 36)?.to_ascii_lowercase()))
}

/// The beginning of a key, for people.
pub(super) fn prefix(key: &Secret) -> String {
    key.expose().chars().take(PREFIX).collect()
}

/// So many digits of that base.
fn random(count: usize, base: u8) -> io::Result<String> {
    // Bytes from here on would make the first digits likelier than the others.
    let fair = u8::MAX - u8::MAX % base;
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let digits = bytes.iter().filter(|byte| **byte < fair).map(|byte| digit(byte % base));
        text.extend(digits.take(count - text.len()));
    }
    Ok(text)
}

/// CRC-32 in base 62.
fn checksum(random: &str) -> String {
    let mut rest = crc32fast::hash(random.as_bytes());
    let mut digits = ['0'; CHECKSUM];
    for place in digits.iter_mut().rev() {
        // Below 62, so it fits.
        *place = digit(u8::try_from(rest % 62).unwrap_or_default());
        rest /= 62;
    }
    digits.iter().collect()
}

fn digit(value: u8) -> char {
    char::from(match value {
        0..=9 => b'0' + value,
        10..=35 => b'A' + (value - 10),
        _ => b'a' + (value.min(61) - 36),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_key_is_recognised_by_its_form_and_checksum() {
        let keys: BTreeSet<String> = (0..200).map(|_| new().unwrap().expose().to_owned()).collect();
        assert_eq!(keys.len(), 200);
        for key in &keys {
            let rest = key.strip_prefix("rt_live_").unwrap();
            assert_eq!(rest.len(), 38, "{key}");
            assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric()), "{key}");
            let (random, sum) = rest.split_at(32);
            assert_eq!(sum, checksum(random), "{key}");
        }
        let used: BTreeSet<char> =
            keys.iter().flat_map(|key| key.chars().skip(8).take(32)).collect();
        assert_eq!(used.len(), 62, "every digit comes up");
    }

    #[test]
    fn checksums_are_those_of_crc32() {
        // CRC-32 of "123456789" is 0xCBF43926, by every catalogue of CRCs.
        let value = "3jZRME".chars().fold(0_u64, |sum, c| {
            let digit = (0..62).find(|d| super::digit(*d) == c).unwrap();
            sum * 62 + u64::from(digit)
        });
        assert_eq!((value, checksum("123456789").as_str()), (0xCBF4_3926, "3jZRME"));
    }

    #[test]
    fn ids_and_prefixes_tell_nothing() {
        let id = id().unwrap();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        assert!(id.strip_prefix("key_").is_some_and(|rest| rest.bytes().all(plain)), "{id}");
        let key = Secret::new("rt_live_abcdEFGH".to_owned());
        assert_eq!(prefix(&key), "rt_live_abcd");
    }
}
