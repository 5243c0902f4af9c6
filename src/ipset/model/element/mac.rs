use std::fmt;
use std::str::FromStr;

use super::{Dimension, Element, Fields};
use crate::ipset::message::attr::data;
use crate::ipset::message::encode::{Encoder, Refusal};
use crate::wire::{Malformed, align};
use crate::{Error, Result};

/// A MAC address, the hardware address of an Ethernet interface.
///
/// ```
/// use ipvset::ipset::elements::MacAddress;
///
/// let mac: MacAddress = "02:00:5e:10:00:01".parse()?;
/// assert_eq!(mac, MacAddress([2, 0, 0x5e, 0x10, 0, 1]));
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{g:02X}")
    }
}

impl FromStr for MacAddress {
    type Err = Error;

    /// Parses six hexadecimal numbers of one or two digits, with colons between them.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for another text.
    fn from_str(text: &str) -> Result<Self> {
        read(text).ok_or_else(|| {
            Error::refused(
                "read a MAC address",
                "expected six pairs of hexadecimal digits",
            )
            .object(format_args!("{text:?}"))
        })
    }
}

fn read(text: &str) -> Option<MacAddress> {
    let mut bytes = [0; 6];
    let mut pairs = text.split(':');
    for byte in &mut bytes {
        let pair = pairs.next()?;
        if !matches!(pair.len(), 1 | 2) || pair.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(MacAddress(bytes))
}

impl MacAddress {
    #[inline]
    fn attribute(&self, encoder: &mut Encoder<'_>) {
        const TOTAL: usize = align(10);
        let mut attribute = [0; TOTAL];
        attribute[..2].copy_from_slice(&10u16.to_ne_bytes());
        attribute[2..4].copy_from_slice(&data::ETHER.to_ne_bytes());
        attribute[4..10].copy_from_slice(&self.0);
        encoder.writer.raw(&attribute);
    }
}

impl Element for MacAddress {
    #[inline(always)]
    fn write(&self, _: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        if self.0 == [0; 6] {
            return Err(Refusal::new(
                "a hash set cannot contain the MAC address 00:00:00:00:00:00",
            ));
        }
        self.attribute(encoder);
        Ok(())
    }

    #[inline]
    fn read(_: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let bytes = fields
            .ether
            .ok_or(Malformed::Missing("an entry's MAC address"))?;
        Ok(Self(bytes))
    }
}

/// The MAC address of a `bitmap:ip,mac` entry, or `None` to let the kernel fill in that of the
/// first packet that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct OptionalMac(pub Option<MacAddress>);

impl From<MacAddress> for OptionalMac {
    fn from(mac: MacAddress) -> Self {
        Self(Some(mac))
    }
}

impl From<Option<MacAddress>> for OptionalMac {
    fn from(mac: Option<MacAddress>) -> Self {
        Self(mac)
    }
}

impl fmt::Display for OptionalMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |mac| mac.fmt(f))
    }
}

impl Element for OptionalMac {
    #[inline(always)]
    fn write(&self, _: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        // Unlike a hash, a bitmap can contain 00:00:00:00:00:00.
        if let Some(mac) = self.0 {
            mac.attribute(encoder);
        }
        Ok(())
    }

    #[inline]
    fn read(_: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        Ok(Self(fields.ether.map(MacAddress)))
    }

    fn is_open(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_pairs_of_digits_are_a_mac_address() {
        let read = |text: &str| text.parse::<MacAddress>().ok();
        let address = MacAddress([2, 0, 0, 0, 0xa, 0xff]);
        assert_eq!(read("02:00:00:00:0a:ff"), Some(address));
        assert_eq!(read("2:0:0:0:A:FF"), Some(address));
        for text in [
            "",
            "02:00:00:00:0a",
            "02:00:00:00:0a:ff:00",
            "002:00:00:00:0a:ff",
            "02::00:00:0a:ff",
            "+2:00:00:00:0a:ff",
            "0g:00:00:00:0a:ff",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
