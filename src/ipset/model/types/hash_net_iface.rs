use super::{Definition, Since};
use crate::ipset::{Addresses, Interface};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:net,iface`: networks with an interface. The prefix length may be 0.
    ///
    /// A network can have at most 64 interfaces. Adding another fails with
    /// [`Full`](crate::ErrorKind::Full), on Linux 5.10 with `ENOMEM`.
    HashNetIface((Addresses, Interface)), "hash:net,iface", ["netifacehash"],
    Definition {
        revision: 8,
        since: Since {
            // Revision 7 introduced interfaces with a wildcard.
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
