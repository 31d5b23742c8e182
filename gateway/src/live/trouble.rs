//! An account's own trouble, shared by the providers that use it: asked too often, it cools for a
//! while; without a valid key or credit it is shut. Neither is a failure of the provider.

use retouch_sdk::Class;

use crate::clock::Ms;

/// Without a word of the provider's: one second, doubled each time, at most this.
const LONGEST_OWN: Ms = 20_000;
/// A provider's word is obeyed up to here.
const LONGEST_TOLD: Ms = 300_000;
/// How long a key or an empty account is not tried again.
const SHUT: Ms = 600_000;
/// The provider's word on when there is credit again counts up to here.
const LONGEST_SHUT: Ms = 86_400_000;

/// One account's.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    cooling: Ms,
    times: u32,
    shut: Option<Shut>,
}

/// Closed at once: asking again would fail again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shut {
    /// Whether for its key or for its credit.
    pub class: Class,
    /// When it is tried again.
    pub until: Ms,
}

impl Trouble {
    /// It was asked too often, or has no capacity. True when that is news.
    pub(super) fn cool(&mut self, for_ms: Option<u64>, now: Ms) -> bool {
        let news = now >= self.cooling;
        if news {
            self.times = self.times.saturating_add(1);
        }
        let own = || (1_000 << self.times.saturating_sub(1).min(5)).min(LONGEST_OWN);
        let pause = for_ms.unwrap_or_else(own).min(LONGEST_TOLD);
        self.cooling = self.cooling.max(now.saturating_add(pause));
        news && self.times == 1
    }

    /// Its key or its credit is gone. Gives the time it is tried again when that is news.
    pub(super) fn shut(&mut self, class: Class, for_ms: Option<u64>, now: Ms) -> Option<Ms> {
        let news = self.is_shut(now).is_none_or(|shut| shut.class != class);
        let told = for_ms.filter(|_| class == Class::Quota).map(|ms| ms.clamp(1_000, LONGEST_SHUT));
        let until = now.saturating_add(told.unwrap_or(SHUT));
        self.shut = Some(Shut { class, until });
        news.then_some(until)
    }

    /// Work was taken there: it is well. True when it had been shut.
    pub(super) fn worked(&mut self, now: Ms) -> bool {
        self.answered(now);
        self.shut.take().is_some()
    }

    /// A question was answered.
    pub(super) fn answered(&mut self, now: Ms) {
        if now >= self.cooling {
            self.times = 0;
        }
    }

    /// Until when it cools.
    pub(super) fn is_cooling(&self, now: Ms) -> Option<Ms> {
        (now < self.cooling).then_some(self.cooling)
    }

    /// Whether it is shut.
    pub(super) fn is_shut(&self, now: Ms) -> Option<Shut> {
        self.shut.filter(|shut| now < shut.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cools_for_longer_each_time_until_something_is_answered() {
        let (mut trouble, mut now, mut pauses) = (Trouble::default(), 1_000_000, Vec::new());
        for _ in 0..7 {
            trouble.cool(None, now);
            let until = trouble.is_cooling(now).unwrap();
            pauses.push(until - now);
            now = until;
        }
        assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
        trouble.answered(now);
        assert!(trouble.cool(None, now), "that is news again");
        assert_eq!(trouble.is_cooling(now), Some(now + 1_000));
    }

    #[test]
    fn obeys_the_providers_word_within_bounds() {
        for (told, want) in [(Some(7_000), 7_000), (Some(3_600_000), 300_000), (Some(0), 0)] {
            let mut trouble = Trouble::default();
            trouble.cool(told, 50);
            assert_eq!(trouble.is_cooling(50), (want > 0).then_some(50 + want), "{told:?}");
        }
    }

    #[test]
    fn many_refusals_at_once_are_one() {
        let mut trouble = Trouble::default();
        assert!(trouble.cool(None, 0));
        for _ in 0..9 {
            assert!(!trouble.cool(None, 1));
        }
        assert_eq!(trouble.is_cooling(1), Some(1_001));
        trouble.cool(Some(9_000), 2);
        trouble.cool(Some(3_000), 2);
        assert_eq!(trouble.is_cooling(2), Some(9_002), "the longest word counts");
    }

    #[test]
    fn is_shut_at_once_and_says_so_once() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.shut(Class::Auth, Some(5), 0), Some(600_000));
        assert_eq!(trouble.shut(Class::Auth, None, 10), None);
        assert_eq!(trouble.shut(Class::Quota, Some(7_200_000), 20), Some(7_200_020));
        assert_eq!(trouble.is_shut(7_200_019).map(|shut| shut.class), Some(Class::Quota));
        assert_eq!(trouble.is_shut(7_200_020), None);
        assert!(trouble.worked(8_000_000) && !trouble.worked(8_000_000));
    }
}
