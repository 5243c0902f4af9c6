//! The lines of a file.

use std::io::{self, BufRead, Read};

/// The length of the longest line that is kept. Every command is much shorter.
const LONGEST: usize = 1 << 16;

/// Reads a file line by line, in constant memory regardless of the length of the lines.
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: usize,
    too_long: bool,
    ended: bool,
}

impl<R> Lines<R> {
    /// Returns the number of the last line that was read, from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Returns the last line that was read, without its line ending.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
            too_long: false,
            ended: false,
        }
    }

    /// Returns true if the line was cut off, because it is longer than any command.
    pub(super) fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// Ends the file: no further line is read.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Reads the next line. Returns false at the end of the file and after an error.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.line.clear();
        let read = self.read();
        self.ended = !matches!(read, Ok(true));
        self.number += usize::from(!self.ended);
        read
    }

    fn read(&mut self) -> io::Result<bool> {
        let length = (&mut self.input)
            .take(LONGEST as u64)
            .read_until(b'\n', &mut self.line)?;
        self.too_long = length == LONGEST && !self.line.ends_with(b"\n");
        if self.too_long {
            self.input.skip_until(b'\n')?;
        }
        Ok(length > 0)
    }

    /// Takes the line out, without its line ending, so that its text can be used while `self`
    /// is borrowed mutably.
    pub(super) fn take(&mut self) -> Vec<u8> {
        while let Some(b'\n' | b'\r') = self.line.last() {
            self.line.pop();
        }
        std::mem::take(&mut self.line)
    }

    /// Gives the line back, so that its memory is reused.
    pub(super) fn give_back(&mut self, line: Vec<u8>) {
        self.line = line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_length_are_counted() {
        let long = "x".repeat(3 * LONGEST);
        let exact = "y".repeat(LONGEST - 1);
        let file = format!("a\n{long}\n{exact}\n\nend");
        let mut lines = Lines::new(file.as_bytes());
        let mut seen = Vec::new();
        while lines.advance().unwrap() {
            let line = lines.take();
            seen.push((lines.number(), line.len(), lines.is_too_long()));
            assert!(line.capacity() <= 2 * LONGEST);
            lines.give_back(line);
        }
        assert_eq!(
            seen,
            [
                (1, 1, false),
                (2, LONGEST, true),
                (3, LONGEST - 1, false),
                (4, 0, false),
                (5, 3, false)
            ]
        );
    }
}
