use super::{Definition, Families, Takes};
use crate::ipset::{Addresses, Ipv4Range};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `bitmap:ip`: the IPv4 addresses of a range of at most 65,536, a bit for each. With a netmask, the
    /// networks of that prefix length in the range.
    BitmapIp(Addresses), "bitmap:ip", ["ipmap"],
    Definition {
        families: Families::Inet,
        options: Takes::ADDRESS_RANGE.union(Takes::NETMASK),
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Each)),
        ],
        ..Definition::OTHER
    },
    is NetmaskType,
    range Ipv4Range
}
