//! Ranges of addresses as networks, and lists of networks merged.

use std::iter::{FusedIterator, Peekable};
use std::net::IpAddr;

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};

/// The networks that cover a range of addresses, returned by [`networks`].
#[derive(Debug, Clone)]
#[must_use = "iterators are lazy"]
pub struct Networks(Option<IpSubnets>);

/// Returns the fewest networks that cover exactly the addresses from one to another, in order.
///
/// The addresses may be given in either order. There are no networks if one is an IPv4 address and
/// the other an IPv6 address.
///
/// ```
/// use ipvset::ipset::plan::networks;
///
/// let range = networks("10.0.0.1".parse()?, "10.0.0.4".parse()?);
/// let texts: Vec<_> = range.map(|network| network.to_string()).collect();
/// assert_eq!(texts, ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn networks(one: IpAddr, other: IpAddr) -> Networks {
    Networks(match (one.min(other), one.max(other)) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Some(Ipv4Subnets::new(first, last, 0).into()),
        (IpAddr::V6(first), IpAddr::V6(last)) => Some(Ipv6Subnets::new(first, last, 0).into()),
        _ => None,
    })
}

impl Iterator for Networks {
    type Item = IpNet;

    fn next(&mut self) -> Option<IpNet> {
        self.0.as_mut()?.next()
    }
}

impl FusedIterator for Networks {}

/// Merges two sorted lists of networks into the fewest networks that cover the same addresses, in
/// order.
///
/// The lists may contain IPv4 and IPv6 networks. Both have to be sorted, as [`slice::sort`] sorts
/// them, with host bits cleared. Of lists that are not, the result covers the same addresses, but
/// is neither sorted nor has the fewest networks. One list alone is merged with an empty one.
///
/// Only a few networks are held at a time, however long the lists are.
///
/// ```
/// use ipvset::ipnet::IpNet;
/// use ipvset::ipset::plan::merge;
///
/// let list = |texts: [&str; 2]| texts.map(|text| text.parse::<IpNet>().unwrap());
/// let one = list(["10.0.0.0/25", "10.0.3.0/24"]);
/// let other = list(["10.0.0.128/25", "10.0.3.7/32"]);
/// let merged: Vec<_> = merge(one, other).collect();
/// assert_eq!(merged, list(["10.0.0.0/24", "10.0.3.0/24"]));
/// ```
pub fn merge<A, B>(one: A, other: B) -> Merged<A::IntoIter, B::IntoIter>
where
    A: IntoIterator<Item = IpNet>,
    B: IntoIterator<Item = IpNet>,
{
    Merged {
        one: one.into_iter().peekable(),
        other: other.into_iter().peekable(),
        covered: None,
        networks: Networks(None),
    }
}

/// The networks of two lists, returned by [`merge`].
#[derive(Debug, Clone)]
#[must_use = "iterators are lazy"]
pub struct Merged<A: Iterator<Item = IpNet>, B: Iterator<Item = IpNet>> {
    one: Peekable<A>,
    other: Peekable<B>,
    /// The first and the last address of the range that the last networks cover without a gap.
    covered: Option<(IpAddr, IpAddr)>,
    /// The networks of the range before it.
    networks: Networks,
}

impl<A: Iterator<Item = IpNet>, B: Iterator<Item = IpNet>> Merged<A, B> {
    fn next_given(&mut self) -> Option<IpNet> {
        match (self.one.peek(), self.other.peek()) {
            (Some(one), Some(other)) if one > other => self.other.next(),
            (Some(_), _) => self.one.next(),
            (None, _) => self.other.next(),
        }
    }
}

impl<A: Iterator<Item = IpNet>, B: Iterator<Item = IpNet>> Iterator for Merged<A, B> {
    type Item = IpNet;

    fn next(&mut self) -> Option<IpNet> {
        loop {
            if let Some(network) = self.networks.next() {
                return Some(network);
            }
            let given = self.next_given();
            let next = given.map(|network| (network.network(), network.broadcast()));
            match (self.covered, next) {
                (Some((first, last)), Some((start, end))) if continues(first, last, start) => {
                    self.covered = Some((first, last.max(end)));
                }
                (covered, next) => {
                    self.covered = next;
                    let (first, last) = match covered {
                        Some(range) => range,
                        None => next?,
                    };
                    if covered.is_some() {
                        self.networks = networks(first, last);
                    }
                }
            }
        }
    }
}

/// Returns true if an address lies in a range or directly behind it.
fn continues(first: IpAddr, last: IpAddr, address: IpAddr) -> bool {
    let behind = match (last, address) {
        (IpAddr::V4(last), IpAddr::V4(it)) => last.to_bits().checked_add(1) == Some(it.to_bits()),
        (IpAddr::V6(last), IpAddr::V6(it)) => last.to_bits().checked_add(1) == Some(it.to_bits()),
        _ => return false,
    };
    behind || (first..=last).contains(&address)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use ipnet::{Ipv4Net, Ipv6Net};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The addresses among the first and the last 256 of a family that networks cover.
    fn covered(networks: impl IntoIterator<Item = IpNet>) -> BTreeSet<IpAddr> {
        let ends = |number: u32| {
            let v6 = Ipv6Addr::from_bits(number as i32 as u128);
            [Ipv4Addr::from_bits(number).into(), v6.into()]
        };
        let all: Vec<IpAddr> = (0..256)
            .chain(u32::MAX - 255..=u32::MAX)
            .flat_map(ends)
            .collect();
        let mut covered = BTreeSet::new();
        for network in networks {
            covered.extend(all.iter().filter(|it| network.contains(*it)));
        }
        covered
    }

    fn network() -> impl Strategy<Value = IpNet> {
        (any::<bool>(), any::<bool>(), any::<u8>(), 0..=9u8).prop_map(|(v6, end, low, zeros)| {
            let high = if end { u128::MAX << 8 } else { 0 };
            let bits = high | u128::from(low);
            match v6 {
                true => Ipv6Net::new(Ipv6Addr::from_bits(bits), 128 - zeros)
                    .unwrap()
                    .trunc()
                    .into(),
                false => {
                    let address = Ipv4Addr::from_bits(bits as u32);
                    Ipv4Net::new(address, 32 - zeros).unwrap().trunc().into()
                }
            }
        })
    }

    fn sorted(mut networks: Vec<IpNet>) -> Vec<IpNet> {
        networks.sort();
        networks
    }

    proptest! {
        #[test]
        fn merged_lists_cover_the_same_with_the_fewest(
            one in vec(network(), 0..40),
            other in vec(network(), 0..40),
        ) {
            let (one, other) = (sorted(one), sorted(other));
            let merged: Vec<_> = merge(one.clone(), other.clone()).collect();
            let all: Vec<_> = one.into_iter().chain(other).collect();
            prop_assert_eq!(covered(merged.clone()), covered(all.clone()));
            prop_assert_eq!(merged, sorted(IpNet::aggregate(&all)));
        }

        #[test]
        fn unsorted_lists_cover_the_same(one in vec(network(), 0..40), other in vec(network(), 0..40)) {
            let merged: Vec<_> = merge(one.clone(), other.clone()).collect();
            prop_assert_eq!(covered(merged), covered(one.into_iter().chain(other)));
        }

        #[test]
        fn a_ranges_networks_cover_it_with_the_fewest(one: u32, other: u32) {
            let (first, last) = (one.min(other), one.max(other));
            let [from, to] = [one, other].map(|it| IpAddr::from(Ipv4Addr::from_bits(it)));
            let networks: Vec<_> = networks(from, to).collect();
            let mut next = u64::from(first);
            for network in &networks {
                let IpNet::V4(network) = network else { panic!("{network}") };
                prop_assert_eq!(u64::from(network.network().to_bits()), next);
                next = u64::from(network.broadcast().to_bits()) + 1;
            }
            prop_assert_eq!(next, u64::from(last) + 1);
            prop_assert_eq!(&IpNet::aggregate(&networks), &networks);
        }
    }

    #[test]
    fn the_ends_of_both_families() {
        let texts = |networks: Networks| networks.map(|it| it.to_string()).collect::<Vec<_>>();
        let (first, last) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        assert_eq!(texts(networks(last.into(), first.into())), ["0.0.0.0/0"]);
        let end = Ipv6Addr::from_bits(u128::MAX);
        assert_eq!(
            texts(networks(Ipv6Addr::UNSPECIFIED.into(), end.into())),
            ["::/0"]
        );
        assert_eq!(texts(networks(end.into(), end.into())).len(), 1);
        assert_eq!(networks(first.into(), end.into()).next(), None);
        assert_eq!(merge([], []).next(), None);
    }
}
