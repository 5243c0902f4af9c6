//! Standard output that may be full or closed.

use std::io::{self, ErrorKind, Write};

/// A writer that drops everything after a failure, so that a command is carried out even if its
/// output is lost. Only a closed pipe is an error, so that long listings end.
pub(crate) struct Output<W> {
    inner: W,
    lost: Option<io::Error>,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, lost: None }
    }

    /// Flushes the output. Returns the error if output was lost, except when the reader closed the
    /// pipe.
    pub(crate) fn finish(mut self) -> Option<io::Error> {
        let _ = self.flush();
        self.lost.filter(|it| it.kind() != ErrorKind::BrokenPipe)
    }

    fn keep(&mut self, error: io::Error) -> io::Result<()> {
        let closed = error.kind() == ErrorKind::BrokenPipe;
        self.lost = Some(error);
        match closed {
            true => Err(ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.lost.is_none() {
            match self.inner.write(bytes) {
                Ok(written) => return Ok(written),
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(error) => self.keep(error)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.lost.is_some() {
            return Ok(());
        }
        match self.inner.flush() {
            Ok(()) => Ok(()),
            Err(error) => self.keep(error),
        }
    }
}
