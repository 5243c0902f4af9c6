//! Standard output, which may be full or closed.

use std::io::{self, ErrorKind, Write};

/// Writes as long as that can be done. What can't be written does not keep a command from doing
/// what it does: only a pipe that nobody reads any more is an error, so that long listings end.
pub(crate) struct Output<W> {
    inner: W,
    lost: Option<io::Error>,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, lost: None }
    }

    /// Writes what is still to be written. Returns why something was lost, if the reader wanted it.
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
