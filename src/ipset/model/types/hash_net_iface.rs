use super::{Definition, Since};
use crate::ipset::{Addresses, Interface};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:net,iface`: a network, of prefix length 0 too, with an interface. A network can have 64
    /// interfaces at most: one more is an error of kind [`Full`](crate::ErrorKind::Full), and on Linux 5.10
    /// `ENOMEM`.
    HashNetIface((Addresses, Interface)), "hash:net,iface", ["netifacehash"],
    Definition {
        revision: 8,
        since: Since {
            // An interface with a wildcard.
            entries: 7,
            ..Since::after(2)
        },
        bucketsize_since: 8,
        nomatch: true,
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Network { everything: true })),
            Dimension::Interface,
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType | NoMatchType
}
