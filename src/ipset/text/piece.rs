//! Pieces of a line that know where in it they stand.

use std::borrow::Cow;

use crate::error::Cause;
use crate::{Error, Result};

/// A part of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) text: &'a str,
    /// The byte of the line at which it begins.
    pub(crate) at: usize,
}

/// What is wrong with a line, and where.
#[derive(Debug)]
pub(crate) struct Flaw {
    at: usize,
    why: Cow<'static, str>,
}

impl Flaw {
    /// As an error about a line, of which this is the number.
    #[cold]
    pub(crate) fn error(self, operation: &'static str, line: &str, number: usize) -> Error {
        let before = line.get(..self.at).unwrap_or(line);
        let cause = Cause::Text {
            line: number,
            column: before.chars().count() + 1,
            message: self.why,
        };
        Error::new(operation, cause)
    }
}

impl<'a> Piece<'a> {
    pub(crate) fn line(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    #[cold]
    pub(crate) fn flaw(&self, why: impl Into<Cow<'static, str>>) -> Flaw {
        Flaw {
            at: self.at,
            why: why.into(),
        }
    }

    /// What stands before and behind the first of a character that is not in square brackets,
    /// which is how names with dashes, colons or commas are written.
    #[inline]
    pub(crate) fn split(&self, separator: u8) -> Option<(Self, Self)> {
        let bytes = self.text.as_bytes();
        let mut inside = false;
        let place = bytes.iter().position(|byte| {
            inside = match byte {
                b'[' => true,
                b']' => false,
                _ => inside,
            };
            *byte == separator && !inside
        })?;
        // The separator is ASCII, so both sides are whole characters.
        let (before, behind) = (self.text.get(..place)?, self.text.get(place + 1..)?);
        let behind = Self {
            text: behind,
            at: self.at + place + 1,
        };
        Some((
            Self {
                text: before,
                ..*self
            },
            behind,
        ))
    }

    /// Without the square brackets around it.
    pub(crate) fn bare(&self) -> Self {
        let inside = self.text.strip_prefix('[');
        match inside.and_then(|inside| inside.strip_suffix(']')) {
            Some(text) => Self {
                text,
                at: self.at + 1,
            },
            None => *self,
        }
    }

    /// A number as the tool reads them: decimal, hexadecimal after `0x`, octal after `0`.
    #[inline]
    pub(crate) fn number(&self, least: u64, most: u64) -> Result<u64, Flaw> {
        let number = match self.text.as_bytes() {
            [b'0', b'x' | b'X', ..] => digits(&self.text[2..], 16),
            [b'0', _, ..] => digits(&self.text[1..], 8),
            _ => digits(self.text, 10),
        };
        match number {
            Digits::Number(number) if (least..=most).contains(&number) => Ok(number),
            Digits::None => Err(self.flaw(format!("'{}' is invalid as number", self.text))),
            _ => {
                let text = self.text;
                Err(self.flaw(format!("'{text}' is out of range {least}-{most}")))
            }
        }
    }
}

enum Digits {
    Number(u64),
    TooLarge,
    None,
}

#[inline]
fn digits(text: &str, base: u32) -> Digits {
    let text = match text.strip_prefix('-') {
        Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Digits::TooLarge;
        }
        _ => text,
    };
    if text.is_empty() {
        return Digits::None;
    }
    let mut number = Some(0u64);
    for digit in text.chars() {
        let Some(digit) = digit.to_digit(base) else {
            return Digits::None;
        };
        number = number
            .and_then(|it| it.checked_mul(base.into()))
            .and_then(|it| it.checked_add(digit.into()));
    }
    number.map_or(Digits::TooLarge, Digits::Number)
}

/// The words of a line: separated by white space, or in double quotes.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a> {
    rest: Piece<'a>,
}

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a str) -> Self {
        Self {
            rest: Piece::line(line),
        }
    }

    /// Where the line ends.
    pub(crate) fn rest(&self) -> Piece<'a> {
        self.rest
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = Piece {
            text: self.rest.text.get(bytes..).unwrap_or_default(),
            at: self.rest.at + bytes,
        };
    }

    /// The next word, without its quotes.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'a>>, Flaw> {
        let blanks = self.rest.text.bytes().take_while(is_blank).count();
        self.advance(blanks);
        let start = self.rest;
        if start.text.starts_with('"') {
            return self.quoted(start).map(Some);
        }
        let length = start.text.bytes().take_while(|it| !is_blank(it)).count();
        if length == 0 {
            return Ok(None);
        }
        let word = Piece {
            text: start.text.get(..length).unwrap_or_default(),
            ..start
        };
        if word.text.contains('"') {
            return Err(word.flaw("a quote may only stand around a whole word"));
        }
        self.advance(length);
        Ok(Some(word))
    }

    fn quoted(&mut self, start: Piece<'a>) -> Result<Piece<'a>, Flaw> {
        let inside = start.text.get(1..).unwrap_or_default();
        let Some((text, behind)) = inside.split_once('"') else {
            return Err(start.flaw("the quote is not closed"));
        };
        self.advance(text.len() + 2);
        if !behind.is_empty() && !behind.bytes().next().is_some_and(|it| is_blank(&it)) {
            return Err(self.rest.flaw("white space is missing behind the quote"));
        }
        Ok(Piece {
            text,
            at: start.at + 1,
        })
    }

    /// The next word, which has to be there.
    pub(crate) fn expect(&mut self, what: &'static str) -> Result<Piece<'a>, Flaw> {
        match self.next()? {
            Some(word) => Ok(word),
            None => Err(self.rest.flaw(format!("{what} is missing"))),
        }
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<(&str, usize)>, Flaw> {
        let mut words = Words::of(line);
        let mut all = Vec::new();
        while let Some(word) = words.next()? {
            all.push((word.text, word.at));
        }
        Ok(all)
    }

    #[test]
    fn words_are_parted_by_blanks_or_quoted() {
        assert_eq!(
            words("\tadd  s 1.1.1.1 comment \"a  b\" \r").unwrap(),
            [
                ("add", 1),
                ("s", 6),
                ("1.1.1.1", 8),
                ("comment", 16),
                ("a  b", 25)
            ]
        );
        assert_eq!(words("\"\"").unwrap(), [("", 1)]);
        for (line, at) in [("a \"b", 2), ("a\"b\"", 0), ("\"a\"b", 3)] {
            assert_eq!(words(line).unwrap_err().at, at, "{line}");
        }
    }

    #[test]
    fn numbers_have_the_bases_of_c() {
        let number = |text| Piece::line(text).number(0, 255).map_err(|it| it.why);
        assert_eq!(number("0x1F"), Ok(31));
        assert_eq!(number("010"), Ok(8));
        assert_eq!(number("0"), Ok(0));
        assert_eq!(number("255"), Ok(255));
        for text in ["", "x", "+1", "0x", "08", "1 ", "-", "٣", "0x+1"] {
            assert!(number(text).unwrap_err().contains("invalid"), "{text}");
        }
        for text in ["256", "-1", "99999999999999999999999"] {
            assert!(number(text).unwrap_err().contains("0-255"), "{text}");
        }
    }

    #[test]
    fn brackets_hide_separators() {
        let (before, behind) = Piece::line("[a-b]-c").split(b'-').unwrap();
        assert_eq!(
            (before.bare().text, behind.text, behind.at),
            ("a-b", "c", 6)
        );
        assert!(Piece::line("[a-b]").split(b'-').is_none());
    }
}
