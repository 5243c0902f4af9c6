use super::{Definition, Families, Takes};
use crate::ipset::{Member};
use crate::ipset::model::element::{Dimension};

set_type! {
    /// `list:set`: sets, searched in order. A list cannot hold lists. Its size is not enforced by the
    /// kernel.
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
