//! Times as the keys' file has them: TOML's dates and times, in UTC where they do not say.

use std::str::FromStr;

use toml::value::{Date, Datetime, Offset, Time};

use crate::clock::Ms;
use crate::duration;

const DAY: i64 = 86_400;

/// The end of a key as it is written in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expiry(pub(super) Datetime);

impl Expiry {
    /// Reads `2027-01-31`, `2027-01-31T18:00:00Z`, or a time from now such as `90d`.
    pub fn parse(text: &str, now: Ms) -> Option<Self> {
        let from_now =
            || duration::parse(text).and_then(|time| now.checked_add(duration::ms(time)));
        let written = Datetime::from_str(text.trim()).ok();
        let at = written.or_else(|| from_now().and_then(datetime))?;
        end(&at).map(|_| Self(at))
    }

    /// From when on the key is refused.
    pub fn at(self) -> Ms {
        end(&self.0).unwrap_or_default()
    }
}

/// The moment something ends: a date alone counts to its last second.
pub(super) fn end(at: &Datetime) -> Option<Ms> {
    let day = if at.time.is_none() { DAY } else { 0 };
    seconds(at).and_then(|seconds| ms(seconds + day))
}

/// The moment something happened: a date alone counts from its first second.
pub(super) fn start(at: &Datetime) -> Option<Ms> {
    seconds(at).and_then(ms)
}

/// That moment as the file writes it; `None` beyond the year 9999.
pub(super) fn datetime(at: Ms) -> Option<Datetime> {
    let seconds = i64::try_from(at / 1000).ok()?;
    let date = civil(seconds.div_euclid(DAY))?;
    let of_day = seconds.rem_euclid(DAY);
    let part = |value: i64| u8::try_from(value).ok();
    let time = Time {
        hour: part(of_day / 3600)?,
        minute: part(of_day / 60 % 60)?,
        second: Some(part(of_day % 60)?),
        nanosecond: None,
    };
    Some(Datetime { date: Some(date), time: Some(time), offset: Some(Offset::Z) })
}

/// That moment for people: `2027-01-31T18:00:00Z`.
pub fn shown(at: Ms) -> String {
    datetime(at).map_or_else(|| "-".to_owned(), |at| at.to_string())
}

fn ms(seconds: i64) -> Option<Ms> {
    Ms::try_from(seconds).ok()?.checked_mul(1000)
}

/// Seconds since 1970; `None` for a time of day alone.
fn seconds(at: &Datetime) -> Option<i64> {
    let Date { year, month, day } = at.date?;
    let days = days(i64::from(year), i64::from(month), i64::from(day));
    let of_day = at.time.map_or(0, |time| {
        let (hour, minute) = (i64::from(time.hour), i64::from(time.minute));
        hour * 3600 + minute * 60 + time.second.map_or(0, i64::from)
    });
    let offset = match at.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes) * 60,
        Some(Offset::Z) | None => 0,
    };
    Some(days * DAY + of_day - offset)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March here, so that the
/// leap day is their last; 400 of them are one round.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (round, of_round) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    round * 146_097 + of_round * 365 + of_round / 4 - of_round / 100 + of_year - 719_468
}

/// The day so many days after 1970-01-01.
fn civil(days: i64) -> Option<Date> {
    let days = days + 719_468;
    let (round, of_round) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_round - of_round / 1460 + of_round / 36_524 - of_round / 146_096) / 365;
    let of_year = of_round - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = round * 400 + year + i64::from(month <= 2);
    let year = u16::try_from(year).ok().filter(|year| *year <= 9999)?;
    Some(Date { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        let now = 1_800_000_000_000; // 2027-01-15T08:00:00Z
        for (text, want) in [
            ("2027-01-15", Some(1_800_057_600_000)),
            ("2027-01-15T08:00:00Z", Some(now)),
            ("2027-01-15T16:00:00+08:00", Some(now)),
            ("2027-01-15 08:00:00", Some(now)),
            ("2024-02-29", Some(1_709_251_200_000)),
            ("90d", Some(now + 90 * 86_400_000)),
            ("12h", Some(now + 12 * 3_600_000)),
            ("1969-01-01", None),
            ("08:00:00", None),
            ("2027-02-30", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(Expiry::parse(text, now).map(Expiry::at), want, "{text}");
        }
        assert_eq!(shown(now), "2027-01-15T08:00:00Z");
        assert_eq!(shown(Ms::MAX), "-");
    }

    proptest! {
        #[test]
        fn a_moment_written_is_the_moment_read(seconds in 0_u64..253_402_300_800) {
            let at = datetime(seconds * 1000).unwrap();
            prop_assert_eq!(start(&at), Some(seconds * 1000));
            let again = Datetime::from_str(&at.to_string()).unwrap();
            prop_assert_eq!(again, at);
        }
    }
}
