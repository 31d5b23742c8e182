//! What a plugin hands over during one call: copied at once, bounded, checked.
//!
//! A plugin may write anything, in any pieces; what comes out here fits the ABI or is an error.

use retouch_abi as abi;

use super::PluginError;

/// The bytes written on each channel.
#[derive(Debug, Default)]
pub(super) struct Collected {
    outcome: Vec<u8>,
    state: Vec<u8>,
    error: Vec<u8>,
    refused: Option<PluginError>,
}

impl Collected {
    /// The channel's bytes so far, their bound and their name; `None` for one we do not have.
    fn channel(&mut self, channel: u32) -> Option<(&mut Vec<u8>, usize, &'static str)> {
        match channel {
            abi::RETOUCH_CH_OUTCOME => {
                Some((&mut self.outcome, abi::RETOUCH_MAX_OUTCOME, "outcome"))
            }
            abi::RETOUCH_CH_STATE => Some((&mut self.state, abi::RETOUCH_MAX_STATE, "state")),
            abi::RETOUCH_CH_ERROR => Some((&mut self.error, abi::RETOUCH_MAX_ERROR, "error")),
            _ => None,
        }
    }

    /// How many more bytes the channel takes before it refuses; asked before a slice is made.
    /// An error's text is cut instead of refused.
    pub(super) fn room(&mut self, channel: u32, len: usize) -> Option<usize> {
        let Some((bytes, limit, what)) = self.channel(channel) else {
            self.refused = Some(PluginError::Broken("it wrote on a channel that does not exist"));
            return None;
        };
        let room = limit - bytes.len();
        if len <= room || channel == abi::RETOUCH_CH_ERROR {
            return Some(len.min(room));
        }
        self.refused = Some(PluginError::TooLarge { what, limit });
        None
    }

    /// Appends what [`Collected::room`] allowed.
    pub(super) fn append(&mut self, channel: u32, written: &[u8]) {
        if let Some((bytes, ..)) = self.channel(channel) {
            bytes.extend_from_slice(written);
        }
    }

    /// The error channel's text, made readable if it is not.
    fn error(&self) -> String {
        let text = String::from_utf8_lossy(&self.error);
        if text.is_empty() { "it did not say why".to_owned() } else { text.into_owned() }
    }

    /// What came of a call: an error by its status, or else what was written.
    pub(super) fn judge(mut self, status: i32) -> Result<Self, PluginError> {
        if let Some(refused) = self.refused.take() {
            return Err(refused);
        }
        if status != abi::RETOUCH_OK {
            return Err(PluginError::from_status(status, self.error()));
        }
        Ok(self)
    }

    /// The outcome and the state of a step.
    pub(super) fn into_answer(self) -> Result<(Vec<u8>, Vec<u8>), PluginError> {
        if self.outcome.is_empty() {
            return Err(PluginError::Broken("its step wrote no outcome"));
        }
        if std::str::from_utf8(&self.outcome).is_err() {
            return Err(PluginError::Broken("its outcome is not UTF-8"));
        }
        Ok((self.outcome, self.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(writes: &[(u32, &[u8])]) -> Collected {
        let mut collected = Collected::default();
        for (channel, bytes) in writes {
            if let Some(room) = collected.room(*channel, bytes.len()) {
                collected.append(*channel, &bytes[..room]);
            }
        }
        collected
    }

    #[test]
    fn appends_repeated_writes() {
        let writes: [(u32, &[u8]); 3] = [(0, b"{\"a\":"), (2, b"s"), (0, b"1}")];
        let answer = collected(&writes).judge(0).unwrap().into_answer().unwrap();
        assert_eq!(answer, (b"{\"a\":1}".to_vec(), b"s".to_vec()));
    }

    #[test]
    fn turns_statuses_into_errors() {
        let cases = [
            (-1, "boom", PluginError::Panicked("boom".to_owned())),
            (-2, "e", PluginError::Input("e".to_owned())),
            (-4, "s", PluginError::State("s".to_owned())),
            (-5, "", PluginError::Unsupported("it did not say why".to_owned())),
            (-6, "x", PluginError::Failed { status: -6, message: "x".to_owned() }),
            (99, "x", PluginError::Failed { status: 99, message: "x".to_owned() }),
        ];
        for (status, text, expected) in cases {
            assert_eq!(collected(&[(1, text.as_bytes())]).judge(status).unwrap_err(), expected);
        }
    }

    #[test]
    fn reads_the_field_of_a_config_error() {
        let json = br#"{"field":"model","message":"is unknown"}"#;
        let error = collected(&[(1, json)]).judge(-3).unwrap_err();
        assert_eq!(error.to_string(), "model: is unknown");
        let error = collected(&[(1, b"is unknown")]).judge(-3).unwrap_err();
        assert_eq!(error.to_string(), "is unknown");
    }

    #[test]
    fn bounds_what_is_written() {
        let state = vec![b'x'; abi::RETOUCH_MAX_STATE];
        assert!(collected(&[(0, b"{}"), (2, &state)]).judge(0).is_ok());
        let too_large = PluginError::TooLarge { what: "state", limit: abi::RETOUCH_MAX_STATE };
        assert_eq!(collected(&[(2, &state), (2, b"y")]).judge(0).unwrap_err(), too_large);
        assert_eq!(collected(&[(2, &state), (2, b"y")]).judge(-6).unwrap_err(), too_large);

        let words = vec![b'x'; abi::RETOUCH_MAX_ERROR + 9];
        let cut = collected(&[(1, &words)]).judge(-1).unwrap_err();
        let text = String::from_utf8(words[..abi::RETOUCH_MAX_ERROR].to_vec()).unwrap();
        assert_eq!(cut, PluginError::Panicked(text));
        assert!(matches!(collected(&[(16, b"")]).judge(0), Err(PluginError::Broken(_))));
    }

    #[test]
    fn takes_no_answer_that_is_none() {
        let judged = |writes| collected(writes).judge(0).unwrap().into_answer();
        assert!(matches!(judged(&[]), Err(PluginError::Broken(_))));
        assert!(matches!(judged(&[(0, b"\xff")]), Err(PluginError::Broken(_))));
    }
}
