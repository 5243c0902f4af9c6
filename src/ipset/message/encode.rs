//! Encodes entries, and refuses those that the set type does not take.

use std::borrow::Cow;
use std::net::IpAddr;

use super::attr::data;
use crate::Family;
use crate::ipset::model::element::Bits;
use crate::wire::{Oversized, Room, Writer};

/// The reason why a value is refused before the kernel is asked.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Cow<'static, str>);

impl Refusal {
    #[cold]
    pub(crate) fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }

    #[cold]
    pub(crate) fn fixed(why: &'static str) -> Self {
        Self(why.into())
    }

    #[cold]
    pub(crate) fn zero_address(address: Bits) -> Self {
        let why = "is an address that this type of set does not take";
        Self(format!("{} {why}", IpAddr::from(address)).into())
    }

    #[cold]
    pub(crate) fn other_family(address: Bits, family: Family) -> Self {
        let address = IpAddr::from(address);
        Self::new(format!(
            "{address}: the set is described as one of {family} addresses; IpSets::get describes \
             it as it is"
        ))
    }
}

impl From<Oversized> for Refusal {
    /// Never needed: each element and option has its own limit, and all together fit into a room.
    #[cold]
    fn from(oversized: Oversized) -> Self {
        Self(oversized.to_string().into())
    }
}

/// The request for which an entry is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Add,
    /// Adds an entry that may be in the set. Counters that are not given are left to the kernel.
    Put,
    Remove,
    Test,
}

impl Purpose {
    /// Returns true if the entry is encoded with its options.
    #[inline(always)]
    pub(crate) fn adds(self) -> bool {
        matches!(self, Self::Add | Self::Put)
    }
}

/// Encodes the elements of one entry.
///
/// Code that runs for every entry is inlined, and no other code gets a reference to the encoder.
/// So the compiler keeps it in registers, and drops code that the set type does not need.
pub(crate) struct Encoder<'a> {
    pub(crate) writer: Writer<Room<'a>>,
    pub(crate) family: Family,
    pub(crate) purpose: Purpose,
    /// The `CADT_FLAGS` of the elements and options.
    pub(crate) flags: u32,
    pub(crate) seen: Seen,
}

/// Facts about the elements written so far that matter for later ones.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The first address is 0.0.0.0 or ::.
    pub(crate) zero_address: bool,
    /// The first address, or the end of its range, is 255.255.255.255.
    pub(crate) last_of_all: bool,
}

impl<'a> Encoder<'a> {
    #[inline(always)]
    pub(crate) fn new(writer: Writer<Room<'a>>, family: Family, purpose: Purpose) -> Self {
        Self {
            writer,
            family,
            purpose,
            flags: 0,
            seen: Seen::default(),
        }
    }

    #[inline(always)]
    pub(crate) fn testing(&self) -> bool {
        self.purpose == Purpose::Test
    }

    /// Refuses a range that would keep the kernel in an endless loop (Linux 6.18, `ip++ <= ip_to`
    /// in ip_set_hash_ipport.c and similar types). Has to be called for elements that make the
    /// kernel loop over a range.
    #[inline(always)]
    pub(crate) fn endless(&self) -> Result<(), Refusal> {
        if self.seen.last_of_all {
            return Err(Refusal::fixed(
                "a range that includes 255.255.255.255 keeps some kernels in an endless loop; \
                 name that address and its ports one by one",
            ));
        }
        Ok(())
    }

    /// Writes the flags. Has to be called after everything that sets one.
    #[inline(always)]
    pub(crate) fn finish(mut self) -> Writer<Room<'a>> {
        if self.flags != 0 {
            self.writer.u32_net(data::CADT_FLAGS, self.flags);
        }
        self.writer
    }
}
