//! Writing into a buffer of the caller, which has the size of what is written.

use super::buffer::{Buffer, Fixed};
use super::writer::Writer;

/// Returns the number of bytes that `write` writes.
#[inline]
pub(crate) fn length_of(write: impl FnOnce(&mut Writer<Counted>)) -> usize {
    let mut writer = Writer::to(Counted::default());
    write(&mut writer);
    writer.len()
}

/// Fills a buffer with what `write` writes, which must have the same length.
#[inline]
pub(crate) fn fill(buffer: &mut [u8], write: impl FnOnce(&mut Writer<Fixed<'_, [u8]>>)) {
    write(&mut Writer::to(Fixed::new(buffer)));
}

/// A buffer that counts bytes without storing them.
#[derive(Debug, Default)]
pub(crate) struct Counted(usize);

impl Buffer for Counted {
    fn bytes(&self) -> &[u8] {
        &[]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut []
    }

    #[inline]
    fn len(&self) -> usize {
        self.0
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.0 = self.0.saturating_add(bytes.len());
    }

    #[inline]
    fn retract(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes);
    }
}
