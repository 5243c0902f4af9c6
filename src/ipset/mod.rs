//! Sets of addresses, networks, ports and more that firewall rules match on: ipset.

mod answer;
mod attr;
mod batch;
mod body;
mod bulk;
pub(crate) mod claim;
pub(crate) mod client;
pub(crate) mod code;
#[cfg(doctest)]
mod compile_fail;
mod counters;
mod element;
pub(crate) mod encode;
mod entry;
mod info;
pub(crate) mod listing;
mod message;
mod name;
mod options;
mod put;
mod replace;
mod revision;
mod set;
mod sets;
pub mod text;
mod types;
pub(crate) mod value;

pub use bulk::{Bulk, Failed, Outcome};
pub use element::{
    Addresses, AnyElement, Interface, Ipv4Range, MacAddress, Mark, MaybeMac, Member, Place, Port,
    PortRange, Protocol, icmp, icmpv6, protocol, sctp, tcp, udp, udplite,
};
pub use entry::{Entry, EntryOptions, SkbMark, SkbPriority};
pub use info::SetInfo;
pub use listing::{Entries, Everything, Item};
pub use message::{
    BulkMessages, EncodedEntries, IpsetMessage, ListedEntries, Part, Reply, Request,
};
pub use name::{Named, SetName};
pub use options::{CreateOptions, Family, MAX_TIMEOUT, SetRange};
pub use revision::Revision;
pub use set::{AnyEntry, AnySet, IpSet};
pub use sets::IpSets;
pub use types::{
    AnyType, BitmapIp, BitmapIpMac, BitmapPort, BitmaskType, FamilyType, HashIp, HashIpMac,
    HashIpMark, HashIpPort, HashIpPortIp, HashIpPortNet, HashMac, HashNet, HashNetIface,
    HashNetNet, HashNetPort, HashNetPortNet, HashType, ListSet, MarkmaskType, NetmaskType,
    NoMatchType, RangeType, SetType, SizeType,
};
pub use value::{AnyValue, FromParts};
