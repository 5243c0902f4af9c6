use std::net::IpAddr;

use super::{Definition, Families, Takes};
use crate::ipset::{Ipv4Range, OptionalMac};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `bitmap:ip,mac`: IPv4 addresses of a range, each with a MAC address, which the first packet
    /// tells where the entry leaves it open.
    ///
    /// While it is open in a set with timeouts, to remove the entry gives `NotFound` although it
    /// does remove it: the kernel takes the timeout, which has not begun, for one that is over
    /// (`mtype_del` in ip_set_bitmap_gen.h).
    BitmapIpMac((IpAddr, OptionalMac)), "bitmap:ip,mac", ["macipmap"],
    Definition {
        families: Families::Inet,
        options: Takes::ADDRESS_RANGE,
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::One)),
            Dimension::OptionalMac,
        ],
        ..Definition::OTHER
    },
    range Ipv4Range
}
