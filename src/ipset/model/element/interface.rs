use std::fmt;

use super::{Dimension, Element, Fields};
use crate::ipset::message::attr::{cadt_flag, data};
use crate::ipset::message::encode::{Encoder, Refusal};
use crate::ipset::text::{Shown, print_element};
use crate::wire::Malformed;
use crate::{Error, Result};

/// `IFNAMSIZ`, which includes the terminating zero byte.
const SIZE: usize = 16;

/// A network interface in an entry of `hash:net,iface`.
///
/// ```
/// use ipvset::ipset::elements::Interface;
///
/// let any_veth = Interface::new("veth")?.wildcard();
/// let port = Interface::new("eth0")?.physdev();
/// assert_eq!(port.to_string(), "physdev:eth0");
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interface {
    /// The name, padded with zeros.
    name: [u8; SIZE],
    physdev: bool,
    wildcard: bool,
}

impl Interface {
    /// The length of the longest name, in bytes.
    pub const MAX_LENGTH: usize = SIZE - 1;

    /// Creates an element for the interface of this name, which does not have to exist.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name is empty, longer than 15 bytes,
    /// or contains a blank, a control character, a comma or a double quote. [`Interface::existing`]
    /// accepts these characters.
    pub fn new(name: &str) -> Result<Self> {
        let bad = |byte: &u8| byte.is_ascii_control() || matches!(byte, b' ' | b',' | b'"');
        match name.bytes().find(|byte| bad(byte)) {
            Some(bad) => Err(refused(
                name.as_bytes(),
                format!(
                    "{:?} is not allowed in an interface's name",
                    char::from(bad)
                ),
            )),
            None => Self::existing(name),
        }
    }

    /// Creates an element from a name of any bytes except zero, which the kernel accepts.
    ///
    /// The text of `ipset save` cannot carry every such name.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name is empty, longer than 15 bytes,
    /// or contains a zero byte.
    pub fn existing(name: impl AsRef<[u8]>) -> Result<Self> {
        let name = name.as_ref();
        let why = match name.len() {
            0 => "the name is empty".into(),
            length if length > Self::MAX_LENGTH => format!(
                "the name is {length} bytes long, {} is the limit",
                Self::MAX_LENGTH
            ),
            _ if name.contains(&0) => "the name contains a zero byte".into(),
            _ => return Ok(Self::padded(name)),
        };
        Err(refused(name, why))
    }

    #[inline(always)]
    fn padded(name: &[u8]) -> Self {
        let mut bytes = [0; SIZE];
        bytes[..name.len()].copy_from_slice(name);
        Self {
            name: bytes,
            physdev: false,
            wildcard: false,
        }
    }

    /// Matches the bridge port that a packet comes in or goes out by, instead of the bridge.
    #[must_use]
    pub fn physdev(mut self) -> Self {
        self.physdev = true;
        self
    }

    /// Matches every interface whose name begins with the given name. Needs Linux 5.5 or later.
    ///
    /// The kernel compares only the prefix when it adds and tests entries, too: the wildcard `eth`
    /// and the interface `eth0` with the same network are the same entry.
    #[must_use]
    pub fn wildcard(mut self) -> Self {
        self.wildcard = true;
        self
    }

    /// Returns the bytes of the name. For a wildcard they are the prefix of the matched names.
    pub fn name(&self) -> &[u8] {
        &self.name[..self.length()]
    }

    #[inline(always)]
    fn length(&self) -> usize {
        let zeros = u128::from_be_bytes(self.name).trailing_zeros() / u8::BITS;
        SIZE - zeros as usize
    }

    /// Returns true if it matches bridge ports, see [`Interface::physdev`].
    pub fn is_physdev(&self) -> bool {
        self.physdev
    }

    /// Returns true if it matches a prefix, see [`Interface::wildcard`].
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }
}

fn refused(name: &[u8], why: String) -> Error {
    let start = name.get(..64).unwrap_or(name);
    Error::refused("name an interface", why).object(format_args!("\"{}\"", Shown(start)))
}

impl fmt::Display for Interface {
    /// Writes the element as the `ipset` tool does, without `wildcard`, which the tool writes among
    /// the options of the entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_element(self, f)
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interface")
            .field("name", &format_args!("\"{}\"", self.name().escape_ascii()))
            .field("physdev", &self.physdev)
            .field("wildcard", &self.wildcard)
            .finish()
    }
}

impl Element for Interface {
    #[inline(always)]
    fn write(&self, _: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        let with_zero = self.length() + 1;
        encoder
            .writer
            .zero_padded(data::IFACE, &self.name, with_zero);
        if self.physdev {
            encoder.flags |= cadt_flag::PHYSDEV;
        }
        if self.wildcard {
            encoder.flags |= cadt_flag::IFACE_WILDCARD;
        }
        Ok(())
    }

    #[inline]
    fn read(_: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let name = fields
            .iface
            .ok_or(Malformed::Missing("an entry's interface"))?;
        if name.len() > Self::MAX_LENGTH {
            return Err(Malformed::Value {
                what: "the length of an interface's name",
                value: name.len() as u64,
            });
        }
        let mut interface = Self::padded(name);
        interface.physdev = fields.flags & cadt_flag::PHYSDEV != 0;
        interface.wildcard = fields.flags & cadt_flag::IFACE_WILDCARD != 0;
        Ok(interface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_interface_may_have_any_name_of_the_kernel() {
        let name = |name: &[u8]| Interface::existing(name).map(|it| it.to_string());
        assert_eq!(name(b"eth0").unwrap(), "eth0");
        assert_eq!(name(b"fifteen_letters").unwrap(), "fifteen_letters");
        for (wrong, why) in [
            (&b""[..], "is empty"),
            (b"sixteen__letters", "16 bytes long, 15 is the limit"),
            (b"et\0h", "zero byte"),
        ] {
            let error = name(wrong).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
