//! A hash table of positions: finds an entry among many without a copy of it.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The positions of things by their hashes. The things themselves are elsewhere.
///
/// A slot takes 8 bytes, and at least a quarter of the slots are free. Each has the whole hash of
/// its thing, so that the table grows without looking at the things.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// The hash and the position, or [`FREE`]. A power of two of them.
    slots: Vec<(u32, u32)>,
    count: usize,
    seeds: (u64, u64),
}

/// How many lookups are made together.
pub(super) const TOGETHER: usize = 64;

/// The position of nothing.
const FREE: u32 = u32::MAX;

impl Index {
    /// The highest number of positions.
    pub(super) const MOST: usize = FREE as usize;

    pub(super) fn for_about(count: usize) -> Self {
        let random = RandomState::new();
        let mut index = Self {
            slots: Vec::new(),
            count: 0,
            seeds: (random.hash_one(0), random.hash_one(1) | 1),
        };
        index.resize(count);
        index
    }

    /// Returns the hash of what `write` writes.
    pub(super) fn hash(&self, write: impl FnOnce(&mut Folding)) -> u32 {
        let (state, factor) = self.seeds;
        let mut hasher = Folding { state, factor };
        write(&mut hasher);
        // The lower half has bits of all that was written, too.
        (hasher.finish() >> 32) as u32
    }

    /// Returns the position with this hash for which `is_it` is true.
    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut slot = self.first_slot(hash);
        loop {
            match self.slots[slot] {
                (_, FREE) => return None,
                (other, position) if other == hash && is_it(position) => return Some(position),
                _ => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// Loads the slots of some hashes into the processor's caches, all at the same time, and
    /// returns the positions in them. Most are those that [`find`](Self::find) will return.
    ///
    /// In a large table nearly every lookup has to wait for the memory. Lookups one after the other
    /// wait one after the other.
    pub(super) fn load(&self, hashes: &[u32]) -> [u32; TOGETHER] {
        let mut positions = [FREE; TOGETHER];
        for (position, hash) in positions.iter_mut().zip(hashes) {
            *position = self.slots[self.first_slot(*hash)].1;
        }
        positions
    }

    /// Adds a position that is not in the table.
    pub(super) fn insert(&mut self, hash: u32, position: u32) {
        if (self.count + 1) * 4 > self.slots.len() * 3 {
            self.resize(self.count * 2 + 1);
        }
        self.put(hash, position);
        self.count += 1;
    }

    fn put(&mut self, hash: u32, position: u32) {
        let mut slot = self.first_slot(hash);
        while self.slots[slot].1 != FREE {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = (hash, position);
    }

    fn first_slot(&self, hash: u32) -> usize {
        // The highest bits, so that a larger table keeps the order of a smaller one.
        let bits = self.slots.len().trailing_zeros();
        ((u64::from(hash) << bits) >> 32) as usize
    }

    fn resize(&mut self, count: usize) {
        let size = (count / 3 * 4 + 8).next_power_of_two();
        let old = std::mem::replace(&mut self.slots, vec![(0, FREE); size]);
        for (hash, position) in old.into_iter().filter(|(_, position)| *position != FREE) {
            self.put(hash, position);
        }
    }
}

/// A fast hasher for values that strangers choose: it folds products with random numbers, which
/// they do not know.
pub(super) struct Folding {
    state: u64,
    factor: u64,
}

impl Hasher for Folding {
    #[inline]
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.state ^ number) * u128::from(self.factor);
        self.state = product as u64 ^ (product >> 64) as u64;
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut number = [0; 8];
            number[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(number));
        }
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u128(&mut self, number: u128) {
        self.write_u64(number as u64);
        self.write_u64((number >> 64) as u64);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::Hash;

    use super::*;

    #[test]
    fn positions_are_found_among_many_and_among_equal_hashes() {
        let mut index = Index::for_about(0);
        let numbers: Vec<u64> = (0..100_000).map(|it| it * 8).collect();
        for (position, number) in numbers.iter().enumerate() {
            let hash = index.hash(|hasher| number.hash(hasher));
            index.insert(hash, position as u32);
        }
        for (position, number) in numbers.iter().enumerate() {
            let hash = index.hash(|hasher| number.hash(hasher));
            let found = index.find(hash, |it| numbers[it as usize] == *number);
            assert_eq!(found, Some(position as u32));
            let other = index.hash(|hasher| (number + 1).hash(hasher));
            assert_eq!(
                index.find(other, |it| numbers[it as usize] == number + 1),
                None
            );
        }
        let mut same = Index::for_about(4);
        for position in 0..100 {
            same.insert(u32::MAX, position);
        }
        assert_eq!(same.find(u32::MAX, |it| it == 99), Some(99));
        assert_eq!(same.find(u32::MAX, |it| it == 100), None);
    }

    #[test]
    fn a_hash_depends_on_all_that_is_written_and_on_the_table() {
        let index = Index::for_about(0);
        let hash = |bytes: &[u8]| index.hash(|hasher| hasher.write(bytes));
        let bytes = [7; 20];
        for place in 0..20 {
            let mut other = bytes;
            other[place] = 8;
            assert_ne!(hash(&bytes), hash(&other), "{place}");
        }
        let tables = (0..4).map(|_| Index::for_about(0));
        let mut hashes: Vec<_> = tables
            .map(|table| table.hash(|hasher| hasher.write(&bytes)))
            .collect();
        hashes.sort();
        hashes.dedup();
        assert!(hashes.len() > 1);
    }

    /// Writes a number in some width.
    type Write = fn(&mut Folding, u8);

    #[test]
    fn different_values_nearly_always_have_different_hashes() {
        let index = Index::for_about(0);
        let writes: [(&str, Write); 6] = [
            ("u8", |it, number| it.write_u8(number)),
            ("u16", |it, number| it.write_u16(u16::from(number) << 8)),
            ("u32", |it, number| it.write_u32(u32::from(number) << 24)),
            ("u64", |it, number| it.write_u64(u64::from(number) << 30)),
            ("u128", |it, number| it.write_u128(u128::from(number) << 64)),
            ("usize", |it, number| it.write_usize(number.into())),
        ];
        for (width, write) in writes {
            let hashes: BTreeSet<u32> = (0..=u8::MAX)
                .map(|number| index.hash(|hasher| write(hasher, number)))
                .collect();
            assert!(hashes.len() > 240, "{width}: {}", hashes.len());
        }
    }

    #[test]
    fn a_quarter_of_the_slots_is_free_and_there_are_not_many_more() {
        for count in [1, 100, 1_000, 30_000] {
            let mut grown = Index::for_about(0);
            let mut sized = Index::for_about(count);
            for position in 0..count as u32 {
                // Hashes that differ in their highest bits, which choose the slot.
                let hash = position.wrapping_mul(0x9E37_79B9);
                grown.insert(hash, position);
                sized.insert(hash, position);
            }
            for slots in [grown.slots.len(), sized.slots.len()] {
                assert!(slots * 3 >= count * 4, "{slots} slots for {count}");
                assert!(slots <= count * 6 + 8, "{slots} slots for {count}");
            }
        }
    }
}
