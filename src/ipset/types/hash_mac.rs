use super::{Definition, Families};
use crate::ipset::{MacAddress};
use crate::ipset::element::{Dimension};

set_type! {
    /// `hash:mac`: MAC addresses.
    HashMac(MacAddress), "hash:mac", ["machash"],
    Definition {
        families: Families::Unspecified,
        revision: 1,
        bucketsize_since: 1,
        dimensions: &[
            Dimension::Mac,
        ],
        ..Definition::HASH
    },
    is HashType
}
