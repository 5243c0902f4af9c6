use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// A range of IPv4 addresses, which includes both ends.
///
/// ```
/// use ipvset::ipset::elements::Ipv4Range;
///
/// let range = Ipv4Range::new([10, 0, 0, 9].into(), [10, 0, 0, 1].into());
/// assert_eq!(range.to_string(), "10.0.0.1-10.0.0.9");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv4Range {
    pub(super) first: Ipv4Addr,
    pub(super) last: Ipv4Addr,
}

impl Ipv4Range {
    /// Creates the range between two addresses, which may be given in either order.
    pub fn new(one: Ipv4Addr, other: Ipv4Addr) -> Self {
        Self {
            first: one.min(other),
            last: one.max(other),
        }
    }

    /// Returns the lowest address.
    pub fn first(&self) -> Ipv4Addr {
        self.first
    }

    /// Returns the highest address.
    pub fn last(&self) -> Ipv4Addr {
        self.last
    }

    /// Returns true if the range contains an address.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

impl From<Ipv4Net> for Ipv4Range {
    fn from(net: Ipv4Net) -> Self {
        Self::new(net.network(), net.broadcast())
    }
}

impl fmt::Display for Ipv4Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_its_ends_and_what_is_between() {
        let address = |last| Ipv4Addr::new(10, 0, 0, last);
        let range = Ipv4Range::new(address(9), address(3));
        let inside = (0..20).filter(|last| range.contains(address(*last)));
        assert_eq!(inside.collect::<Vec<_>>(), (3..=9).collect::<Vec<_>>());
    }
}
