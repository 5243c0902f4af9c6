//! What the file says, for both ways of updating the sets.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use ipvset::ipset::elements::Addresses;
use ipvset::ipset::types::HashNet;
use ipvset::ipset::{Entry, IpSet};
use ipvset::{Family, Outcome, Result};

/// Addresses and networks of both families.
pub type List = BTreeSet<Addresses>;

/// Reads an address or a network from each line, and reports the lines that are neither.
pub fn read(text: &str) -> List {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.is_empty());
    let read = lines.filter_map(|(line, number)| match line.parse() {
        Ok(addresses) => Some(addresses),
        Err(error) => {
            eprintln!("line {number}: {error}");
            None
        }
    });
    read.collect()
}

/// Returns the set of a family, and what of the list belongs into it.
pub fn part(list: &List, family: Family) -> Result<(IpSet<HashNet>, Vec<Addresses>)> {
    let set = IpSet::new(format!("blocked-{family}"))?
        .with_family(family)
        .timeout(Duration::from_secs(3600))
        .counters();
    let of_family = list.iter().filter(|it| it.family() == family);
    Ok((set, of_family.copied().collect()))
}

/// Returns the entries that are not in the list any more.
pub fn outdated(list: &List, entries: Vec<Entry<HashNet>>) -> Vec<Addresses> {
    let values = entries.into_iter().map(|entry| *entry.value());
    values.filter(|it| !list.contains(it)).collect()
}

/// What became of a set.
pub struct Update {
    set: IpSet<HashNet>,
    put: Outcome<Entry<HashNet>>,
    removed: usize,
}

impl Update {
    pub fn new(set: IpSet<HashNet>, put: Outcome<Entry<HashNet>>, removed: usize) -> Self {
        Self { set, put, removed }
    }
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (put, removed) = (self.put.applied(), self.removed);
        write!(f, "{}: {put} put, {removed} removed", self.set.name())?;
        for failed in self.put.failures() {
            write!(f, "\n{}: {}", failed.input, failed.error)?;
        }
        match self.put.stopped() {
            Some(error) => write!(f, "\n{error}"),
            None => Ok(()),
        }
    }
}
