//! What the kernel tests of sets share.

mod basics;

use ipvset::ipset::{Entry, IpSet, IpSets, SetType};

pub(crate) use basics::{COMMON, Result, same};

/// The entries of a set, in the order of their text.
pub(crate) fn listed<T: SetType>(sets: &mut IpSets, set: &IpSet<T>) -> Result<Vec<Entry<T>>> {
    let mut entries = sets
        .list(set)?
        .collect::<std::result::Result<Vec<_>, _>>()?;
    entries.sort_by_key(|entry| format!("{entry:?}"));
    Ok(entries)
}
