use super::{Definition, Families, Since};
use crate::ipset::{MacAddress};
use crate::ipset::model::element::{Dimension};

set_type! {
    /// `hash:mac`: MAC addresses.
    HashMac(MacAddress), "hash:mac", ["machash"],
    Definition {
        families: Families::Unspecified,
        revision: 1,
        since: Since {
            forceadd: 0,
            skbinfo: 0,
            ..Since::NEWER
        },
        bucketsize_since: 1,
        dimensions: &[
            Dimension::Mac,
        ],
        ..Definition::HASH
    },
    is HashType
}
