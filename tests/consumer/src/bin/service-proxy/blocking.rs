use ipvset::Family;
use ipvset::ipset::IpSets;
use ipvset::ipvs::Ipvs;
use ipvset::ipvs::plan::{ApplyReport, Record, WantedTable};

use crate::services::{addresses, planner};

/// Balances the services, and names them in the sets.
pub fn apply(wanted: &WantedTable) -> ipvset::Result<ApplyReport> {
    let report = Ipvs::connect()?.apply(&planner(), wanted, &mut Record::new())?;
    let mut sets = IpSets::connect()?;
    for family in [Family::Ipv4, Family::Ipv6] {
        let (set, entries) = addresses(wanted, family)?;
        sets.create_if_absent(&set)?;
        sets.replace(&set, entries)?;
        for entry in sets.list(&set)?.sorted()? {
            println!("{} {entry}", set.name());
        }
    }
    Ok(report)
}
