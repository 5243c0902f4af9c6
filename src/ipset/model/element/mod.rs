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

use crate::ipset::SetRange;
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

    /// Returns the last of the elements that a set without masks stores for it.
    fn last(&self, _dimension: &Dimension) -> Self {
        self.clone()
    }

    /// Returns how many elements a set stores for it.
    fn count(&self, _dimension: &Dimension, _masks: &Masks) -> u64 {
        1
    }

    /// Returns true if all of it is within the range of a bitmap. An element of another kind than
    /// the range has is refused elsewhere.
    fn is_within(&self, _range: &SetRange) -> bool {
        true
    }

    /// Returns true if the kernel fills the element in.
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

    /// Returns true if entries with different elements here are different entries.
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
    use crate::ipset::elements::tcp;
    use crate::ipset::message::encode::Purpose;
    use crate::ipset::{Addresses, AnyElement, AnyEntry, AnySet, Mark, SetType};
    use crate::wire::Writer;

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

    /// Reads addresses, a mark or a TCP port, whatever a set takes.
    fn element(text: &str) -> AnyElement {
        match (text.parse::<Addresses>(), text.strip_prefix("0x")) {
            (Ok(addresses), _) => addresses.into(),
            (_, Some(mark)) => Mark(u32::from_str_radix(mark, 16).unwrap()).into(),
            _ => tcp(text.parse::<u16>().unwrap()).into(),
        }
    }

    #[test]
    fn an_element_is_written_as_in_an_entry() {
        for (text, written) in [
            ("10.0.0.0/24", "10.0.0.0/24"),
            ("0xff", "0x000000ff"),
            ("80", "tcp:80"),
        ] {
            assert_eq!(element(text).to_string(), written);
        }
    }

    /// Returns why a set does not take an entry, or why it cannot be tested.
    fn refusal(set: &str, entry: &str, purpose: Purpose) -> Option<String> {
        let set: AnySet = format!("s {set}").parse().unwrap();
        let elements = entry.split(',').map(element);
        let entry = AnyEntry::from_parts(elements.collect(), Default::default());
        let written = entry.write(&set, purpose, &mut Writer::default());
        written.err().map(|it| it.0.to_string())
    }

    #[test]
    fn addresses_that_a_type_does_not_take_are_refused_with_the_reason() {
        let one_by_one = "test them one by one";
        for (set, entry, why) in [
            (
                "hash:ip,port,ip",
                "10.0.0.1,80,10.0.0.0/24",
                "10.0.0.0/24 is not a single address",
            ),
            (
                "hash:ip,port,ip",
                "10.0.0.1,80,10.0.0.1-10.0.0.2",
                "10.0.0.1-10.0.0.2 is not a single address",
            ),
            ("hash:net", "0.0.0.0/0", "no network of prefix length 0"),
            (
                "hash:net",
                "0.0.0.0-255.255.255.255",
                "no range of all IPv4 addresses",
            ),
            (
                "hash:net",
                "1.0.0.0-129.0.0.0",
                "more than half of all addresses",
            ),
            (
                "hash:ip family inet6",
                "2001:db8::/64",
                "only single IPv6 addresses",
            ),
            (
                "hash:ip,port,net",
                "255.255.255.255,80,10.0.0.1-10.0.0.9",
                "endless loop",
            ),
            ("hash:ip,mark", "0.0.0.0,0x0", "cannot both be zero"),
        ] {
            let refusal = refusal(set, entry, Purpose::Add);
            assert!(
                refusal.as_ref().is_some_and(|it| it.contains(why)),
                "{entry}: {refusal:?}"
            );
        }
        for (set, entry) in [
            ("hash:net", "1.0.0.0-128.255.255.255"),
            ("hash:net", "0.0.0.0-200.0.0.0"),
            ("hash:ip", "1.0.0.0-129.0.0.0"),
            ("hash:ip,port,net", "255.255.255.255,80,10.0.0.0/24"),
            ("hash:ip,mark", "0.0.0.0,0x1"),
            ("hash:ip,mark", "10.0.0.1,0x0"),
            ("hash:ip,mark family inet6", "::,0x0"),
        ] {
            assert_eq!(refusal(set, entry, Purpose::Add), None, "{entry}");
        }
        for (entry, why) in [
            ("10.0.0.0/24", one_by_one),
            ("10.0.0.1-10.0.0.2", "one by one"),
        ] {
            let refusal = refusal("hash:ip", entry, Purpose::Test).unwrap();
            assert!(refusal.contains(why), "{refusal}");
        }
        assert_eq!(refusal("hash:ip", "10.0.0.1", Purpose::Test), None);
    }
}
