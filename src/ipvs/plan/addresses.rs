use std::net::SocketAddr;

/// A set of addresses, in order. Many of them are added or removed together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Vec<SocketAddr>"))]
pub(super) struct AddressSet(Vec<SocketAddr>);

impl From<Vec<SocketAddr>> for AddressSet {
    fn from(addresses: Vec<SocketAddr>) -> Self {
        let mut set = Self::default();
        set.add(addresses);
        set
    }
}

impl AddressSet {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().copied()
    }

    pub(super) fn contains(&self, address: SocketAddr) -> bool {
        self.0.binary_search(&address).is_ok()
    }

    /// Returns true if the set contains an address. `position` is its position in a list that
    /// probably has the same or the opposite order.
    pub(super) fn contains_near(&self, address: SocketAddr, position: usize) -> bool {
        let is_at = |index: usize| self.0.get(index) == Some(&address);
        let from_end = self.0.len().checked_sub(position + 1);
        is_at(position) || from_end.is_some_and(is_at) || self.contains(address)
    }

    pub(super) fn add(&mut self, addresses: Vec<SocketAddr>) {
        match self.0.is_empty() {
            true => self.0 = addresses,
            false => self.0.extend(addresses),
        }
        // Usually they are in order already.
        if !self.0.is_sorted_by(|one, other| one < other) {
            self.0.sort();
            self.0.dedup();
        }
    }

    pub(super) fn remove(&mut self, addresses: Vec<SocketAddr>) {
        if addresses.is_empty() {
            return;
        }
        let removed = Self::from(addresses);
        self.0.retain(|it| !removed.contains(*it));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_and_go_together() {
        let of = |numbers: &[u8]| -> Vec<SocketAddr> {
            let address = |it: &u8| SocketAddr::from(([10, 0, 0, *it], 80));
            numbers.iter().map(address).collect()
        };
        let mut set = AddressSet::from(of(&[5, 1, 3, 1]));
        assert_eq!(set.iter().collect::<Vec<_>>(), of(&[1, 3, 5]));
        assert_eq!((set.len(), set.is_empty()), (3, false));
        for twice in [&[1, 1][..], &[1, 1, 3]] {
            let once = AddressSet::from(of(twice));
            assert_eq!(once.len(), twice.len() - 1, "{once:?}");
        }
        set.add(of(&[4, 3]));
        set.remove(of(&[9, 5, 1]));
        assert_eq!(set.iter().collect::<Vec<_>>(), of(&[3, 4]));
        for position in 0..4 {
            assert!(set.contains_near(of(&[3])[0], position));
            assert!(!set.contains_near(of(&[5])[0], position));
        }
    }
}
