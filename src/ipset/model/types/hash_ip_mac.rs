use std::net::IpAddr;

use super::{Definition, Since};
use crate::ipset::{MacAddress};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:ip,mac`: addresses with a MAC address. Needs Linux 4.18 or later.
    HashIpMac((IpAddr, MacAddress)), "hash:ip,mac", ["ipmachash"],
    Definition {
        revision: 1,
        since: Since {
            forceadd: 0,
            skbinfo: 0,
            ..Since::NEWER
        },
        bucketsize_since: 1,
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::One)),
            Dimension::Mac,
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType
}
