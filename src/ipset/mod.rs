//! ipset: the kernel's sets of addresses, networks, ports and more that firewall rules match on.
//!
//! A firewall rule names a set, and matches the packets that have an entry in the set. Entries are
//! added and removed while the rule stays as it is. A lookup in a hash set takes about the same
//! time with a million entries as with ten.
//!
//! ```no_run
//! use std::net::Ipv4Addr;
//! use std::time::Duration;
//!
//! use ipvset::ipset::types::HashIp;
//! use ipvset::ipset::{Entry, IpSet, IpSets};
//!
//! fn main() -> ipvset::Result<()> {
//!     let mut sets = IpSets::connect()?;
//!     let blocked = IpSet::<HashIp>::new("blocked")?.timeout(Duration::from_secs(600)).comments();
//!     sets.create(&blocked)?;
//!     sets.add(&blocked, Ipv4Addr::new(192, 0, 2, 7))?; // vanishes after 600 seconds
//!     let scanner = Entry::<HashIp>::new(Ipv4Addr::new(192, 0, 2, 9));
//!     sets.add(&blocked, scanner.timeout(Duration::from_secs(3600)).comment("scans ports"))?;
//!     for entry in sets.list(&blocked)? {
//!         println!("{}", entry?); // 192.0.2.9 timeout 3600 comment "scans ports"
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # The three main types
//!
//! - [`IpSets`] is the handle, a connection to the kernel. Its methods create, list and destroy
//!   sets, and add, remove and test entries, one at a time or any number in few system calls.
//! - [`IpSet<T>`](IpSet) describes a set: its name, its type `T` and the options that it is created
//!   with. Describing a set does not ask the kernel for anything.
//! - [`Entry<T>`](Entry) is an entry of such a set: its elements, and optionally a timeout,
//!   counters, a comment and more. Methods that take an entry also take its elements alone.
//!
//! # Set types and elements
//!
//! The type of a set decides which elements its entries have. An entry with other elements does not
//! compile; an address of the other family and an option that the set was created without are
//! errors at run time. [`AnySet`] and [`AnyEntry`] are for programs that learn the type at run time
//! only, for example from the kernel or from a file. These are all types:
//!
//! | elements | types |
//! |--|--|
//! | addresses | [`HashIp`], [`BitmapIp`] |
//! | networks | [`HashNet`], [`HashNetNet`] |
//! | addresses with ports | [`HashIpPort`], [`HashIpPortIp`], [`HashIpPortNet`] |
//! | networks with ports | [`HashNetPort`], [`HashNetPortNet`] |
//! | networks with interfaces | [`HashNetIface`] |
//! | addresses with packet marks | [`HashIpMark`] |
//! | MAC addresses | [`HashMac`], [`HashIpMac`], [`BitmapIpMac`] |
//! | ports | [`BitmapPort`] |
//! | other sets | [`ListSet`] |
//!
//! Addresses and networks are those of [`std::net`] and of the crate `ipnet`, or an [`Ipv4Range`].
//! Ports are made with [`tcp`], [`udp`], [`icmp`] and the like. [`MacAddress`], [`Mark`],
//! [`Interface`] and [`Member`] are the other elements.
//!
//! # What else there is
//!
//! - [`SetInfo`] is what the kernel reports about a set: its type and options, how many entries it
//!   has, how much memory it takes and how many rules refer to it.
//! - The module [`plan`] calculates what brings a set to the wanted entries.
//! - The module [`text`] reads and writes the format of `ipset save`.
//! - The module [`messages`] has requests and replies for a netlink connection of your own.
//! - The guides show how to keep a [block list](crate::guide::block_list), how to
//!   [resize a set](crate::guide::resize), and [more](crate::guide).

pub(crate) mod client;
#[cfg(doctest)]
mod compile_fail;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handle;
pub(crate) mod message;
pub(crate) mod model;
pub mod plan;
pub mod text;

/// The set types, and what the options of each type are.
///
/// Each type is a value that selects the elements of a set's entries: see
/// [`IpSet`]. The traits say which options a type takes. They cannot be
/// implemented outside this crate.
pub mod types {
    pub use super::model::types::{
        AnyType, BitmapIp, BitmapIpMac, BitmapPort, BitmaskType, FamilyType, HashIp, HashIpMac,
        HashIpMark, HashIpPort, HashIpPortIp, HashIpPortNet, HashMac, HashNet, HashNetIface,
        HashNetNet, HashNetPort, HashNetPortNet, HashType, ListSet, MarkmaskType, NetmaskType,
        NoMatchType, RangeType, SetType, SizeType,
    };
}

/// The elements of entries: addresses, networks, ports, MAC addresses, marks, interfaces and
/// members of lists.
pub mod elements {
    pub use super::model::element::{
        Addresses, AnyElement, Interface, Ipv4Range, MacAddress, Mark, Member, Neighbor,
        OptionalMac, Port, PortRange, icmp, icmpv6, protocol, sctp, tcp, udp, udplite,
    };
    pub use super::model::value::{AnyValue, FromParts};
}

/// Requests and replies, for programs that have a netlink connection of their own.
pub mod messages {
    pub use super::message::{
        EncodedEntries, EntryMessages, IpsetMessage, ListContent, ListedEntries, Reply, Request,
    };
}

pub use client::listing::{Entries, SetOrEntry, SetsAndEntries};
pub use handle::IpSets;
pub use model::entry::{Entry, EntryOptions, SkbMark, SkbPriority};
pub use model::info::SetInfo;
pub use model::name::{SetName, ToSetName};
pub use model::options::{CreateOptions, MAX_TIMEOUT, SetRange};
pub use model::revision::Revision;
pub use model::set::{AnyEntry, AnySet, IpSet};
pub use model::stored::Stored;

// The crate itself names all of them in one place.
pub(crate) use {elements::*, types::*};
