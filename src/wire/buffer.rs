//! The buffers into which a [`Writer`] writes.

use super::writer::{Oversized, Writer};

/// A buffer to which bytes are appended.
pub(crate) trait Buffer {
    /// Returns the written bytes.
    fn bytes(&self) -> &[u8];
    fn bytes_mut(&mut self) -> &mut [u8];
    fn len(&self) -> usize;
    fn append(&mut self, bytes: &[u8]);
    /// Removes the last `bytes` bytes.
    fn retract(&mut self, bytes: usize);
}

/// A buffer that grows. The bytes from `length` on are spare room.
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

    /// Counts `more` bytes of the spare room as written.
    #[inline]
    pub(super) fn extend(&mut self, more: usize) {
        self.length = (self.length + more).min(self.bytes.len());
    }

    /// Returns the spare room behind the written bytes, of at least `more` bytes.
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

/// A buffer of fixed length. Bytes beyond it are counted but not written.
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

/// The size of a [`Room`] in bytes.
pub(crate) const ROOM: usize = 1024;

/// A small buffer for something whose parts are appended one by one.
///
/// It does not move, and its length is a local variable. So the compiler can keep the length in a
/// register and prove that the parts fit. In a growing buffer, each part would wait for the length
/// that the part before wrote to memory.
pub(crate) type Room<'a> = Fixed<'a, [u8; ROOM]>;

impl Room<'_> {
    /// Returns the number of written bytes, or an error if they did not fit.
    #[inline(always)]
    pub(super) fn written(&self) -> Result<usize, Oversized> {
        match self.length {
            length @ ..=ROOM => Ok(length),
            length => Err(Oversized { kind: 0, length }),
        }
    }
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

/// The spare room behind the written bytes, to which small things are appended, each in a
/// [`Room`].
///
/// Like a room, it is a local variable of its user, so the start of the next thing stays in a
/// register.
#[derive(Debug)]
pub(crate) struct Tail<'a> {
    rest: &'a mut [u8],
}

impl<'a> Tail<'a> {
    pub(super) fn new(rest: &'a mut [u8]) -> Self {
        Self { rest }
    }

    /// Returns true if there is room for one more thing.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.rest.len() >= ROOM
    }

    /// Returns the number of bytes that are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Appends what `content` writes, or nothing if it fails.
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

/// Returns what `content` writes into a room.
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
