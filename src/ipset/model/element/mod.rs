//! The elements of entries. Each element knows how it is written into a request and read from a
//! dump. What a set type requires of an element is a [`Dimension`] of the type's definition.

mod address;
mod any;
mod bits;
mod fields;
mod interface;
mod ip;
mod mac;
mod mark;
mod masks;
mod member;
mod network;
mod port;
mod range;

use std::fmt;
use std::hash::Hash;

pub use address::Addresses;
use address::width;
pub use any::AnyElement;
pub(crate) use bits::Bits;
pub(crate) use fields::{Fields, address};
pub use interface::Interface;
pub(crate) use ip::{Ip, Slot, Span, ipv4_nest, ipv6_nest};
pub use mac::{MacAddress, OptionalMac};
pub use mark::Mark;
pub(crate) use masks::Masks;
pub use member::{Member, Neighbor};
pub(crate) use port::only_family;
pub use port::{Port, PortRange, icmp, icmpv6, protocol, sctp, tcp, udp, udplite};
pub use range::Ipv4Range;

use crate::ipset::message::encode::{Encoder, Refusal};
use crate::ipset::text::Text;
use crate::wire::Malformed;

/// An element of an entry.
pub(crate) trait Element:
    Text + Clone + PartialEq + Hash + fmt::Debug + Into<AnyElement>
{
    /// Writes the element's attributes, or refuses a value that the set type does not take.
    fn write(&self, dimension: &Dimension, encoder: &mut Encoder<'_>) -> Result<(), Refusal>;

    /// Reads the element from an entry's attributes.
    fn read(dimension: &Dimension, fields: &Fields<'_>) -> Result<Self, Malformed>;

    /// Reduces the element to the first of the elements that a set stores for it, and returns the
    /// rest, if there is one.
    fn take_first(&mut self, _dimension: &Dimension, _masks: &Masks) -> Option<Self> {
        None
    }

    /// Returns whether the kernel fills the element in.
    fn is_open(&self) -> bool {
        false
    }

    /// Returns the member of a list, if the element is one.
    fn member_mut(&mut self) -> Option<&mut Member> {
        None
    }
}

/// The element that a set type has at one position of its entries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dimension {
    Ip(Ip),
    /// A port or a range of ports, with a protocol.
    Port,
    /// A port or a range of ports, without a protocol.
    Ports,
    Mac,
    OptionalMac,
    Mark,
    Interface,
    Member,
}

impl Dimension {
    /// Returns the requirements for an address, or an error if another element is required.
    #[inline(always)]
    fn ip(&self, found: &impl fmt::Display) -> Result<&Ip, Refusal> {
        match self {
            Self::Ip(ip) => Ok(ip),
            other => Err(other.misplaced(found)),
        }
    }

    /// Returns whether entries with different elements here are different entries.
    #[inline(always)]
    pub(crate) fn identifies(&self) -> bool {
        !matches!(self, Self::OptionalMac)
    }

    #[inline]
    fn slot(&self) -> Slot {
        match self {
            Self::Ip(ip) => ip.slot,
            _ => Slot::First,
        }
    }

    #[cold]
    fn misplaced(&self, found: &impl fmt::Display) -> Refusal {
        Refusal::new(format!("expected {self}, found {found}"))
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip(Ip {
                span: Span::One, ..
            }) => "an address",
            Self::Ip(Ip {
                span: Span::Each, ..
            }) => "an address or a range of addresses",
            Self::Ip(_) => "a network",
            Self::Port => "a port with its protocol",
            Self::Ports => "a port",
            Self::Mac | Self::OptionalMac => "a MAC address",
            Self::Mark => "a mark",
            Self::Interface => "an interface",
            Self::Member => "a set's name",
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::ipset::{AnySet, SetType};

    /// Returns what a type requires at each position of its entries.
    fn required(kind: &str) -> Vec<String> {
        let set: AnySet = kind.parse().unwrap();
        let dimensions = set.kind().definition().dimensions;
        dimensions.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_type_says_what_it_requires() {
        for (kind, words) in [
            (
                "s hash:ip,port,ip",
                &[
                    "an address or a range of addresses",
                    "a port with its protocol",
                    "an address",
                ][..],
            ),
            ("s hash:net,iface", &["a network", "an interface"]),
            (
                "s hash:ip,mark",
                &["an address or a range of addresses", "a mark"],
            ),
            ("s hash:mac", &["a MAC address"]),
            ("s bitmap:port range 0-9", &["a port"]),
            ("s list:set", &["a set's name"]),
        ] {
            assert_eq!(required(kind), words, "{kind}");
        }
        let mac = required("s bitmap:ip,mac range 10.0.0.0/24");
        assert_eq!(mac[1], "a MAC address");
    }
}
