use super::{Definition, Families, Takes};
use crate::ipset::{Addresses, Ipv4Range};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `bitmap:ip`: IPv4 addresses of a range of at most 65,536 addresses, with one bit for each.
    ///
    /// With a [`netmask`](crate::ipset::IpSet::netmask) the entries are networks of that prefix
    /// length, and the range has at most 65,536 networks.
    BitmapIp(Addresses), "bitmap:ip", ["ipmap"],
    Definition {
        families: Families::Ipv4,
        options: Takes::ADDRESS_RANGE.union(Takes::NETMASK),
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Each)),
        ],
        ..Definition::OTHER
    },
    is NetmaskType,
    range Ipv4Range
}
