//! A secret in memory. It has no `Display` and no `Serialize`, and `Debug` hides it, so that it can
//! only be written out where [`Secret::expose`] stands.

use std::fmt;
use std::sync::Arc;

/// How every placeholder of a provider's key begins. Text from outside that holds it is refused: it
/// would have the key written where others read it.
pub const PLACEHOLDER: &str = "{{secret:";

/// What a log shows in a secret's place.
const HIDDEN: &str = "[secret]";

/// A key or password in clear. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes the clear text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The clear text. To be called at the last moment, and never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_hidden_in_debug_output() {
        let secret = Secret::new("sk-canary".to_owned());
        assert_eq!(format!("{:?}", Some(&secret)), "Some([secret])");
        assert_eq!(secret.expose(), "sk-canary");
    }
}
