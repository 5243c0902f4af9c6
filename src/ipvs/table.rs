//! Whole tables out of dumps that can repeat or skip things.

use std::collections::HashMap;
use std::hash::Hash;

/// Things of which a later one replaces an earlier one with the same key, in the order in which
/// the keys came first.
pub(super) struct Distinct<K, V> {
    key: fn(&V) -> K,
    places: HashMap<K, usize>,
    values: Vec<V>,
}

impl<K: Hash + Eq, V> Distinct<K, V> {
    pub(super) fn new(key: fn(&V) -> K) -> Self {
        Self {
            key,
            places: HashMap::new(),
            values: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, value: V) {
        let place = *self
            .places
            .entry((self.key)(&value))
            .or_insert(self.values.len());
        match self.values.get_mut(place) {
            Some(earlier) => *earlier = value,
            None => self.values.push(value),
        }
    }

    pub(super) fn into_vec(self) -> Vec<V> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_key_counts_where_the_first_was() {
        let mut distinct = Distinct::new(|it: &(u8, char)| it.0);
        for it in [(1, 'a'), (2, 'b'), (1, 'c'), (3, 'd')] {
            distinct.push(it);
        }
        assert_eq!(distinct.into_vec(), [(1, 'c'), (2, 'b'), (3, 'd')]);
    }
}
