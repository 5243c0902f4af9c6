//! The entries that a set stores for an entry: normal forms.

use std::fmt;
use std::iter::FusedIterator;

use super::element::{Dimension, Masks};
use super::entry::EntryOptions;
use super::value::{Elements, MOST};
use crate::ipset::model::types::Takes;
use crate::ipset::{CreateOptions, Entry, IpSet, SetType, SkbMark, SkbPriority};

/// The elements of the entries that a set stores for some elements.
pub(in crate::ipset) struct Singles<V> {
    dimensions: &'static [Dimension],
    masks: Masks,
    next: Option<V>,
    /// What follows, by the place of the element that stands for several. Nothing is in the places
    /// behind it any more when it is needed.
    rest: [Option<V>; MOST],
}

impl<V: Elements> Singles<V> {
    #[inline]
    pub(in crate::ipset) fn new(value: V, dimensions: &'static [Dimension], masks: Masks) -> Self {
        Self {
            dimensions,
            masks,
            next: Some(value),
            rest: [const { None }; MOST],
        }
    }
}

impl<V: Elements> Singles<V> {
    /// Reduces the elements to those of the first entry, and returns those of the others, if there
    /// are any.
    #[inline]
    pub(in crate::ipset) fn behind(
        value: &mut V,
        dimensions: &'static [Dimension],
        masks: &Masks,
    ) -> Option<Self> {
        let mut others = None;
        value.take_first(dimensions, masks, |place, behind| {
            let others = others.get_or_insert_with(|| Self {
                dimensions,
                masks: *masks,
                next: None,
                rest: [const { None }; MOST],
            });
            others.rest[place] = Some(behind);
        });
        others
    }

    /// Returns how many follow, as far as a `u64` can count them.
    pub(in crate::ipset) fn remaining(&self) -> u64 {
        let left = self.next.iter().chain(self.rest.iter().flatten());
        let counts = left.map(|value| value.count(self.dimensions, &self.masks));
        counts.fold(0, u64::saturating_add)
    }
}

impl<V: Elements> Iterator for Singles<V> {
    type Item = V;

    #[inline]
    fn next(&mut self) -> Option<V> {
        let next = self.next.take();
        let mut value = next.or_else(|| self.rest.iter_mut().rev().find_map(Option::take))?;
        let rest = &mut self.rest;
        value.take_first(self.dimensions, &self.masks, |place, behind| {
            rest[place] = Some(behind);
        });
        Some(value)
    }
}

impl<V: Elements> FusedIterator for Singles<V> {}

/// The entries that a set stores for an entry, returned by [`IpSet::stored`].
#[must_use = "iterators are lazy"]
pub struct Stored<T: SetType> {
    singles: Singles<T::Value>,
    options: EntryOptions,
}

impl<T: SetType> Stored<T> {
    /// Returns the single entries that the kernel makes of an entry, as they are written in
    /// requests. It walks a range of a bitmap in steps of the netmask, and leaves the masks of
    /// other sets for later.
    pub(in crate::ipset) fn unmasked(entry: Entry<T>, set: &IpSet<T>) -> Self {
        let (value, options) = entry.into_parts();
        let definition = set.definition();
        let masks = match definition.options.contains(Takes::ADDRESS_RANGE) {
            true => Masks::of(definition, set.options()),
            false => Masks::NONE,
        };
        Self {
            singles: Singles::new(value, definition.dimensions, masks),
            options,
        }
    }
}

impl<T: SetType> Iterator for Stored<T> {
    type Item = Entry<T>;

    fn next(&mut self) -> Option<Entry<T>> {
        let value = self.singles.next()?;
        Some(Entry::from_parts(value, self.options.clone()))
    }
}

impl<T: SetType> FusedIterator for Stored<T> {}

impl<T: SetType> fmt::Debug for Stored<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("next", &self.singles.next)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<T: SetType> IpSet<T> {
    /// Returns the entries that the set stores for an entry, as a listing returns them.
    ///
    /// A range or network in a set of addresses becomes its addresses, and a range in a set of
    /// networks the fewest networks that cover it. Host bits are cleared, the set's masks are
    /// applied, and ranges of ports become single ports. A member of a list loses its position.
    /// Options that are not given get the values that the kernel gives them: the set's timeout, and
    /// counters of zero.
    ///
    /// This is a calculation that asks nobody. An entry that the set refuses is returned as it is.
    /// The same entry may come more than once if a mask makes addresses equal.
    ///
    /// The kernel itself does not mask the addresses of a range in a set with a
    /// [`bitmask`](IpSet::bitmask), and in a [`HashIpPort`](crate::ipset::types::HashIpPort) or
    /// [`HashNetNet`](crate::ipset::types::HashNetNet) with a [`netmask`](IpSet::netmask). It
    /// stores addresses that match no packet. This method returns the masked ones.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ipvset::ipset::elements::Ipv4Range;
    /// use ipvset::ipset::types::HashNet;
    /// use ipvset::ipset::IpSet;
    ///
    /// let set = IpSet::<HashNet>::new("blocked")?.timeout(Duration::from_secs(600));
    /// let range = Ipv4Range::new([10, 0, 0, 1].into(), [10, 0, 0, 4].into());
    /// let stored: Vec<_> = set.stored(range).map(|entry| entry.to_string()).collect();
    /// assert_eq!(stored, ["10.0.0.1 timeout 600", "10.0.0.2/31 timeout 600", "10.0.0.4 timeout 600"]);
    /// # Ok::<(), ipvset::Error>(())
    /// ```
    pub fn stored(&self, entry: impl Into<Entry<T>>) -> Stored<T> {
        let (value, options) = entry.into().into_parts();
        Stored {
            singles: self.singles(value),
            options: options.stored(self.options()),
        }
    }

    /// Returns the elements of the entries that the set stores for some elements.
    pub(in crate::ipset) fn singles(&self, value: T::Value) -> Singles<T::Value> {
        let definition = self.definition();
        let masks = Masks::of(definition, self.options());
        Singles::new(value, definition.dimensions, masks)
    }
}

impl EntryOptions {
    /// Returns the options as a set stores and lists them.
    pub(in crate::ipset) fn stored(mut self, set: &CreateOptions) -> Self {
        self.timeout = self.timeout.or(set.timeout);
        if set.counters {
            self.packets = self.packets.or(Some(0));
            self.bytes = self.bytes.or(Some(0));
        }
        self.drop_empty();
        self
    }

    /// Leaves out what the kernel does not list: an empty comment and zeros for packets.
    pub(in crate::ipset) fn drop_empty(&mut self) {
        if self.comment_bytes() == Some(b"") {
            self.remove_comment();
        }
        let nothing = SkbMark { mark: 0, mask: 0 };
        self.skbmark = self.skbmark.filter(|mark| *mark != nothing);
        let root = SkbPriority { major: 0, minor: 0 };
        self.skbprio = self.skbprio.filter(|priority| *priority != root);
        self.skbqueue = self.skbqueue.filter(|queue| *queue != 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipset::types::{HashIpMark, HashNet, HashNetIface, HashNetNet};
    use crate::ipset::{Addresses, AnySet, Entry, Interface};

    #[test]
    fn what_the_kernel_does_not_list_is_left_out() {
        let mut options = EntryOptions::default();
        options.skbmark = Some(SkbMark { mark: 0, mask: 0 });
        options.skbprio = Some(SkbPriority { major: 0, minor: 0 });
        options.skbqueue = Some(0);
        options.set_comment("");
        options.drop_empty();
        assert_eq!(options, EntryOptions::default());
        options.set_comment("a");
        options.drop_empty();
        assert_eq!(options.comment_bytes(), Some(&b"a"[..]));
    }

    #[test]
    fn a_mac_address_that_was_left_out_is_filled_in() {
        let set: AnySet = "s bitmap:ip,mac range 10.0.0.0/24".parse().unwrap();
        let given = set.parse_entry("10.0.0.1").unwrap().into_parts().0;
        let address = || given.elements().take(1).cloned().collect();
        let singles: Vec<_> = set.singles(address()).collect();
        assert_eq!(singles, std::slice::from_ref(&given));
        assert_eq!(singles[0].elements().count(), 2);
        // No other element is filled in.
        let set: AnySet = "s hash:ip,mac".parse().unwrap();
        let mut singles = set.singles(address());
        assert_eq!(singles.next().unwrap().elements().count(), 1);
    }

    /// Returns the elements of an entry as a set stores them, one by one.
    fn singles<T: SetType + Default>(set: &str, entry: &str) -> Vec<String> {
        let set: IpSet<T> = set.parse().unwrap();
        let entry = set.parse_entry(entry).unwrap();
        let singles = set.singles(entry.into_parts().0);
        singles
            .map(|it| Entry::<T>::from_parts(it, EntryOptions::default()).to_string())
            .collect()
    }

    #[test]
    fn elements_are_stored_under_the_masks_of_the_set() {
        let masked = "s hash:net,net bitmask 255.255.0.0";
        assert_eq!(
            singles::<HashNetNet>(masked, "10.1.2.0/24,10.2.3.4"),
            ["10.1.0.0/24,10.2.0.0"]
        );
        assert_eq!(
            singles::<HashIpMark>("s hash:ip,mark markmask 0xff", "10.0.0.1,0x1ff"),
            ["10.0.0.1,0x000000ff"]
        );
    }

    #[test]
    fn what_remains_is_counted_as_it_is_iterated() {
        for (set, entry) in [
            ("s hash:ip", "10.0.0.1"),
            ("s hash:ip", "10.0.0.3-10.0.0.20"),
            ("s hash:ip", "255.255.255.250-255.255.255.255"),
            ("s hash:ip netmask 29", "10.0.0.3-10.0.0.40"),
            ("s hash:ip bitmask 255.255.0.240", "10.0.0.15-10.0.0.64"),
            ("s hash:ip family inet6", "2001:db8::1"),
            (
                "s bitmap:ip range 10.0.0.0/24 netmask 29",
                "10.0.0.3-10.0.0.40",
            ),
            ("s bitmap:ip,mac range 10.0.0.0/24", "10.0.0.3"),
            ("s bitmap:port range 0-99", "3-20"),
            ("s hash:net", "10.0.0.0/8"),
            ("s hash:net", "10.0.0.3-10.0.9.40"),
            ("s hash:net", "0.0.0.0-127.255.255.255"),
            ("s hash:net,iface", "10.0.0.3-10.0.9.40,eth0"),
            ("s hash:net,net", "10.0.0.3-10.0.0.40,10.0.0.3-10.0.0.8"),
            (
                "s hash:ip,port,net",
                "10.0.0.0/30,tcp:1-3,10.0.0.1-10.0.0.6",
            ),
            ("s hash:ip,port", "10.0.0.0/30,icmp:8/0"),
            ("s hash:ip,mark", "10.0.0.0/30,0x1"),
        ] {
            let set: AnySet = set.parse().unwrap();
            let value = set.parse_entry(entry).unwrap().into_parts().0;
            let mut singles = set.singles(value);
            let mut left = set.singles(singles.next.clone().unwrap()).count() as u64;
            assert_eq!(singles.remaining(), left, "{set} {entry}");
            while singles.next().is_some() {
                left -= 1;
                assert_eq!(singles.remaining(), left, "{set} {entry}");
            }
        }
    }

    /// A `hash:net` has no network of all addresses. No kernel takes a range of them.
    #[test]
    fn all_addresses_are_one_network_or_two() {
        let all: Addresses = "0.0.0.0-255.255.255.255".parse().unwrap();
        let set: IpSet<HashNet> = "s hash:net".parse().unwrap();
        let halves = ["0.0.0.0/1", "128.0.0.0/1"].map(|it| it.parse().unwrap());
        assert_eq!(set.singles(all).collect::<Vec<Addresses>>(), halves);
        let set: IpSet<HashNetIface> = "s hash:net,iface".parse().unwrap();
        let eth0 = Interface::new("eth0").unwrap();
        let whole = ("0.0.0.0/0".parse().unwrap(), eth0);
        assert!(set.singles((all, eth0)).eq([whole]));
    }
}
