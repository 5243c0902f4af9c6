use std::net::IpAddr;

use super::{Definition, Families, Takes};
use crate::ipset::{Ipv4Range, OptionalMac};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `bitmap:ip,mac`: IPv4 addresses of a range, each with a MAC address.
    ///
    /// If an entry is added without a MAC address, the kernel fills in that of the first packet
    /// that matches. Adding or putting the entry again with a MAC address sets the address and its
    /// other options without an error. Counters that are not given may then start at zero.
    ///
    /// In a set with timeouts, removing an entry that has no MAC address yet removes it, but fails
    /// with [`NotFound`](crate::ErrorKind::NotFound): its timeout has not started, and the kernel
    /// considers it expired (`mtype_del` in ip_set_bitmap_gen.h).
    BitmapIpMac((IpAddr, OptionalMac)), "bitmap:ip,mac", ["macipmap"],
    Definition {
        families: Families::Ipv4,
        options: Takes::ADDRESS_RANGE,
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::One)),
            Dimension::OptionalMac,
        ],
        ..Definition::OTHER
    },
    range Ipv4Range
}
