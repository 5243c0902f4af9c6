use super::{Definition, Takes, Since};
use crate::ipset::{Addresses};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:ip`: addresses, or networks that all have the same prefix length.
    ///
    /// [`netmask`](crate::ipset::IpSet::netmask) sets the prefix length. The set cannot contain the
    /// addresses 0.0.0.0 and `::`.
    HashIp(Addresses), "hash:ip", ["iphash"],
    Definition {
        revision: 6,
        since: Since::after(0),
        bucketsize_since: 5,
        bitmask_since: 6,
        options: Takes::HASH.union(Takes::NETMASK).union(Takes::BITMASK),
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Each).not_zero()),
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType | NetmaskType | BitmaskType
}
