//! Where a [`Writer`] puts bytes.

use super::writer::{Oversized, Writer};

/// Bytes that are appended and, now and then, changed.
pub(crate) trait Buffer {
    /// What was written.
    fn bytes(&self) -> &[u8];
    fn bytes_mut(&mut self) -> &mut [u8];
    fn len(&self) -> usize;
    fn append(&mut self, bytes: &[u8]);
    /// Takes back what was appended last.
    fn retract(&mut self, bytes: usize);
}

/// A buffer that grows. What is behind `length` is room that was made, or what was taken back.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    bytes: Vec<u8>,
    length: usize,
}

impl Growing {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity],
            length: 0,
        }
    }

    /// Forgets everything after `length`, but keeps the room.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Takes so many bytes behind what was written for written too.
    #[inline]
    pub(super) fn extend(&mut self, more: usize) {
        self.length = (self.length + more).min(self.bytes.len());
    }

    /// At least `more` bytes behind what was written.
    #[inline]
    pub(super) fn room(&mut self, more: usize) -> &mut [u8] {
        if self.bytes.len() - self.length < more {
            self.grow(more);
        }
        &mut self.bytes[self.length..]
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let length = (self.length + more).max(self.bytes.len() * 2);
        self.bytes.resize(length, 0);
    }
}

impl Buffer for Growing {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }

    #[inline]
    fn len(&self) -> usize {
        self.length
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    #[inline]
    fn retract(&mut self, bytes: usize) {
        self.length = self.length.saturating_sub(bytes);
    }
}

/// Bytes of a length that is given. What is too much is counted but not written.
#[derive(Debug)]
pub(crate) struct Fixed<'a, T: ?Sized> {
    bytes: &'a mut T,
    length: usize,
}

impl<'a, T: ?Sized> Fixed<'a, T> {
    pub(super) fn new(bytes: &'a mut T) -> Self {
        Self { bytes, length: 0 }
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]> + ?Sized> Buffer for Fixed<'_, T> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        let bytes = self.bytes.as_ref();
        bytes.get(..self.length).unwrap_or_default()
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = self.bytes.as_mut();
        bytes.get_mut(..self.length).unwrap_or_default()
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.length
    }

    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(place) = self.bytes.as_mut().get_mut(self.length..end) {
            place.copy_from_slice(bytes);
        }
        self.length = end;
    }

    #[inline(always)]
    fn retract(&mut self, bytes: usize) {
        self.length = self.length.saturating_sub(bytes);
    }
}

/// Bytes in a [`Room`].
pub(crate) const ROOM: usize = 1024;

/// Room for something small whose parts are appended one by one. Its place is known and its
/// length a local variable, so that the compiler can keep it in a register and see that the
/// parts fit; in a growing buffer each part would wait for the length that the one before it
/// wrote to memory.
pub(crate) type Room<'a> = Fixed<'a, [u8; ROOM]>;

impl Room<'_> {
    /// How many bytes were written, unless they were too many.
    #[inline(always)]
    pub(super) fn written(&self) -> Result<usize, Oversized> {
        match self.length {
            length @ ..=ROOM => Ok(length),
            length => Err(Oversized { kind: 0, length }),
        }
    }
}

/// Bytes that are only counted.
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

/// What is behind the bytes written so far, for small things one after the other, each in a
/// [`Room`]. Like a room it is a local variable of whoever writes: where the next thing begins
/// stays in a register.
#[derive(Debug)]
pub(crate) struct Tail<'a> {
    rest: &'a mut [u8],
}

impl<'a> Tail<'a> {
    pub(super) fn new(rest: &'a mut [u8]) -> Self {
        Self { rest }
    }

    /// Whether there is room for one more.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.rest.len() >= ROOM
    }

    /// Bytes that nothing was written to.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Appends what `content` writes, or nothing where it fails.
    #[inline(always)]
    pub(crate) fn append<E: From<Oversized>>(
        &mut self,
        content: impl for<'b> FnOnce(Writer<Room<'b>>) -> Result<Writer<Room<'b>>, E>,
    ) -> Result<(), E> {
        let Some(bytes) = self.rest.first_chunk_mut() else {
            let length = ROOM;
            return Err(Oversized { kind: 0, length }.into());
        };
        let written = content(Writer::to(Fixed::new(bytes)))?.written()?;
        let rest = std::mem::take(&mut self.rest);
        self.rest = rest.get_mut(written..).unwrap_or_default();
        Ok(())
    }
}

/// What `content` writes into a room, on its own.
#[inline(always)]
pub(crate) fn in_room<E: From<Oversized>>(
    content: impl for<'b> FnOnce(Writer<Room<'b>>) -> Result<Writer<Room<'b>>, E>,
) -> Result<Vec<u8>, E> {
    let mut bytes = [0; ROOM];
    let mut tail = Tail::new(&mut bytes);
    tail.append(content)?;
    let length = ROOM - tail.left();
    Ok(bytes[..length].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four(mut room: Writer<Room<'_>>) -> Result<Writer<Room<'_>>, Oversized> {
        room.raw(&[1, 2, 3, 4]);
        Ok(room)
    }

    #[test]
    fn a_tail_takes_things_until_there_is_no_room_left() {
        let mut writer = Writer::default();
        writer.u32(1, 7);
        writer.tail(ROOM + 8, |tail| {
            for left in [ROOM + 4, ROOM, ROOM - 4] {
                assert!(tail.has_room());
                assert_eq!(tail.append(four), Ok(()));
                assert_eq!(tail.left(), left);
            }
            assert!(!tail.has_room());
            assert!(tail.append(four).is_err());
        });
        let expected = [[8, 0, 1, 0, 7, 0, 0, 0].as_slice(), &[1, 2, 3, 4].repeat(3)].concat();
        assert_eq!(writer.finish(), Ok(expected.as_slice()));
    }

    #[test]
    fn what_fails_or_is_too_long_is_not_appended() {
        let mut writer = Writer::default();
        let length = ROOM + 4;
        writer.tail(2 * ROOM, |tail| {
            let written = tail.append(|mut room| {
                room.raw(&[1; 4]);
                room.raw(&[1; ROOM]);
                Ok(room)
            });
            assert_eq!(written, Err(Oversized { kind: 0, length }));
            let failed = tail.append(|mut room| {
                room.raw(&[1; 4]);
                Err(Oversized { kind: 3, length })
            });
            assert_eq!(failed, Err(Oversized { kind: 3, length }));
            assert_eq!(tail.left(), 2 * ROOM);
        });
        assert_eq!(writer.len(), 0);
    }
}
