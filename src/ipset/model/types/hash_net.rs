use super::{Definition, Since};
use crate::ipset::{Addresses};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:net`: networks of any prefix length except 0.
    ///
    /// If several entries contain an address, the one with the longest prefix decides whether the
    /// set matches the address or excludes it ([`nomatch`](crate::ipset::Entry::nomatch)).
    HashNet(Addresses), "hash:net", ["nethash"],
    Definition {
        revision: 7,
        since: Since::after(2),
        bucketsize_since: 7,
        nomatch: true,
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Network { everything: false })),
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType | NoMatchType
}
