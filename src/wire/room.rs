//! Small buffers for things that are written one after another, such as the entries of a message.

use super::buffer::Fixed;
use super::writer::{Oversized, Writer};

/// The size of a [`Room`] in bytes.
pub(crate) const ROOM: usize = 1024;

/// A small buffer for something whose parts are appended one by one.
///
/// It does not move, and its length is a local variable. So the compiler can keep the length in a
/// register and prove that the parts fit. In a growing buffer, each part would wait for the length
/// that the part before wrote to memory.
pub(crate) type Room<'a> = Fixed<'a, [u8; ROOM]>;

impl Writer<Room<'_>> {
    /// Returns the number of written bytes, or an error if they did not fit, or a length did not
    /// fit its field.
    #[inline(always)]
    fn written(&self) -> Result<usize, Oversized> {
        match (self.oversized, self.len()) {
            (None, length @ ..=ROOM) => Ok(length),
            (None, length) => Err(Oversized { kind: 0, length }),
            (Some(oversized), _) => Err(oversized),
        }
    }
}

impl Writer {
    /// Appends what `content` appends to the next `most` bytes.
    #[inline(always)]
    pub(crate) fn tail<T>(&mut self, most: usize, content: impl FnOnce(&mut Tail<'_>) -> T) -> T {
        let mut tail = Tail::new(&mut self.buffer.room(most)[..most]);
        let result = content(&mut tail);
        let left = tail.left();
        self.buffer.extend(most - left);
        result
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
    fn new(rest: &'a mut [u8]) -> Self {
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
