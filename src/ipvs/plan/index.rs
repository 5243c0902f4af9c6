use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;

/// An index over the addresses of a list. It takes 8 to 12 bytes for each.
///
/// It does not keep the addresses: whoever asks for one says which address is where.
#[derive(Debug)]
pub(super) struct AddressIndex {
    hasher: RandomState,
    /// For each hash, the position of the last address with this hash.
    last: Vec<u32>,
    /// For each address, the position of the one before with the same hash.
    before: Vec<u32>,
}

/// No position.
const NONE: u32 = u32::MAX;

impl AddressIndex {
    /// Up to this number of addresses, comparing each is as fast.
    const FEW: usize = 16;

    /// Returns an index with room for this number of addresses.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            last: vec![NONE; capacity.next_power_of_two()],
            before: Vec::with_capacity(capacity),
        }
    }

    /// Returns the index of a list.
    pub(super) fn new(addresses: impl ExactSizeIterator<Item = SocketAddr>) -> Self {
        let mut index = Self::with_capacity(addresses.len());
        addresses.for_each(|address| index.push(address));
        index
    }

    /// Adds the next address of the list.
    pub(super) fn push(&mut self, address: SocketAddr) {
        let position = self.before.len() as u32;
        let hash = self.hash(address);
        self.before.push(self.last[hash]);
        self.last[hash] = position;
    }

    /// Returns the position of an address. `is_at` says whether it is at a position.
    pub(super) fn find(&self, address: SocketAddr, is_at: impl Fn(usize) -> bool) -> Option<usize> {
        let mut position = self.last[self.hash(address)];
        while position != NONE {
            if is_at(position as usize) {
                return Some(position as usize);
            }
            position = self.before[position as usize];
        }
        None
    }

    fn hash(&self, address: SocketAddr) -> usize {
        self.hasher.hash_one(address) as usize & (self.last.len() - 1)
    }
}

/// Finds elements of a list by their address.
pub(super) struct Finder<'a, T> {
    list: &'a [T],
    address: fn(&T) -> SocketAddr,
    /// It is built when it is first needed.
    index: Option<AddressIndex>,
}

impl<'a, T> Finder<'a, T> {
    pub(super) fn new(list: &'a [T], address: fn(&T) -> SocketAddr) -> Self {
        Self {
            list,
            address,
            index: None,
        }
    }

    /// Returns the position of an address. `position` is its position in another list that
    /// probably has the same or the opposite order.
    pub(super) fn find(&mut self, address: SocketAddr, position: usize) -> Option<usize> {
        let (list, address_of) = (self.list, self.address);
        let is_at = |index: usize| list.get(index).is_some_and(|it| address_of(it) == address);
        // The kernel lists the server first that was added last.
        let from_end = list.len().checked_sub(position + 1);
        if let Some(from_end) = from_end.filter(|it| is_at(*it)) {
            return Some(from_end);
        }
        if is_at(position) {
            return Some(position);
        }
        if list.len() <= AddressIndex::FEW {
            return (0..list.len()).find(|it| is_at(*it));
        }
        let index = self
            .index
            .get_or_insert_with(|| AddressIndex::new(list.iter().map(address_of)));
        index.find(address, is_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_found_and_no_other() {
        let address = |number: u32| SocketAddr::from((number.to_be_bytes(), 80));
        for length in [0, 1, 16, 17, 1_000] {
            let list: Vec<_> = (0..length).map(address).collect();
            let mut finder = Finder::new(&list, |it| *it);
            for number in 0..length {
                let guess = (number as usize * 7) % list.len();
                assert_eq!(finder.find(address(number), guess), Some(number as usize));
            }
            for other in length..length + 100 {
                assert_eq!(finder.find(address(other), other as usize), None);
            }
        }
    }
}
