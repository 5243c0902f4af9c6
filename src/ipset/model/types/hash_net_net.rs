use super::{Definition, Takes};
use crate::ipset::{Addresses};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:net,net`: two networks. Of the entries that match a packet, the longer first network
    /// decides, then the longer second. Linux 6.2 and later take no `::` as the first of IPv6
    /// addresses.
    HashNetNet((Addresses, Addresses)), "hash:net,net", ["netnethash"],
    Definition {
        revision: 4,
        bucketsize_since: 3,
        bitmask_since: 4,
        nomatch: true,
        options: Takes::HASH.union(Takes::NETMASK_LATE).union(Takes::BITMASK),
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Network { everything: false })),
            Dimension::Ip(Ip::new(Slot::Second, Span::Network { everything: false })),
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType | NetmaskType | BitmaskType | NoMatchType
}
