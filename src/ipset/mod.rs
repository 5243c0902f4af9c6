//! Sets of addresses, networks, ports and more that firewall rules match on: ipset.

pub(crate) mod client;
#[cfg(doctest)]
mod compile_fail;
mod handle;
pub(crate) mod message;
pub(crate) mod model;
pub mod text;

pub use client::bulk::{Bulk, FailedEntry, Outcome};
pub use client::listing::{Entries, SetOrEntry, SetsAndEntries};
pub use handle::IpSets;
pub use message::{
    BulkMessages, EncodedEntries, IpsetMessage, ListedEntries, Part, Reply, Request,
};
pub use model::element::{
    Addresses, AnyElement, Interface, Ipv4Range, MacAddress, Mark, Member, Neighbor, OptionalMac,
    Port, PortRange, Protocol, icmp, icmpv6, protocol, sctp, tcp, udp, udplite,
};
pub use model::entry::{Entry, EntryOptions, SkbMark, SkbPriority};
pub use model::info::SetInfo;
pub use model::name::{SetName, ToSetName};
pub use model::options::{CreateOptions, Family, MAX_TIMEOUT, SetRange};
pub use model::revision::Revision;
pub use model::set::{AnyEntry, AnySet, IpSet};
pub use model::types::{
    AnyType, BitmapIp, BitmapIpMac, BitmapPort, BitmaskType, FamilyType, HashIp, HashIpMac,
    HashIpMark, HashIpPort, HashIpPortIp, HashIpPortNet, HashMac, HashNet, HashNetIface,
    HashNetNet, HashNetPort, HashNetPortNet, HashType, ListSet, MarkmaskType, NetmaskType,
    NoMatchType, RangeType, SetType, SizeType,
};
pub use model::value::{AnyValue, FromParts};
