//! The buffers into which a [`Writer`](super::Writer) writes.

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
