//! Splits a line into words with their positions.

use std::borrow::Cow;
use std::str::Utf8Error;

use crate::Error;
use crate::error::Cause;

/// Returns true if the byte separates words, as in the tool. Form feeds and no-break spaces do
/// not.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Returns the error for a line that is not UTF-8.
pub(super) fn not_utf8(line: &[u8], error: Utf8Error, number: usize) -> Error {
    let good = line.get(..error.valid_up_to()).unwrap_or_default();
    let column = String::from_utf8_lossy(good).chars().count() + 1;
    failed(number, column, "this byte is not UTF-8")
}

fn failed(line: usize, column: usize, message: impl Into<Cow<'static, str>>) -> Error {
    let cause = Cause::Text {
        line,
        column,
        message: message.into(),
    };
    Error::new("read ipvsadm text", cause)
}

/// A word of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// The column, in characters from 1.
    pub(super) column: usize,
}

/// The words of a line that are still to be read.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    line: &'a str,
    /// The number of bytes that were read.
    at: usize,
    number: usize,
}

impl<'a> Words<'a> {
    /// Splits a line. `number` is its number, from 1.
    pub(super) fn new(line: &'a str, number: usize) -> Self {
        Self {
            line,
            at: 0,
            number,
        }
    }

    /// Returns the next word without taking it.
    pub(super) fn peek(&self) -> Option<Word<'a>> {
        self.clone().next()
    }

    /// Returns an error at a word.
    pub(super) fn wrong(&self, word: Word<'_>, message: impl Into<Cow<'static, str>>) -> Error {
        self.error(word.column, message)
    }

    /// Returns an error about the whole line, at its first word.
    pub(super) fn wrong_line(&self, message: impl Into<Cow<'static, str>>) -> Error {
        let start = self.line.len() - self.line.trim_start_matches(BLANKS).len();
        self.error(column(self.line, start), message)
    }

    /// Returns an error at the line's end, where a word is missing.
    pub(super) fn wrong_end(&self, message: impl Into<Cow<'static, str>>) -> Error {
        let end = self.line.trim_end_matches(BLANKS).len();
        self.error(column(self.line, end), message)
    }

    fn error(&self, column: usize, message: impl Into<Cow<'static, str>>) -> Error {
        failed(self.number, column, message)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let rest = self.line.get(self.at..)?;
        let start = self.at + rest.find(|it: char| !BLANKS.contains(&it))?;
        let word = self.line.get(start..)?;
        let length = word.find(BLANKS).unwrap_or(word.len());
        self.at = start + length;
        Some(Word {
            text: word.get(..length)?,
            column: column(self.line, start),
        })
    }
}

impl<'a> Word<'a> {
    /// Returns the rest of the word after the first `length` bytes.
    pub(super) fn after(self, length: usize) -> Self {
        let (before, text) = self
            .text
            .split_at_checked(length)
            .unwrap_or((self.text, ""));
        Self {
            text,
            column: self.column + before.chars().count(),
        }
    }
}

/// Returns the column of the byte at `at`.
fn column(line: &str, at: usize) -> usize {
    line.get(..at).unwrap_or(line).chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_column_in_characters() {
        let words: Vec<_> = Words::new("  ä\t-b c\u{a0}\u{c} ", 1)
            .map(|it| (it.text, it.column))
            .collect();
        assert_eq!(words, [("ä", 3), ("-b", 5), ("c\u{a0}\u{c}", 8)]);
        assert_eq!(Words::new("", 1).count(), 0);
        let error = Words::new(" -A", 7).wrong_line("no");
        assert_eq!(error.position(), Some((7, 2)));
        let error = Words::new(" -A ", 7).wrong_end("no");
        assert_eq!(error.position(), Some((7, 4)));
    }
}
