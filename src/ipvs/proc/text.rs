//! Parsers for the kernel's tables in `/proc`: words between spaces, most of them numbers in
//! base 16.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Error;
use crate::Protocol;
use crate::error::Cause;

/// A word that is not what the line should have there. Columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unexpected {
    pub(super) column: usize,
    pub(super) meant: &'static str,
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.meant)
    }
}

impl Unexpected {
    /// Moves the column for a line that has `bytes` more bytes before the text that was read.
    #[inline]
    pub(super) fn behind(self, bytes: usize) -> Self {
        Self {
            column: self.column + bytes,
            ..self
        }
    }

    /// Converts this to an error in line `number` of the text.
    pub(super) fn in_line(self, number: usize, operation: &'static str) -> Error {
        let cause = Cause::Report {
            line: number,
            column: self.column,
            message: self.to_string().into(),
        };
        Error::new(operation, cause)
    }
}

/// The rest of a line that is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    line: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    #[inline]
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self { line, rest: line }
    }

    /// Returns all that is left, spaces included.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the column of the next word, or that of the line's end.
    #[inline]
    fn column(&self) -> usize {
        self.line.len() - self.rest.trim_ascii_start().len() + 1
    }

    /// Returns the next word; it is empty at the end of the line.
    #[inline]
    pub(super) fn next(&mut self) -> &'a [u8] {
        let rest = self.rest.trim_ascii_start();
        let end = rest.iter().position(|byte| *byte == b' ');
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = rest;
        word
    }

    /// Returns the next word, converted by `read`.
    #[inline]
    pub(super) fn read<T>(
        &mut self,
        meant: &'static str,
        read: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<T, Unexpected> {
        let before = *self;
        match self.next() {
            b"" => None,
            word => read(word),
        }
        .ok_or_else(|| Unexpected {
            column: before.column(),
            meant,
        })
    }

    /// Reads an address and a port, which are two words.
    #[inline]
    pub(super) fn address_and_port(
        &mut self,
        meant: &'static str,
    ) -> Result<SocketAddr, Unexpected> {
        let address = self.read(meant, address)?;
        let port = self.read("a port", port)?;
        Ok(SocketAddr::new(address, port))
    }

    /// Returns an error if any word is left.
    #[inline]
    pub(super) fn end(mut self) -> Result<(), Unexpected> {
        let column = self.column();
        match self.next() {
            b"" => Ok(()),
            _ => Err(Unexpected {
                column,
                meant: "the end of the line",
            }),
        }
    }
}

/// Reads a number in base 16, of 1 to 16 digits.
#[inline]
pub(super) fn hex(word: &[u8]) -> Option<u64> {
    if word.is_empty() || word.len() > 16 {
        return None;
    }
    word.iter().try_fold(0, |value: u64, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        Some(value << 4 | u64::from(digit))
    })
}

#[inline]
pub(super) fn hex_u32(word: &[u8]) -> Option<u32> {
    hex(word)?.try_into().ok()
}

#[inline]
pub(super) fn port(word: &[u8]) -> Option<u16> {
    match word.len() {
        4 => hex(word)?.try_into().ok(),
        _ => None,
    }
}

/// Reads a number in base 10.
#[inline]
pub(super) fn decimal(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0, |value: u64, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

#[inline]
pub(super) fn decimal_u32(word: &[u8]) -> Option<u32> {
    decimal(word)?.try_into().ok()
}

/// Reads `0A000001`, or `fd00:0000:0000:0000:0000:0000:0000:0001` with all its zeros.
#[inline]
pub(super) fn address(word: &[u8]) -> Option<IpAddr> {
    match word.len() {
        8 => Some(Ipv4Addr::from_bits(hex_u32(word)?).into()),
        39 => ipv6(word).map(IpAddr::from),
        _ => None,
    }
}

fn ipv6(word: &[u8]) -> Option<Ipv6Addr> {
    let mut segments = [0; 8];
    let mut groups = word.split(|byte| *byte == b':');
    for segment in &mut segments {
        *segment = port(groups.next()?)?;
    }
    match groups.next() {
        None => Some(segments.into()),
        Some(_) => None,
    }
}

/// Reads `0A000001:0050` or `[fd00:...:0001]:0050`.
#[inline]
pub(super) fn socket_address(word: &[u8]) -> Option<SocketAddr> {
    let (front, colon_port) = word.split_at_checked(word.len().checked_sub(5)?)?;
    let ip = match front {
        [b'[', inside @ .., b']'] => ipv6(inside)?.into(),
        ipv4 if ipv4.len() == 8 => address(ipv4)?,
        _ => return None,
    };
    Some(SocketAddr::new(ip, port(colon_port.strip_prefix(b":")?)?))
}

/// Reads the kernel's name of a protocol (`ip_vs_proto_name`,
/// net/netfilter/ipvs/ip_vs_core.c).
#[inline]
pub(super) fn protocol(word: &[u8]) -> Option<Protocol> {
    Some(match word {
        b"TCP" => Protocol::TCP,
        b"UDP" => Protocol::UDP,
        b"SCTP" => Protocol::SCTP,
        b"IP" => Protocol::from_number(0),
        b"ICMP" => Protocol::ICMP,
        b"ICMPv6" => Protocol::ICMPV6,
        other => {
            let number = decimal(other.strip_prefix(b"IP_")?)?;
            Protocol::from_number(number.try_into().ok()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_words_that_fit() {
        assert_eq!(hex(b"FFFFFFFFFFFFFFFF"), Some(u64::MAX));
        assert_eq!(hex(b"0fF"), Some(255));
        for wrong in [&b""[..], b"-1", b"+1", b"G", b"00000000000000001"] {
            assert_eq!(hex(wrong), None);
        }
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for wrong in [&b""[..], b"-1", b"18446744073709551616", b"F"] {
            assert_eq!(decimal(wrong), None);
        }
        assert_eq!(port(b"1F90"), Some(8080));
        assert_eq!(port(b"1F9"), None);
    }

    #[test]
    fn addresses() {
        let v6 = b"[fd09:0000:0000:0000:0000:0000:0000:0009]:0050";
        assert_eq!(socket_address(v6), Some("[fd09::9]:80".parse().unwrap()));
        let v4 = Some("10.9.9.9:65535".parse().unwrap());
        assert_eq!(socket_address(b"0A090909:FFFF"), v4);
        for wrong in [
            &b""[..],
            b":0050",
            b"0A090909",
            b"0A09099:0050",
            b"0A090909:00050",
            b"[0A090909]:0050",
            b"fd09:0000:0000:0000:0000:0000:0000:0009:0050",
            b"[fd09:0000:0000:0000:0000:0000:0009]:0050",
            b"[fd09:0000:0000:0000:0000:0000:0000:0009:0009]:0050",
        ] {
            assert_eq!(socket_address(wrong), None);
        }
    }

    #[test]
    fn protocols_without_a_name_have_a_number() {
        assert_eq!(protocol(b"IP_47"), Some(Protocol::from_number(47)));
        assert_eq!(protocol(b"IP"), Some(Protocol::from_number(0)));
        assert_eq!(protocol(b"ICMP"), Some(Protocol::from_number(1)));
        assert_eq!(protocol(b"ICMPv6"), Some(Protocol::from_number(58)));
        assert_eq!(protocol(b"tcp"), None);
        assert_eq!(protocol(b"IP_65536"), None);
    }

    #[test]
    fn a_wrong_word_is_told_by_its_column() {
        let mut fields = Fields::new(b"TCP  xyz ");
        assert_eq!(fields.read("a protocol", protocol), Ok(Protocol::TCP));
        let wrong = Unexpected {
            column: 6,
            meant: "a number",
        };
        assert_eq!(fields.read("a number", hex), Err(wrong));
        assert_eq!(fields.end(), Ok(()));
    }
}
