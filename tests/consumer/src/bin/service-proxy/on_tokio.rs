use ipvset::Family;
use ipvset::ipvs::plan::{ApplyReport, Record, WantedTable};
use ipvset::tokio::{IpSets, Ipvs};

use crate::services::{addresses, planner};

/// Does what the blocking function does, on tokio.
pub async fn apply(wanted: &WantedTable) -> ipvset::Result<ApplyReport> {
    let mut ipvs = Ipvs::connect().await?;
    let report = ipvs.apply(&planner(), wanted, &mut Record::new()).await?;
    let mut sets = IpSets::connect().await?;
    for family in [Family::Ipv4, Family::Ipv6] {
        let (set, entries) = addresses(wanted, family)?;
        sets.create_if_absent(&set).await?;
        sets.replace(&set, entries).await?;
        for entry in sets.list(&set).await?.sorted().await? {
            println!("{} {entry}", set.name());
        }
    }
    Ok(report)
}
