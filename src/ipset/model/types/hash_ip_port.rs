use super::{Definition, Takes, Since};
use crate::ipset::{Addresses, Port};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:ip,port`: addresses with a port and its protocol.
    ///
    /// Linux 6.2 and later refuse the addresses 0.0.0.0 and `::`.
    HashIpPort((Addresses, Port)), "hash:ip,port", ["ipporthash"],
    Definition {
        revision: 7,
        since: Since::after(1),
        bucketsize_since: 6,
        bitmask_since: 7,
        options: Takes::HASH.union(Takes::NETMASK_LATE).union(Takes::BITMASK),
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Each).wraps()),
            Dimension::Port,
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType | NetmaskType | BitmaskType
}
