use std::net::IpAddr;

use super::{Definition, Since};
use crate::ipset::{Addresses, Port};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:ip,port,ip`: addresses with a port and its protocol, and a second address.
    HashIpPortIp((Addresses, Port, IpAddr)), "hash:ip,port,ip", ["ipportiphash"],
    Definition {
        revision: 6,
        since: Since::after(1),
        bucketsize_since: 6,
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Each).wraps()),
            Dimension::Port,
            Dimension::Ip(Ip::new(Slot::Second, Span::One)),
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType
}
