use std::fmt;

use super::{Dimension, Element, Fields, Masks};
use crate::Family;
use crate::ipset::message::attr::data;
use crate::ipset::message::encode::{Encoder, Refusal};
use crate::wire::Malformed;

/// A packet mark in an entry of `hash:ip,mark`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Mark(pub u32);

impl From<u32> for Mark {
    fn from(mark: u32) -> Self {
        Self(mark)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl Element for Mark {
    #[inline(always)]
    fn write(&self, _: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        // IPv4 only: hash_ipmark6_uadt in ip_set_hash_ipmark.c accepts both being zero.
        let zero = encoder.family == Family::Ipv4 && encoder.seen.zero_address;
        if zero && self.0 == 0 {
            return Err(Refusal::new("address and mark cannot both be zero"));
        }
        encoder.writer.u32_net(data::MARK, self.0);
        Ok(())
    }

    #[inline]
    fn read(_: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed> {
        let mark = fields.mark.ok_or(Malformed::Missing("an entry's mark"))?;
        Ok(Self(mark))
    }

    fn take_first(&mut self, _: &Dimension, masks: &Masks) -> Option<Self> {
        self.0 = masks.apply_to_mark(self.0);
        None
    }
}
