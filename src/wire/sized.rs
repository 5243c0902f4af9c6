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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_of_the_counted_length_is_filled() {
        let mut grown = Writer::default();
        grown.nest(1, |writer| writer.string(3, "text"));
        assert_eq!(
            length_of(|writer| writer.nest(1, |writer| writer.string(3, "text"))),
            grown.len()
        );
        let mut buffer = vec![0; grown.len()];
        fill(&mut buffer, |writer| {
            writer.nest(1, |writer| writer.string(3, "text"));
        });
        assert_eq!(buffer, grown.bytes());
    }

    #[test]
    fn what_is_taken_back_does_not_count() {
        let mut counted = Counted::default();
        counted.append(&[0; 9]);
        counted.retract(4);
        assert_eq!(counted.len(), 5);
        counted.retract(9);
        assert_eq!(counted.len(), 0);
        assert!(counted.bytes().is_empty() && counted.bytes_mut().is_empty());
    }

    #[test]
    fn a_buffer_that_is_too_short_counts_on_and_is_not_exceeded() {
        let mut bytes = [0; 6];
        let mut fixed = Fixed::new(&mut bytes[..]);
        fixed.append(&[1; 4]);
        assert_eq!(fixed.bytes(), [1; 4]);
        assert_eq!(fixed.bytes_mut(), [1; 4]);
        fixed.append(&[2; 4]);
        assert_eq!(fixed.len(), 8);
        assert!(fixed.bytes().is_empty());
        fixed.retract(3);
        assert_eq!(fixed.bytes(), [1, 1, 1, 1, 0]);
    }
}
