use super::{Definition, Takes};
use crate::ipset::{Addresses};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:net,net`: pairs of networks.
    ///
    /// If several entries match a packet, the one with the longest prefix of the first network
    /// decides, and among these the one with the longest prefix of the second.
    ///
    /// In sets of IPv6 addresses, Linux 6.2 and later refuse `::` as the first network.
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
