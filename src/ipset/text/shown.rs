//! Displays bytes in messages.

use std::fmt::{self, Write};

/// Displays bytes unchanged if they are UTF-8, and otherwise in the form `\xe9`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            escape(chunk.invalid(), f)?;
        }
        Ok(())
    }
}

fn escape(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", bytes.escape_ascii())
}

/// Displays bytes that the tool's syntax cannot represent, in a form that is refused when it is
/// read: text directly after a quote.
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            write!(f, "{}", chunk.valid().escape_debug())?;
            escape(chunk.invalid(), f)?;
        }
        f.write_str("\"(escaped)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_are_told_apart() {
        let name = b"caf\xe9 \xc3\xa9";
        assert_eq!(Shown(name).to_string(), "caf\\xe9 \u{e9}");
        assert_eq!(Escaped(name).to_string(), "\"caf\\xe9 \u{e9}\"(escaped)");
        assert_eq!(Escaped(b"a\"\n").to_string(), "\"a\\\"\\n\"(escaped)");
    }
}
