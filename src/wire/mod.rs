//! Netlink attributes as bytes, independent of any protocol.
//!
//! An attribute consists of a 4-byte header, the payload, and padding to the next multiple of four
//! bytes (`struct nlattr`, include/uapi/linux/netlink.h). The header contains the length including
//! the header, and a type whose two highest bits are flags. A nest is an attribute whose payload
//! is attributes.

mod buffer;
mod reader;
mod room;
#[cfg(feature = "netlink-packet")]
mod sized;
mod writer;

pub(crate) use buffer::Buffer;
pub(crate) use reader::{Attribute, Attributes, Malformed};
pub(crate) use room::{ROOM, Room, in_room};
#[cfg(feature = "netlink-packet")]
pub(crate) use sized::{fill, length_of};
pub(crate) use writer::{Oversized, Writer};

/// The length of an attribute's header in bytes: `NLA_HDRLEN`.
pub(crate) const ATTRIBUTE_HEADER: usize = 4;
/// The flag of a nest. ipset requires it; most other families ignore it.
pub(crate) const NESTED: u16 = 0x8000;
/// The flag of a payload in network byte order. Only ipset uses it.
pub(crate) const NET_BYTE_ORDER: u16 = 0x4000;
/// The mask of the type without both flags.
const TYPE_MASK: u16 = 0x3fff;

/// Rounds a length up to netlink's alignment of four bytes.
pub(crate) const fn align(length: usize) -> usize {
    (length + 3) & !3
}
