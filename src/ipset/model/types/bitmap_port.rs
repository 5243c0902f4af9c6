use super::{Definition, Families, Takes};
use crate::ipset::{PortRange};
use crate::ipset::model::element::{Dimension};

set_type! {
    /// `bitmap:port`: ports of a range, of any protocol, with one bit for each.
    BitmapPort(PortRange), "bitmap:port", ["portmap"],
    Definition {
        families: Families::Unspecified,
        options: Takes::PORT_RANGE,
        dimensions: &[
            Dimension::Ports,
        ],
        ..Definition::OTHER
    },
    range PortRange
}
