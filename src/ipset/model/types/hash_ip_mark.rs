use super::{Definition, Takes};
use crate::ipset::{Addresses, Mark};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:ip,mark`: addresses with a packet mark.
    ///
    /// Linux 6.1 and later refuse the address 0.0.0.0 with a mark that is 0 after the set's
    /// [`markmask`](crate::ipset::IpSet::markmask) is applied. Linux 5.10 stores it.
    HashIpMark((Addresses, Mark)), "hash:ip,mark", ["ipmarkhash"],
    Definition {
        revision: 3,
        bucketsize_since: 3,
        options: Takes::HASH.union(Takes::MARKMASK),
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Each).wraps()),
            Dimension::Mark,
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType | MarkmaskType
}
