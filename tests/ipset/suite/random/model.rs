//! What the kernel does with an entry.

use std::collections::BTreeMap;

use ipvset::ipset::{AnyEntry, AnySet};
use ipvset::{ErrorKind, Missing};

use crate::suite::apply::{by_key, key};

/// What became of a change.
pub(super) type Verdict = Result<(), (ErrorKind, Option<Missing>)>;

#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Add,
    Put,
    Remove,
    RemoveIfPresent,
}

impl Change {
    pub(super) const ALL: [Self; 4] = [Self::Add, Self::Put, Self::Remove, Self::RemoveIfPresent];
}

/// A set and its entries, by what tells them apart.
pub(super) struct Model {
    set: AnySet,
    entries: BTreeMap<String, AnyEntry>,
}

impl Model {
    pub(super) fn new(set: &AnySet) -> Self {
        Self {
            set: set.clone(),
            entries: BTreeMap::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// A range is carried out entry by entry, up to the first that is refused.
    pub(super) fn execute(&mut self, change: Change, entry: &AnyEntry) -> Verdict {
        for mut stored in self.set.stored(entry.clone()) {
            let key = key(&self.set, &stored);
            let there = self.entries.get(&key);
            match (change, there) {
                (Change::Remove, None) => {
                    return Err((ErrorKind::NotFound, Some(Missing::Entry)));
                }
                (Change::Remove | Change::RemoveIfPresent, _) => drop(self.entries.remove(&key)),
                (_, None) => drop(self.entries.insert(key, stored)),
                // To the kernel, it becomes another entry.
                (_, Some(there)) if self.gets_mac(there, &stored) => {
                    self.entries.insert(key, stored);
                }
                (Change::Add, Some(_)) => return Err((ErrorKind::AlreadyExists, None)),
                (Change::Put, Some(there)) => {
                    if entry.options().packets.is_none() {
                        let options = stored.options_mut();
                        options.packets = there.options().packets;
                        options.bytes = there.options().bytes;
                    }
                    if self.has_macs_in_bitmap() && !has_mac(&stored) {
                        let mut kept = AnyEntry::from(there.value().clone());
                        *kept.options_mut() = stored.options().clone();
                        stored = kept;
                    }
                    self.entries.insert(key, stored);
                }
            }
        }
        Ok(())
    }

    fn has_macs_in_bitmap(&self) -> bool {
        self.set.type_name() == "bitmap:ip,mac"
    }

    /// Whether the entry that is there has no MAC address, and gets one.
    fn gets_mac(&self, there: &AnyEntry, added: &AnyEntry) -> bool {
        self.has_macs_in_bitmap() && !has_mac(there) && has_mac(added)
    }

    /// Returns a single entry to test, and whether it is in the set. Returns `None` if it has to be
    /// a range, or if the model does not know which network contains it.
    pub(super) fn is_in(&self, entry: AnyEntry) -> Option<(AnyEntry, bool)> {
        let entry = AnyEntry::from(entry.value().clone());
        let mut stored = self.set.stored(entry);
        let one = AnyEntry::from(stored.next()?.value().clone());
        let there = self.entries.get(&key(&self.set, &one));
        if self.has_macs_in_bitmap() {
            // If one of the two has no MAC address, the other is found by its address alone.
            let is_same =
                |it: &&AnyEntry| !has_mac(it) || !has_mac(&one) || it.value() == one.value();
            let is_in = there.filter(is_same).is_some();
            return Some((one, is_in));
        }
        let in_networks = self.set.type_name().contains("net");
        match there {
            Some(there) => Some((one, !there.options().nomatch)),
            None if in_networks => None,
            None => Some((one, false)),
        }
    }

    pub(super) fn by_key(&self, entries: Vec<AnyEntry>) -> BTreeMap<String, AnyEntry> {
        by_key(&self.set, entries)
    }

    /// Returns the entries with the timeouts that they began with.
    pub(super) fn entries(&self) -> BTreeMap<String, AnyEntry> {
        by_key(&self.set, self.entries.values().cloned())
    }
}

/// Whether an entry of a `bitmap:ip,mac` has a MAC address.
fn has_mac(entry: &AnyEntry) -> bool {
    entry.value().to_string().contains(',')
}
