//! Writes entries, and refuses those that the type of set does not take.

use std::borrow::Cow;
use std::net::IpAddr;

use super::attr::data;
use crate::ipset::Family;
use crate::ipset::model::element::Bits;
use crate::wire::{Oversized, Room, Writer};

/// Why a value is refused before the kernel is asked.
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
    /// Not seen: each element and option has its own limit, and all together fit a room.
    #[cold]
    fn from(oversized: Oversized) -> Self {
        Self(oversized.to_string().into())
    }
}

/// What an entry is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Add,
    /// To add an entry that may be there: counters that are not given are left to the kernel.
    Put,
    Remove,
    Test,
}

impl Purpose {
    /// Whether the entry is written with its options.
    #[inline(always)]
    pub(crate) fn adds(self) -> bool {
        matches!(self, Self::Add | Self::Put)
    }
}

/// Writes the elements of one entry.
///
/// What every entry passes is inlined, and nothing that is not gets a reference to it: so it is
/// kept in registers, and what the type of set does not ask for is dropped.
pub(crate) struct Encoder<'a> {
    pub(crate) writer: Writer<Room<'a>>,
    pub(crate) family: Family,
    pub(crate) purpose: Purpose,
    /// The `CADT_FLAGS` that elements and options ask for.
    pub(crate) flags: u32,
    pub(crate) seen: Seen,
}

/// What the elements written so far were, where that matters to those that follow.
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

    /// To be called for what makes the kernel walk a range: refuses the one that would keep it
    /// in an endless loop (Linux 6.18, `ip++ <= ip_to` in ip_set_hash_ipport.c and its kin).
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

    /// Writes the flags, when everything that sets one was written.
    #[inline(always)]
    pub(crate) fn finish(mut self) -> Writer<Room<'a>> {
        if self.flags != 0 {
            self.writer.u32_net(data::CADT_FLAGS, self.flags);
        }
        self.writer
    }
}
