use ipvset::ipset::IpSets;
use ipvset::{Family, OnFailure};

use crate::list::{List, Update, outdated, part};

/// Puts the list into the sets, and removes what is not in it any more.
pub fn update(list: &List) -> ipvset::Result<Vec<Update>> {
    let mut sets = IpSets::connect()?;
    let mut updates = Vec::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        let (set, addresses) = part(list, family)?;
        sets.create_if_absent(&set)?;
        let put = sets.put_all(&set, addresses, OnFailure::Continue);
        let outdated = outdated(list, sets.list(&set)?.sorted()?);
        let removed = sets.remove_all_if_present(&set, outdated, OnFailure::Continue);
        let removed = removed.into_result()?;
        updates.push(Update::new(set, put, removed));
    }
    Ok(updates)
}
