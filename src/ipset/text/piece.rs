//! Pieces of a line that know their position in it.
//!
//! A line consists of bytes, since names and comments need not be UTF-8.

use std::borrow::Cow;
use std::str;

use super::shown::Shown;
use super::switches::{Switch, Switches};
use crate::error::Cause;
use crate::{Error, Result};

/// A part of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) text: &'a [u8],
    /// The index of its first byte in the line.
    pub(crate) at: usize,
}

/// A mistake in a line, with its position.
#[derive(Debug)]
pub(crate) struct Flaw {
    at: usize,
    why: Cow<'static, str>,
}

impl Flaw {
    /// Makes an error about a line with this number.
    #[cold]
    pub(crate) fn error(self, operation: &'static str, line: &[u8], number: usize) -> Error {
        let before = line.get(..self.at).unwrap_or(line);
        let cause = Cause::Text {
            line: number,
            column: String::from_utf8_lossy(before).chars().count() + 1,
            message: self.why,
        };
        Error::new(operation, cause)
    }
}

impl<'a> Piece<'a> {
    pub(crate) fn line(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the text in a form for messages.
    pub(crate) fn shown(&self) -> Shown<'a> {
        Shown(self.text)
    }

    /// Parses the text with `FromStr`, for example as an address.
    #[inline]
    pub(crate) fn parse<T: str::FromStr>(&self) -> Option<T> {
        str::from_utf8(self.text).ok()?.parse().ok()
    }

    #[cold]
    pub(crate) fn flaw(&self, why: impl Into<Cow<'static, str>>) -> Flaw {
        Flaw {
            at: self.at,
            why: why.into(),
        }
    }

    /// Splits the text at the first separator outside of square brackets, in which names with
    /// dashes, colons or commas are written.
    #[inline]
    pub(crate) fn split(&self, separator: u8) -> Option<(Self, Self)> {
        let mut inside = false;
        let place = self.text.iter().position(|byte| {
            inside = match byte {
                b'[' => true,
                b']' => false,
                _ => inside,
            };
            *byte == separator && !inside
        })?;
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

    /// Removes the square brackets around the text.
    pub(crate) fn bare(&self) -> Self {
        match self.text {
            [b'[', text @ .., b']'] => Self {
                text,
                at: self.at + 1,
            },
            _ => *self,
        }
    }

    /// Reads a number as the tool does: decimal, hexadecimal after `0x`, or octal after `0`.
    #[inline]
    pub(crate) fn number(&self, least: u64, most: u64) -> Result<u64, Flaw> {
        let number = match self.text {
            [b'-', digits @ ..] => match self::digits(digits) {
                Digits::None => Digits::None,
                _ => Digits::TooLarge,
            },
            [b'+', digits @ ..] | digits => self::digits(digits),
        };
        match number {
            Digits::Number(number) if (least..=most).contains(&number) => Ok(number),
            Digits::None => Err(self.flaw(format!("'{}' is invalid as number", self.shown()))),
            _ => {
                let text = self.shown();
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

/// Reads digits in the base that their prefix indicates.
#[inline]
fn digits(text: &[u8]) -> Digits {
    let (text, base) = match text {
        [b'0', b'x' | b'X', hexadecimal @ ..] => (hexadecimal, 16),
        [b'0', octal @ ..] if !octal.is_empty() => (octal, 8),
        decimal => (decimal, 10),
    };
    if text.is_empty() {
        return Digits::None;
    }
    let mut number = Some(0u64);
    for digit in text {
        let Some(digit) = char::from(*digit).to_digit(base) else {
            return Digits::None;
        };
        number = number
            .and_then(|it| it.checked_mul(base.into()))
            .and_then(|it| it.checked_add(digit.into()));
    }
    number.map_or(Digits::TooLarge, Digits::Number)
}

/// The words of a line, separated by blanks or enclosed in double quotes.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a> {
    rest: Piece<'a>,
    /// The options of the command among the words read so far, if the line is a command.
    switches: Option<Switches<'a>>,
}

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a [u8]) -> Self {
        Self {
            rest: Piece::line(line),
            switches: None,
        }
    }

    /// Splits a command, in which options such as `-exist` may be anywhere.
    pub(crate) fn of_command(line: &'a [u8]) -> Self {
        Self {
            switches: Some(Switches::default()),
            ..Self::of(line)
        }
    }

    /// Returns the rest of the line.
    pub(crate) fn rest(&self) -> Piece<'a> {
        self.rest
    }

    /// Returns the options of the command. All words have to be read before.
    pub(crate) fn switches(&self) -> Switches<'a> {
        self.switches.unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = Piece {
            text: self.rest.text.get(bytes..).unwrap_or_default(),
            at: self.rest.at + bytes,
        };
    }

    /// Returns the next word, without its quotes.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'a>>, Flaw> {
        loop {
            let word = match self.word()? {
                Some(Word::Plain(word)) => word,
                Some(Word::Quoted(word)) => return Ok(Some(word)),
                None => return Ok(None),
            };
            // A word in quotes is never an option.
            if word.text.first() != Some(&b'-') || !self.switch(word)? {
                return Ok(Some(word));
            }
        }
    }

    /// Reads an option of the command, if the word is one.
    #[cold]
    fn switch(&mut self, word: Piece<'a>) -> Result<bool, Flaw> {
        let (Some(mut switches), Some(switch)) = (self.switches, Switch::named(word.text)) else {
            return Ok(false);
        };
        let mut value = None;
        if switch.has_value() {
            let missing = || format!("Missing mandatory argument to option {}", word.shown());
            value = match self.word()? {
                Some(Word::Plain(value) | Word::Quoted(value)) => Some(value),
                None => return Err(self.rest.flaw(missing())),
            };
        }
        switches.set(switch, value)?;
        self.switches = Some(switches);
        Ok(true)
    }

    #[inline]
    fn word(&mut self) -> Result<Option<Word<'a>>, Flaw> {
        let blanks = self.rest.text.iter().take_while(|it| is_blank(it)).count();
        self.advance(blanks);
        let start = self.rest;
        if start.text.first() == Some(&b'"') {
            return self.quoted(start).map(Word::Quoted).map(Some);
        }
        let length = start.text.iter().take_while(|it| !is_blank(it)).count();
        if length == 0 {
            return Ok(None);
        }
        let word = Piece {
            text: start.text.get(..length).unwrap_or_default(),
            ..start
        };
        if word.text.contains(&b'"') {
            return Err(word.flaw("a quote may only stand around a whole word"));
        }
        self.advance(length);
        Ok(Some(Word::Plain(word)))
    }

    fn quoted(&mut self, start: Piece<'a>) -> Result<Piece<'a>, Flaw> {
        let inside = start.text.get(1..).unwrap_or_default();
        let Some(length) = inside.iter().position(|byte| *byte == b'"') else {
            return Err(start.flaw("the quote is not closed"));
        };
        self.advance(length + 2);
        if self.rest.text.first().is_some_and(|it| !is_blank(it)) {
            return Err(self.rest.flaw("a blank is missing after the quote"));
        }
        Ok(Piece {
            text: inside.get(..length).unwrap_or_default(),
            at: start.at + 1,
        })
    }

    /// Returns the next word, or an error if there is none.
    pub(crate) fn expect(&mut self, what: &'static str) -> Result<Piece<'a>, Flaw> {
        match self.next()? {
            Some(word) => Ok(word),
            None => Err(self.rest.flaw(format!("{what} is missing"))),
        }
    }
}

enum Word<'a> {
    Plain(Piece<'a>),
    Quoted(Piece<'a>),
}

/// Returns true if a byte separates words. The tool has no other blanks.
pub(crate) fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<(&str, usize)>, Flaw> {
        let mut words = Words::of(line.as_bytes());
        let mut all = Vec::new();
        while let Some(word) = words.next()? {
            all.push((str::from_utf8(word.text).unwrap(), word.at));
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
        let number = |text| {
            Piece::line(str::as_bytes(text))
                .number(0, 255)
                .map_err(|it| it.why)
        };
        assert_eq!(number("0x1F"), Ok(31));
        assert_eq!(number("010"), Ok(8));
        assert_eq!(number("0"), Ok(0));
        assert_eq!(number("255"), Ok(255));
        assert_eq!(number("+1"), Ok(1));
        for text in ["", "x", "+", "+-1", "0x", "08", "1 ", "-", "٣", "0x+1"] {
            assert!(number(text).unwrap_err().contains("invalid"), "{text}");
        }
        for text in ["256", "-1", "99999999999999999999999"] {
            assert!(number(text).unwrap_err().contains("0-255"), "{text}");
        }
    }

    #[test]
    fn brackets_hide_separators() {
        let (before, behind) = Piece::line(b"[a-b]-c").split(b'-').unwrap();
        assert_eq!(before.bare().at, 1);
        assert_eq!(
            (before.bare().text, behind.text, behind.at),
            (&b"a-b"[..], &b"c"[..], 6)
        );
        assert!(Piece::line(b"[a-b]").split(b'-').is_none());
    }
}
