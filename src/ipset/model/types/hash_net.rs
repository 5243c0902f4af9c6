use super::{Definition, Since};
use crate::ipset::{Addresses};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:net`: networks of any prefix length but 0. The longest that has an address decides.
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
