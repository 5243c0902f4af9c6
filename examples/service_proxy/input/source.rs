//! The bytes of a stream of documents, and the place in them.

use std::io::{self, BufReader, Read};

use super::Position;

/// A reader that knows where it is, and can go back by one byte.
pub struct Source<R> {
    inner: io::Bytes<BufReader<R>>,
    position: Position,
    last: Option<u8>,
    /// Whether the last byte is to be read once more.
    again: bool,
    /// Whether the next byte is the first one of a document.
    at_document: bool,
    has_ended: bool,
    error: Option<io::Error>,
}

impl<R: Read> Source<R> {
    pub fn new(inner: R) -> Self {
        Self {
            inner: BufReader::with_capacity(1 << 16, inner).bytes(),
            position: Position { line: 1, column: 0 },
            last: None,
            again: false,
            at_document: false,
            has_ended: false,
            error: None,
        }
    }

    /// Returns the place of the last byte that was read.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns the error for which reading ended, if it did not end with the input.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        if self.again {
            self.again = false;
            return Ok(self.last);
        }
        let next = match self.inner.next().transpose() {
            Ok(next) => next,
            Err(error) => {
                self.error = Some(io::Error::new(error.kind(), error.to_string()));
                return Err(error);
            }
        };
        let Some(byte) = next else {
            self.has_ended = true;
            return Ok(None);
        };
        if self.last == Some(b'\n') {
            self.position.line += 1;
            self.position.column = 0;
        }
        self.position.column += 1;
        self.last = Some(byte);
        Ok(next)
    }

    /// Skips white space. Returns false at the end of the input.
    pub fn skip_to_document(&mut self) -> io::Result<bool> {
        while let Some(byte) = self.next()? {
            if !byte.is_ascii_whitespace() {
                self.again = true;
                self.at_document = true;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Skips to the next line that begins with `{`.
    pub fn leave_document(&mut self) -> io::Result<()> {
        while !self.again && !self.has_ended {
            self.next()?;
            self.again = self.begins_line();
        }
        Ok(())
    }

    fn begins_line(&self) -> bool {
        self.last == Some(b'{') && self.position.column == 1
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte at a time: what is read belongs to the document, and no more is taken.
        let Some(first) = buffer.first_mut() else {
            return Ok(0);
        };
        let next = self.next()?;
        let is_first = std::mem::take(&mut self.at_document);
        match next {
            // The document before it broke off.
            Some(_) if self.begins_line() && !is_first => {
                self.again = true;
                Ok(0)
            }
            Some(byte) => {
                *first = byte;
                Ok(1)
            }
            None => Ok(0),
        }
    }
}
