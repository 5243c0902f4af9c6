use ipvset::tokio::IpSets;
use ipvset::{Family, OnFailure};

use crate::list::{List, Update, outdated, part};

/// Does what the blocking function does, on tokio.
pub async fn update(list: &List) -> ipvset::Result<Vec<Update>> {
    let mut sets = IpSets::connect().await?;
    let mut updates = Vec::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        let (set, addresses) = part(list, family)?;
        sets.create_if_absent(&set).await?;
        let put = sets.put_all(&set, addresses, OnFailure::Continue).await;
        let listed = sets.list(&set).await?.sorted().await?;
        let outdated = outdated(list, listed);
        let removing = sets.remove_all_if_present(&set, outdated, OnFailure::Continue);
        let removed = removing.await.into_result()?;
        updates.push(Update::new(set, put, removed));
    }
    Ok(updates)
}
