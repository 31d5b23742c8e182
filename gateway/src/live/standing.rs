//! How a provider stands at one moment: whether a job may be sent there, and if not, why and until
//! when. What routing decides on, and what people read.

use retouch_sdk::Class;

use crate::clock::Ms;

/// How a provider stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A job may be sent there.
    Free {
        /// Failures since it last went well.
        ill: u32,
        /// Jobs at its account.
        open: u32,
    },
    /// All places of its account are in use or promised.
    Full {
        /// How many there are.
        places: u32,
    },
    /// Its account was asked too often.
    Cooling {
        /// When it may be asked again.
        until: Ms,
    },
    /// It failed too often.
    Broken {
        /// When one job may try it.
        until: Ms,
    },
    /// It failed too often, and one job is trying it.
    Probing {
        /// When to look what came of that.
        until: Ms,
    },
    /// Its submits of the day are used up.
    UsedUp {
        /// How many it may have.
        per_day: u32,
        /// When the next day begins.
        until: Ms,
    },
    /// Its key or its credit is no good. This is not waited for.
    Shut {
        /// Which of them.
        class: Class,
        /// When it is tried again.
        until: Ms,
    },
}

impl Standing {
    /// Every word there is for one.
    pub const WORDS: [&str; 7] =
        ["free", "full", "cooling", "broken", "probing", "used_up", "shut"];

    /// In one word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Free { .. } => "free",
            Self::Full { .. } => "full",
            Self::Cooling { .. } => "cooling",
            Self::Broken { .. } => "broken",
            Self::Probing { .. } => "probing",
            Self::UsedUp { .. } => "used_up",
            Self::Shut { .. } => "shut",
        }
    }

    /// When it may be otherwise, where that is known.
    pub fn until(&self) -> Option<Ms> {
        match self {
            Self::Free { .. } | Self::Full { .. } => None,
            Self::Cooling { until }
            | Self::Broken { until }
            | Self::Probing { until }
            | Self::UsedUp { until, .. }
            | Self::Shut { until, .. } => Some(*until),
        }
    }

    /// Why it was passed over, to follow its name in a sentence.
    pub fn reason(&self) -> String {
        match self {
            Self::Free { .. } => "was free".to_owned(),
            Self::Full { places } => format!("had all {places} places at its account in use"),
            Self::Cooling { until } => {
                format!(
                    "was asked too often or had no capacity; it is asked again at {}",
                    utc(*until)
                )
            }
            Self::Broken { until } => {
                format!("failed too often lately; one job tries it again at {}", utc(*until))
            }
            Self::Probing { .. } => {
                "failed too often lately; another job was just trying it again".to_owned()
            }
            Self::UsedUp { per_day, .. } => {
                format!("had all its {per_day} submits of the day; the next begins at 00:00 UTC")
            }
            Self::Shut { class, until } => {
                format!("{}; it is tried again at {}", trouble(*class), utc(*until))
            }
        }
    }
}

/// What is wrong with an account, to follow its name in a sentence.
pub(super) fn trouble(class: Class) -> &'static str {
    match class {
        Class::Quota => "had no credit left at its account",
        _ => "did not accept the key in its file",
    }
}

/// The time of day.
pub(crate) fn utc(at: Ms) -> String {
    let seconds = crate::clock::seconds(at) % 86_400;
    format!("{:02}:{:02}:{:02} UTC", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_sentences_with_a_time() {
        let until = 86_400_000 * 3 + 3_723_999;
        for (standing, want) in [
            (Standing::Full { places: 3 }, "had all 3 places at its account in use"),
            (
                Standing::Cooling { until },
                "was asked too often or had no capacity; it is asked again at 01:02:03 UTC",
            ),
            (
                Standing::Broken { until },
                "failed too often lately; one job tries it again at 01:02:03 UTC",
            ),
            (
                Standing::UsedUp { per_day: 9, until },
                "had all its 9 submits of the day; the next begins at 00:00 UTC",
            ),
            (
                Standing::Shut { class: Class::Auth, until },
                "did not accept the key in its file; it is tried again at 01:02:03 UTC",
            ),
        ] {
            assert_eq!(standing.reason(), want);
        }
    }
}
