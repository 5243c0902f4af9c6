use super::{Definition, Families, Takes};
use crate::ipset::{Member};
use crate::ipset::model::element::{Dimension};

set_type! {
    /// `list:set`: a list of other sets, which are searched in order.
    ///
    /// A list cannot contain lists. The kernel does not enforce its
    /// [`size`](crate::ipset::IpSet::size).
    ListSet(Member), "list:set", ["setlist"],
    Definition {
        families: Families::Unspecified,
        options: Takes::SIZE,
        dimensions: &[
            Dimension::Member,
        ],
        ..Definition::OTHER
    },
    is SizeType
}
