//! JSON's string escapes, a byte at a time.

/// Where in an escape we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Escape {
    #[default]
    None,
    /// After the backslash.
    Begun,
    /// After `\u` and so many of its four digits.
    Hex { digits: u8, value: u32 },
}

/// What a byte amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Nothing yet.
    None,
    /// A byte of the string.
    Plain(u8),
    /// What is no ASCII, or no escape.
    Other,
}

impl Escape {
    /// Whether the next byte cannot end the string or begin an escape.
    pub(super) fn is_open(self) -> bool {
        self == Self::Begun
    }

    /// Takes the next byte of a string.
    pub(super) fn feed(&mut self, byte: u8) -> Unit {
        match *self {
            Self::None if byte == b'\\' => self.to(Self::Begun, Unit::None),
            Self::None => Unit::Plain(byte),
            Self::Begun if byte == b'u' => self.to(Self::Hex { digits: 0, value: 0 }, Unit::None),
            Self::Begun => self.to(Self::None, short(byte)),
            Self::Hex { digits, value } => self.hex(byte, digits, value),
        }
    }

    fn hex(&mut self, byte: u8, digits: u8, value: u32) -> Unit {
        let Some(digit) = char::from(byte).to_digit(16) else {
            // Broken JSON; what follows must still see where the string ends.
            let next = if byte == b'\\' { Self::Begun } else { Self::None };
            return self.to(next, Unit::Other);
        };
        let value = value * 16 + digit;
        if digits < 3 {
            return self.to(Self::Hex { digits: digits + 1, value }, Unit::None);
        }
        let unit = u8::try_from(value).ok().filter(u8::is_ascii).map_or(Unit::Other, Unit::Plain);
        self.to(Self::None, unit)
    }

    fn to(&mut self, next: Self, unit: Unit) -> Unit {
        *self = next;
        unit
    }
}

fn short(byte: u8) -> Unit {
    match byte {
        b'"' | b'\\' | b'/' => Unit::Plain(byte),
        b'n' => Unit::Plain(b'\n'),
        b'r' => Unit::Plain(b'\r'),
        b't' => Unit::Plain(b'\t'),
        b'b' => Unit::Plain(8),
        b'f' => Unit::Plain(12),
        _ => Unit::Other,
    }
}
