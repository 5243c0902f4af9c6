use std::net::{Ipv4Addr, Ipv6Addr};

use super::{ATTRIBUTE_HEADER, NET_BYTE_ORDER, TYPE_MASK, align};

/// Bytes that violate the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the length of a {what} is {length} bytes, but {available} bytes are left")]
    Length {
        what: &'static str,
        length: usize,
        available: usize,
    },
    #[error("attribute {kind} has {length} bytes instead of {expected}")]
    Payload {
        kind: u16,
        length: usize,
        expected: &'static str,
    },
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{what} has the impossible value {value}")]
    Value { what: &'static str, value: u64 },
}

/// An attribute with a borrowed payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute<'a> {
    kind: u16,
    payload: &'a [u8],
}

/// An iterator over the attributes in a byte string. The caller skips unknown attributes. An
/// impossible length is an error and ends the iteration.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attributes<'a> {
    bytes: &'a [u8],
}

impl<'a> Attributes<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Returns the bytes that were not read yet.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // If fewer bytes than a header are left, they are the last attribute's padding.
        let (header, _) = self.bytes.split_first_chunk::<ATTRIBUTE_HEADER>()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]);
        let Some(payload) = self.bytes.get(ATTRIBUTE_HEADER..length) else {
            let available = self.bytes.len();
            self.bytes = &[];
            return Some(Err(Malformed::Length {
                what: "attribute",
                length,
                available,
            }));
        };
        // The last attribute may lack its padding.
        self.bytes = self.bytes.get(align(length)..).unwrap_or_default();
        Some(Ok(Attribute { kind, payload }))
    }
}

impl<'a> Attribute<'a> {
    /// Returns the type without its two flags.
    #[inline]
    pub(crate) fn kind(&self) -> u16 {
        self.kind & TYPE_MASK
    }

    #[inline]
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Returns the attributes in a nest. The nest's flag may be missing, because IPVS does not set
    /// it.
    #[inline]
    pub(crate) fn nested(&self) -> Attributes<'a> {
        Attributes::new(self.payload)
    }

    #[inline]
    pub(crate) fn u8(&self) -> Result<u8, Malformed> {
        self.array("1 byte").map(|[byte]| byte)
    }

    /// Host byte order.
    #[inline]
    pub(crate) fn u16(&self) -> Result<u16, Malformed> {
        self.array("2 bytes").map(u16::from_ne_bytes)
    }

    /// Network byte order.
    #[inline]
    pub(crate) fn u16_be(&self) -> Result<u16, Malformed> {
        self.array("2 bytes").map(u16::from_be_bytes)
    }

    /// Host byte order.
    #[inline]
    pub(crate) fn u32(&self) -> Result<u32, Malformed> {
        self.array("4 bytes").map(u32::from_ne_bytes)
    }

    /// Network byte order.
    #[inline]
    pub(crate) fn u32_be(&self) -> Result<u32, Malformed> {
        self.array("4 bytes").map(u32::from_be_bytes)
    }

    /// Byte order by the attribute's flag, because ipset's dumps mix both orders.
    #[inline]
    pub(crate) fn u32_flagged(&self) -> Result<u32, Malformed> {
        if self.kind & NET_BYTE_ORDER != 0 {
            self.u32_be()
        } else {
            self.u32()
        }
    }

    /// Host byte order. The payload need not be aligned to eight bytes, and on x86 it is not.
    #[inline]
    pub(crate) fn u64(&self) -> Result<u64, Malformed> {
        self.array("8 bytes").map(u64::from_ne_bytes)
    }

    /// Network byte order.
    #[inline]
    pub(crate) fn u64_be(&self) -> Result<u64, Malformed> {
        self.array("8 bytes").map(u64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn ipv4(&self) -> Result<Ipv4Addr, Malformed> {
        self.array::<4>("4 bytes").map(Ipv4Addr::from)
    }

    #[inline]
    pub(crate) fn ipv6(&self) -> Result<Ipv6Addr, Malformed> {
        self.array::<16>("16 bytes").map(Ipv6Addr::from)
    }

    /// Returns the bytes up to the first zero byte, as the kernel reads a name. They may not be
    /// UTF-8, because the kernel does not check this.
    #[inline]
    pub(crate) fn c_string(&self) -> &'a [u8] {
        let end = self.payload.iter().position(|byte| *byte == 0);
        &self.payload[..end.unwrap_or(self.payload.len())]
    }

    /// Returns a name as text. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn string(&self) -> String {
        String::from_utf8_lossy(self.c_string()).into_owned()
    }

    /// Returns a payload of exactly `N` bytes.
    #[inline]
    pub(crate) fn array<const N: usize>(
        &self,
        expected: &'static str,
    ) -> Result<[u8; N], Malformed> {
        self.payload.try_into().map_err(|_| Malformed::Payload {
            kind: self.kind(),
            length: self.payload.len(),
            expected,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Result<(u16, &[u8]), Malformed>> {
        Attributes::new(bytes)
            .map(|attribute| attribute.map(|attribute| (attribute.kind(), attribute.payload())))
            .collect()
    }

    #[test]
    fn flags_are_not_part_of_the_type() {
        let bytes = [4, 0, 7, 0x80, 8, 0, 6, 0x40, 0, 0, 0, 9];
        assert_eq!(read(&bytes), [Ok((7, &[][..])), Ok((6, &[0, 0, 0, 9][..]))]);
    }

    #[test]
    fn the_flag_tells_the_byte_order() {
        let net = Attributes::new(&[8, 0, 6, 0x40, 0, 0, 0, 9]).next();
        let host = [[8, 0, 6, 0], 9u32.to_ne_bytes()].concat();
        let host = Attributes::new(&host).next();
        assert_eq!(net.unwrap().unwrap().u32_flagged(), Ok(9));
        assert_eq!(host.unwrap().unwrap().u32_flagged(), Ok(9));
    }

    #[test]
    fn missing_padding_at_the_end_is_tolerated() {
        assert_eq!(read(&[5, 0, 1, 0, 9]), [Ok((1, &[9][..]))]);
        assert_eq!(read(&[5, 0, 1, 0, 9, 0, 0, 0]), [Ok((1, &[9][..]))]);
        assert_eq!(read(&[4, 0, 1, 0, 0, 0]), [Ok((1, &[][..]))]);
    }

    #[test]
    fn impossible_lengths_end_the_walk_with_an_error() {
        for bytes in [&[3, 0, 1, 0][..], &[0, 0, 1, 0], &[9, 0, 1, 0, 1, 2, 3, 4]] {
            let walked = read(bytes);
            assert_eq!(walked.len(), 1, "{bytes:?}");
            assert!(matches!(walked[0], Err(Malformed::Length { .. })));
        }
    }

    #[test]
    fn payloads_of_another_length_are_refused() {
        let attribute = Attributes::new(&[5, 0, 3, 0, 1]).next().unwrap().unwrap();
        assert_eq!(attribute.u8(), Ok(1));
        assert_eq!(
            attribute.u32(),
            Err(Malformed::Payload {
                kind: 3,
                length: 1,
                expected: "4 bytes"
            })
        );
    }

    #[test]
    fn strings_end_at_the_first_zero_or_at_the_payloads_end() {
        let attribute = |bytes| Attributes::new(bytes).next().unwrap().unwrap();
        assert_eq!(attribute(b"\x08\0\x06\0rr\0x").c_string(), b"rr");
        assert_eq!(attribute(b"\x06\0\x06\0rr").c_string(), b"rr");
        assert_eq!(attribute(b"\x06\0\x06\0\xffr").string(), "\u{fffd}r");
    }
}
