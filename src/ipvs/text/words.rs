//! A line taken apart into words that know where they stand.

use std::borrow::Cow;

use crate::Error;
use crate::error::Cause;

/// A word of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// From 1, in characters.
    pub(super) column: usize,
}

/// The words of a line that are still to be read.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    line: &'a str,
    /// Bytes that were read.
    at: usize,
    number: usize,
}

impl<'a> Words<'a> {
    /// `number` is the line's, from 1.
    pub(super) fn new(line: &'a str, number: usize) -> Self {
        Self {
            line,
            at: 0,
            number,
        }
    }

    /// The next word, without taking it.
    pub(super) fn peek(&self) -> Option<Word<'a>> {
        self.clone().next()
    }

    /// An error at a word.
    pub(super) fn wrong(&self, word: Word<'_>, message: impl Into<Cow<'static, str>>) -> Error {
        self.error(word.column, message)
    }

    /// An error about the line as a whole.
    pub(super) fn wrong_line(&self, message: impl Into<Cow<'static, str>>) -> Error {
        let start = self.line.len() - self.line.trim_start().len();
        self.error(column(self.line, start), message)
    }

    /// An error where the next word should be.
    pub(super) fn wrong_end(&self, message: impl Into<Cow<'static, str>>) -> Error {
        self.error(column(self.line, self.line.trim_end().len()), message)
    }

    fn error(&self, column: usize, message: impl Into<Cow<'static, str>>) -> Error {
        let cause = Cause::Text {
            line: self.number,
            column,
            message: message.into(),
        };
        Error::new("read ipvsadm text", cause)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let rest = self.line.get(self.at..)?;
        let start = self.at + rest.find(|it: char| !it.is_whitespace())?;
        let word = self.line.get(start..)?;
        let length = word.find(char::is_whitespace).unwrap_or(word.len());
        self.at = start + length;
        Some(Word {
            text: word.get(..length)?,
            column: column(self.line, start),
        })
    }
}

impl<'a> Word<'a> {
    /// What is left of the word after the first `length` bytes.
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

/// The column of the byte at `at`.
fn column(line: &str, at: usize) -> usize {
    line.get(..at).unwrap_or(line).chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_column_in_characters() {
        let words: Vec<_> = Words::new("  ä\t-b c ", 1)
            .map(|it| (it.text, it.column))
            .collect();
        assert_eq!(words, [("ä", 3), ("-b", 5), ("c", 8)]);
        assert_eq!(Words::new("", 1).count(), 0);
        let error = Words::new(" -A", 7).wrong_line("no");
        assert_eq!(error.position(), Some((7, 2)));
        let error = Words::new(" -A ", 7).wrong_end("no");
        assert_eq!(error.position(), Some((7, 4)));
    }
}
