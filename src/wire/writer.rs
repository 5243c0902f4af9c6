use super::buffer::{Buffer, Growing};
use super::{ATTRIBUTE_HEADER, NESTED, NET_BYTE_ORDER, align};

/// An attribute or message whose length does not fit its length field, so it cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("attribute {kind} would be {length} bytes long; the maximum is 65535")]
pub(crate) struct Oversized {
    pub(crate) kind: u16,
    pub(crate) length: usize,
}

/// Appends attributes to a buffer in one pass: to a growing one, or to one of fixed length.
///
/// It writes the length of a nest when the nest ends. It stores the error of a length that does
/// not fit its field, and [`Writer::finish`] returns it. So an encoder's calls need no `?`.
#[derive(Debug, Default)]
pub(crate) struct Writer<B = Growing> {
    pub(super) buffer: B,
    pub(super) oversized: Option<Oversized>,
}

impl Writer {
    /// Returns a writer with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            buffer: Growing::with_capacity(capacity),
            oversized: None,
        }
    }

    /// Returns the bytes written so far, even if a nest has not ended.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// Returns the bytes written so far, which may be changed in place.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer.bytes_mut()
    }

    /// Forgets everything after `length`, but keeps the room.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.buffer.truncate(length);
        self.oversized = None;
    }

    /// Returns the bytes, or an error if a length did not fit its field.
    pub(crate) fn finish(&self) -> Result<&[u8], Oversized> {
        match self.oversized {
            None => Ok(self.buffer.bytes()),
            Some(oversized) => Err(oversized),
        }
    }
}

impl<B: Buffer> Writer<B> {
    pub(super) fn to(buffer: B) -> Self {
        Self {
            buffer,
            oversized: None,
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Appends bytes that are not an attribute, such as a message's fixed header.
    #[inline(always)]
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.buffer.append(bytes);
    }

    /// Overwrites bytes that were written before, such as a length.
    #[inline]
    pub(crate) fn patch<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        if let Some(place) = self.buffer.bytes_mut().get_mut(at..at + N) {
            place.copy_from_slice(&bytes);
        }
    }

    /// Appends an attribute with a payload of any length.
    #[inline]
    pub(crate) fn attribute(&mut self, kind: u16, payload: &[u8]) {
        self.header(kind, payload.len());
        self.raw(payload);
        self.pad(payload.len());
    }

    /// Appends a string with the final zero byte that the kernel's `NLA_NUL_STRING` requires.
    #[inline]
    pub(crate) fn string(&mut self, kind: u16, text: &str) {
        self.c_string(kind, text.as_bytes());
    }

    /// As [`Writer::string`], for text that may not be UTF-8.
    #[inline]
    pub(crate) fn c_string(&mut self, kind: u16, text: &[u8]) {
        self.header(kind, text.len() + 1);
        self.raw(text);
        self.raw(&[0]);
        self.pad(text.len() + 1);
    }

    /// Appends the first `length` bytes of an array, which has zeros after them. This copies the
    /// whole array, because a copy of known length takes an instruction or two, and then removes
    /// the excess.
    #[inline(always)]
    pub(crate) fn zero_padded<const N: usize>(
        &mut self,
        kind: u16,
        bytes: &[u8; N],
        length: usize,
    ) {
        const { assert!(N % 4 == 0, "the padding is taken from the array") };
        let length = length.min(N);
        self.header(kind, length);
        self.raw(bytes);
        self.buffer.retract(N - align(length));
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, kind: u16, value: u8) {
        self.fixed::<8>(kind, 1, &[value]);
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self, kind: u16, value: u16) {
        self.fixed::<8>(kind, 2, &value.to_ne_bytes());
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self, kind: u16, value: u32) {
        self.fixed::<8>(kind, 4, &value.to_ne_bytes());
    }

    /// Network byte order without [`NET_BYTE_ORDER`], as for IPVS's ports and addresses.
    #[inline(always)]
    pub(crate) fn u16_be(&mut self, kind: u16, value: u16) {
        self.fixed::<8>(kind, 2, &value.to_be_bytes());
    }

    /// Network byte order, with [`NET_BYTE_ORDER`] set (ipset requires it).
    #[inline(always)]
    pub(crate) fn u16_net(&mut self, kind: u16, value: u16) {
        self.u16_be(kind | NET_BYTE_ORDER, value);
    }

    /// Network byte order, with [`NET_BYTE_ORDER`] set (ipset requires it).
    #[inline(always)]
    pub(crate) fn u32_net(&mut self, kind: u16, value: u32) {
        self.fixed::<8>(kind | NET_BYTE_ORDER, 4, &value.to_be_bytes());
    }

    /// Network byte order, with [`NET_BYTE_ORDER`] set (ipset requires it).
    #[inline(always)]
    pub(crate) fn u64_net(&mut self, kind: u16, value: u64) {
        self.fixed::<12>(kind | NET_BYTE_ORDER, 8, &value.to_be_bytes());
    }

    /// Appends a nest with the flag [`NESTED`].
    #[inline]
    pub(crate) fn nest(&mut self, kind: u16, content: impl FnOnce(&mut Self)) {
        let start = self.open(kind);
        content(self);
        self.close(start);
    }

    /// Begins a nest that [`Writer::close`] ends in another scope. Returns where it starts.
    #[inline]
    pub(crate) fn open(&mut self, kind: u16) -> usize {
        let start = self.len();
        self.header(kind | NESTED, 0);
        start
    }

    /// Ends the nest that [`Writer::open`] began at `start`.
    #[inline]
    pub(crate) fn close(&mut self, start: usize) {
        let length = self.len() - start;
        let field = match u16::try_from(length) {
            Ok(field) => field,
            Err(_) => {
                let kind = self.buffer.bytes().get(start + 2..start + 4);
                let kind = kind.and_then(|kind| kind.first_chunk());
                self.overflow(kind.map_or(0, |kind| u16::from_ne_bytes(*kind)), length)
            }
        };
        self.patch(start, field.to_ne_bytes());
    }

    /// Stores the error of a length that does not fit its field. Returns the length to write
    /// instead.
    #[inline]
    fn overflow(&mut self, kind: u16, length: usize) -> u16 {
        let kind = kind & super::TYPE_MASK;
        // The first one is the innermost, and causes the others.
        self.oversized = self.oversized.or(Some(Oversized { kind, length }));
        u16::MAX
    }

    #[inline]
    fn header(&mut self, kind: u16, payload: usize) {
        let length = ATTRIBUTE_HEADER + payload;
        let field = match u16::try_from(length) {
            Ok(field) => field,
            Err(_) => self.overflow(kind, length),
        };
        let [l0, l1] = field.to_ne_bytes();
        let [k0, k1] = kind.to_ne_bytes();
        self.raw(&[l0, l1, k0, k1]);
    }

    /// Appends an attribute with a payload of at most eight bytes in one step. `TOTAL` is the
    /// padded length with the header.
    #[inline(always)]
    fn fixed<const TOTAL: usize>(&mut self, kind: u16, length: u16, payload: &[u8]) {
        let mut attribute = [0; TOTAL];
        attribute[..2].copy_from_slice(&(ATTRIBUTE_HEADER as u16 + length).to_ne_bytes());
        attribute[2..4].copy_from_slice(&kind.to_ne_bytes());
        attribute[4..4 + payload.len()].copy_from_slice(payload);
        self.raw(&attribute);
    }

    #[inline]
    fn pad(&mut self, payload: usize) {
        self.raw(&[0; 3][..align(payload) - payload]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_to_four_bytes() {
        let mut writer = Writer::default();
        writer.u8(7, 6);
        writer.string(2, "rr");
        writer.u16_net(4, 8080);
        writer.u64_net(24, 1);
        assert_eq!(
            writer.finish().unwrap(),
            [
                5, 0, 7, 0, 6, 0, 0, 0, //
                7, 0, 2, 0, b'r', b'r', 0, 0, //
                6, 0, 4, 0x40, 0x1f, 0x90, 0, 0, //
                12, 0, 24, 0x40, 0, 0, 0, 0, 0, 0, 0, 1,
            ]
        );
    }

    #[test]
    fn arrays_with_zeros_behind_become_what_is_before_them() {
        for length in 0..=15 {
            let name = &b"abcdefghijklmno"[..length];
            let mut array = [0; 16];
            array[..length].copy_from_slice(name);
            let (mut one, mut other) = (Writer::default(), Writer::default());
            one.zero_padded(23, &array, length + 1);
            other.c_string(23, name);
            assert_eq!(one.finish(), other.finish());
        }
    }

    #[test]
    fn nests_get_their_length_when_they_close() {
        let mut writer = Writer::default();
        writer.nest(7, |writer| {
            writer.nest(1, |writer| writer.u32_net(1, 0x0a00_000b))
        });
        assert_eq!(
            writer.finish().unwrap(),
            [16, 0, 7, 0x80, 12, 0, 1, 0x80, 8, 0, 1, 0x40, 10, 0, 0, 11]
        );
    }

    #[test]
    fn a_nest_longer_than_its_length_field_is_an_error() {
        let mut writer = Writer::default();
        writer.nest(8, |writer| {
            for _ in 0..8192 {
                writer.u32(1, 0);
            }
        });
        assert_eq!(
            writer.finish(),
            Err(Oversized {
                kind: 8,
                length: 65540
            })
        );
        writer.truncate(0);
        assert_eq!(writer.finish(), Ok(&[][..]));
    }

    #[test]
    fn the_largest_nest_fits_and_the_largest_string_does_not_wrap() {
        let mut writer = Writer::default();
        writer.nest(8, |writer| writer.raw(&vec![0; 65531]));
        assert!(writer.finish().is_ok());

        writer.truncate(0);
        writer.string(26, &"x".repeat(65531));
        assert_eq!(writer.finish().unwrap_err().length, 65536);
    }
}
