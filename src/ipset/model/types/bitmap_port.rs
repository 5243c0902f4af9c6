use super::{Definition, Families, Takes};
use crate::ipset::{PortRange};
use crate::ipset::model::element::{Dimension};

set_type! {
    /// `bitmap:port`: the ports of a range, a bit for each, of whatever protocol.
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
