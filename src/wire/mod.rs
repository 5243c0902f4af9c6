//! Bytes and attributes: the netlink type-length-value format, with no protocol's meaning.
//!
//! An attribute is a 4-byte header (length including the header, and a type whose two top bits
//! are flags), the payload, and padding to the next multiple of four (`struct nlattr`,
//! include/uapi/linux/netlink.h). A nest is an attribute whose payload is attributes.

mod buffer;
mod reader;
mod writer;

pub(crate) use buffer::{Buffer, ROOM, Room, in_room};
pub(crate) use reader::{Attribute, Attributes, Malformed};
pub(crate) use writer::{Oversized, Writer, fill, length_of};

/// Bytes before an attribute's payload: `NLA_HDRLEN`.
pub(crate) const ATTRIBUTE_HEADER: usize = 4;
/// The payload is nested attributes. Optional on most families, required by ipset.
pub(crate) const NESTED: u16 = 0x8000;
/// The payload is in network byte order. Only ipset looks at it.
pub(crate) const NET_BYTE_ORDER: u16 = 0x4000;
/// What is left of an attribute's type field when both flags are masked off.
const TYPE_MASK: u16 = 0x3fff;

/// Rounds a length up to netlink's alignment of four bytes.
pub(crate) const fn align(length: usize) -> usize {
    (length + 3) & !3
}
