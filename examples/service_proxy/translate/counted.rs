use std::collections::{BTreeMap, BTreeSet, btree_map};

/// A set of values that several Services may ask for: a value is in it as long as one does.
#[derive(Debug, Clone)]
pub struct Counted<T> {
    counts: BTreeMap<T, usize>,
    /// The values that came or went since the last [`Counted::take_changes`].
    changed: BTreeSet<T>,
}

impl<T: Ord + Clone> Counted<T> {
    pub fn add(&mut self, value: T) {
        match self.counts.entry(value) {
            btree_map::Entry::Vacant(entry) => {
                toggle(&mut self.changed, entry.key());
                entry.insert(1);
            }
            btree_map::Entry::Occupied(mut entry) => *entry.get_mut() += 1,
        }
    }

    pub fn remove(&mut self, value: &T) {
        if let Some(count) = self.counts.get_mut(value) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(value);
                toggle(&mut self.changed, value);
            }
        }
    }

    pub fn contains(&self, value: &T) -> bool {
        self.counts.contains_key(value)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.counts.keys()
    }

    /// Returns the values that came and those that went since the last call.
    pub fn take_changes(&mut self) -> (Vec<T>, Vec<T>) {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().partition(|it| self.contains(it))
    }
}

/// A value that came and went again is as it was.
fn toggle<T: Ord + Clone>(changed: &mut BTreeSet<T>, value: &T) {
    if !changed.remove(value) {
        changed.insert(value.clone());
    }
}

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self {
            counts: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }
}
