//! What a scripted provider does with one submit.

/// One submit's fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// Takes it; the first poll says that it runs, the second that it is done.
    #[default]
    Accept,
    /// Takes it and answers with the result at once.
    AcceptDone,
    /// Takes it; polls say that it runs until the test releases it.
    Hold,
    /// Takes it; the result's link fails so many times, then works.
    DeadLink(u32),
    /// Refuses the key: an error code in an answer of 200.
    BadKey,
    /// The same, and repeats the key in its message.
    EchoKey,
    /// Refuses: too many tasks at once, likewise.
    QueueFull,
    /// Refuses with 429.
    TooMany,
    /// Refuses the prompt in the answer to the submit, which has a task id all the same.
    Moderated,
    /// Takes it, and a poll says that the result was refused by content policy.
    ModeratedLater,
    /// Takes it and closes the connection instead of answering.
    Cut,
    /// Takes it and does not answer before the test releases it; then closes the connection.
    Stall,
    /// Answers 500 with a page of HTML, having taken it or not.
    Html,
    /// Takes it and answers 200 without a task id.
    NoId,
}

impl Turn {
    /// Whether the provider charges for it: it has taken the work.
    pub fn is_charged(self) -> bool {
        match self {
            Self::Accept | Self::AcceptDone | Self::Hold | Self::DeadLink(_) => true,
            Self::Cut | Self::Stall | Self::Html | Self::NoId => true,
            Self::BadKey | Self::EchoKey | Self::QueueFull | Self::TooMany => false,
            Self::Moderated | Self::ModeratedLater => false,
        }
    }
}
