use super::{Definition, Since};
use crate::ipset::{Addresses, Port};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:net,port`: networks with a port and its protocol.
    HashNetPort((Addresses, Port)), "hash:net,port", ["netporthash"],
    Definition {
        revision: 8,
        since: Since::after(3),
        bucketsize_since: 8,
        nomatch: true,
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Network { everything: false })),
            Dimension::Port,
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType | NoMatchType
}
