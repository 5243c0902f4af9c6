//! Creates the proxy's sets, without entries.

use ipvset::ipset::IpSets;
use ipvset::ipset::elements::FromParts;
use ipvset::ipset::types::SetType;

use crate::translate::sets::{Visitor, WantedSet};

/// Creates each set that it visits.
pub struct Creating(pub IpSets);

impl Visitor for Creating {
    type Error = ipvset::Error;

    fn visit<T>(&mut self, wanted: &mut WantedSet<T>) -> ipvset::Result<()>
    where
        T: SetType<Value: FromParts<T::Value>>,
    {
        self.0.create(&wanted.set)
    }
}
