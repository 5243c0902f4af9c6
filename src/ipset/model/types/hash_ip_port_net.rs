use super::{Definition, Since};
use crate::ipset::{Addresses, Port};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:ip,port,net`: addresses with a port and its protocol, and a network.
    HashIpPortNet((Addresses, Port, Addresses)), "hash:ip,port,net", ["ipportnethash"],
    Definition {
        revision: 8,
        since: Since::after(3),
        bucketsize_since: 8,
        nomatch: true,
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Each).wraps()),
            Dimension::Port,
            Dimension::Ip(Ip::new(Slot::Second, Span::Network { everything: false })),
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType | NoMatchType
}
