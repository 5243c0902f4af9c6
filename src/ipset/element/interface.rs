use std::fmt;

use super::{Dimension, Element, Fields};
use crate::ipset::attr::{cadt_flag, data};
use crate::ipset::encode::{Encoder, Refusal};
use crate::wire::Malformed;
use crate::{Error, Result};

/// `IFNAMSIZ`, with the terminating zero byte.
const SIZE: usize = 16;

/// A network interface in an entry of `hash:net,iface`.
///
/// ```
/// use ipvset::ipset::Interface;
///
/// let any_veth = Interface::new("veth")?.wildcard();
/// let port = Interface::new("eth0")?.physdev();
/// assert_eq!(port.to_string(), "physdev:eth0");
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interface {
    /// Zero from the name's end on.
    name: [u8; SIZE],
    physdev: bool,
    wildcard: bool,
}

impl Interface {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = SIZE - 1;

    /// The interface of this name, which need not exist.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is empty, longer than 15 bytes, or that the text of
    /// `ipset save` cannot carry: with white space, control characters, commas or quotes.
    pub fn new(name: &str) -> Result<Self> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '"');
        let why = match name.len() {
            0 => "the name is empty".into(),
            length if length > Self::MAX_LENGTH => format!(
                "the name is {length} bytes long, {} is the limit",
                Self::MAX_LENGTH
            ),
            _ if name.contains(bad) => "the text of `ipset save` cannot carry the name".into(),
            _ => return Ok(Self::padded(name.as_bytes())),
        };
        let shown: String = name.chars().take(64).collect();
        Err(Error::refused("name an interface", why).object(format_args!("{shown:?}")))
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

    /// Matches the bridge's port that a packet came in or goes out by, not the bridge.
    #[must_use]
    pub fn physdev(mut self) -> Self {
        self.physdev = true;
        self
    }

    /// Matches every interface whose name begins so (Linux 5.5 or later).
    ///
    /// The kernel compares by the prefix when it adds and tests too: `eth` as a wildcard and
    /// `eth0` with the same network are one entry.
    #[must_use]
    pub fn wildcard(mut self) -> Self {
        self.wildcard = true;
        self
    }

    /// The name's bytes, or those that it begins with if it is a wildcard.
    pub fn name(&self) -> &[u8] {
        &self.name[..self.length()]
    }

    #[inline(always)]
    fn length(&self) -> usize {
        let zeros = u128::from_be_bytes(self.name).trailing_zeros() / u8::BITS;
        SIZE - zeros as usize
    }

    /// See [`Interface::physdev`].
    pub fn is_physdev(&self) -> bool {
        self.physdev
    }

    /// See [`Interface::wildcard`].
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }
}

impl fmt::Display for Interface {
    /// The entry's text, to which the option `wildcard` does not belong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.physdev {
            f.write_str("physdev:")?;
        }
        f.write_str(&String::from_utf8_lossy(self.name()))
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interface")
            .field("name", &String::from_utf8_lossy(self.name()))
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
