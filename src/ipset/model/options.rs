use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::element::{ipv4_nest, ipv6_nest};
use super::entry::seconds;
use super::types::{Definition, Families, Takes};
use crate::Family;
use crate::ipset::message::attr::{cadt_flag, create, data};
use crate::ipset::message::encode::Refusal;
use crate::ipset::{Ipv4Range, PortRange};
use crate::wire::{Buffer, Writer};

/// The longest timeout of an entry: 2,147,483 seconds, which is nearly 25 days.
///
/// The kernel silently shortens longer timeouts (`ip_set_timeout_uget` in
/// include/linux/netfilter/ipset/ip_set.h), so this crate refuses them.
pub const MAX_TIMEOUT: Duration = Duration::from_secs((u32::MAX as u64 >> 1) / 1000);

/// The kernel's default for `maxelem`.
pub(crate) const DEFAULT_MAXELEM: u32 = 65_536;

/// The limit for the number of elements of a bitmap, `IPSET_BITMAP_MAX_RANGE`.
const MAX_BITMAP: u64 = 0x1_0000;

/// The kernel's numbers of the families: `AF_INET`, `AF_INET6`, `AF_UNSPEC`.
pub(crate) mod number {
    use crate::Family;

    pub(crate) const UNSPECIFIED: u8 = 0;
    pub(crate) const INET: u8 = 2;
    pub(crate) const INET6: u8 = 10;

    pub(crate) const fn of(family: Option<Family>) -> u8 {
        match family {
            None => UNSPECIFIED,
            Some(Family::Ipv4) => INET,
            Some(Family::Ipv6) => INET6,
        }
    }

    pub(crate) const fn family(number: u8) -> Option<Family> {
        match number {
            INET => Some(Family::Ipv4),
            INET6 => Some(Family::Ipv6),
            _ => None,
        }
    }
}

/// The range that contains all entries of a bitmap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SetRange {
    /// A range of IPv4 addresses.
    Addresses(Ipv4Range),
    /// A range of ports.
    Ports(PortRange),
}

impl From<Ipv4Range> for SetRange {
    fn from(range: Ipv4Range) -> Self {
        Self::Addresses(range)
    }
}

impl From<ipnet::Ipv4Net> for SetRange {
    fn from(net: ipnet::Ipv4Net) -> Self {
        Self::Addresses(net.into())
    }
}

impl From<PortRange> for SetRange {
    fn from(range: PortRange) -> Self {
        Self::Ports(range)
    }
}

impl fmt::Display for SetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(range) => range.fmt(f),
            Self::Ports(range) => write!(f, "{}-{}", range.first(), range.last()),
        }
    }
}

/// The options that a set is created with, or was created with.
///
/// For `None` the kernel uses its default. The builder methods of [`IpSet`](crate::ipset::IpSet)
/// set the options and describe them in detail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct CreateOptions {
    /// The family of the addresses.
    pub family: Family,
    /// How many buckets the hash table has at first. The default is 1024.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub hashsize: Option<u32>,
    /// How many entries the set can contain. The default is 65,536.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub maxelem: Option<u32>,
    /// The prefix length to which addresses are cut.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub netmask: Option<u8>,
    /// The mask that is applied to addresses.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub bitmask: Option<IpAddr>,
    /// The mask that is applied to packet marks. The default is all bits.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub markmask: Option<u32>,
    /// How many entries a bucket can contain. The default is 12.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub bucketsize: Option<u8>,
    /// The initial value of the hash function. The default is random.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub initval: Option<u32>,
    /// Whether a full set drops entries to make room for new ones.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "std::ops::Not::not"))]
    pub forceadd: bool,
    /// The range that contains all entries of a bitmap.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub range: Option<SetRange>,
    /// The size of a list. The default is 8.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub size: Option<u32>,
    /// The default timeout of entries, in whole seconds. With 0 they stay for ever. With `None`
    /// entries have no timeouts at all.
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::serde::optional_seconds",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub timeout: Option<Duration>,
    /// Whether entries have counters.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "std::ops::Not::not"))]
    pub counters: bool,
    /// Whether entries can have comments.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "std::ops::Not::not"))]
    pub comment: bool,
    /// Whether entries can have packet metadata.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "std::ops::Not::not"))]
    pub skbinfo: bool,
}

impl CreateOptions {
    /// Rounds the values as the kernel does, which lists the rounded values.
    pub(crate) fn round(&mut self) {
        // `ip_set_hash_gen.h`: AHASH_INIT_SIZE is 2, AHASH_MAX_SIZE 12, IPSET_MIMINAL_HASHSIZE 64.
        self.bucketsize = self.bucketsize.map(|it| it.clamp(1, 12).div_ceil(2) * 2);
        if self.hashsize == Some(0) {
            self.hashsize = Some(64);
        }
        // `list_set_create`: IP_SET_LIST_MIN_SIZE.
        self.size = self.size.map(|it| it.max(4));
        // `bitmap_ip_create`
        if let (Some(SetRange::Addresses(range)), Some(netmask @ 1..=32)) =
            (&mut self.range, self.netmask)
        {
            let first = ipnet::Ipv4Net::new(range.first(), netmask);
            let last = ipnet::Ipv4Net::new(range.last(), netmask);
            if let (Ok(first), Ok(last)) = (first, last) {
                *range = Ipv4Range::new(first.network(), last.broadcast());
            }
        }
    }

    /// Refuses options that the type does not take, and values that are out of range.
    pub(crate) fn check(&self, definition: &Definition) -> Result<(), Refusal> {
        self.check_kinds(definition)?;
        if let Some(timeout) = self.timeout {
            seconds(timeout)?;
        }
        self.check_hash()?;
        self.check_masks()?;
        match self.size {
            Some(size @ ..4) => Err(Refusal::new(format!("size {size} is less than 4"))),
            _ => self.check_range(definition),
        }
    }

    fn check_kinds(&self, definition: &Definition) -> Result<(), Refusal> {
        let Definition { name, options, .. } = definition;
        let takes = |takes: Takes| options.intersects(takes);
        let netmask = Takes::NETMASK.union(Takes::NETMASK_LATE);
        let given = [
            ("hashsize", self.hashsize.is_some(), takes(Takes::HASH)),
            ("maxelem", self.maxelem.is_some(), takes(Takes::HASH)),
            ("bucketsize", self.bucketsize.is_some(), takes(Takes::HASH)),
            ("initval", self.initval.is_some(), takes(Takes::HASH)),
            ("forceadd", self.forceadd, takes(Takes::HASH)),
            ("netmask", self.netmask.is_some(), takes(netmask)),
            ("bitmask", self.bitmask.is_some(), takes(Takes::BITMASK)),
            ("markmask", self.markmask.is_some(), takes(Takes::MARKMASK)),
            ("size", self.size.is_some(), takes(Takes::SIZE)),
        ];
        if let Some((option, ..)) = given.iter().find(|(_, given, takes)| *given && !takes) {
            return Err(Refusal::new(format!("{name} has no {option}")));
        }
        if self.family == Family::Ipv6 && definition.families != Families::Both {
            return Err(Refusal::new(match definition.families {
                Families::Ipv4 => format!("{name} has only IPv4 addresses"),
                _ => format!("{name} has no family"),
            }));
        }
        Ok(())
    }

    fn check_hash(&self) -> Result<(), Refusal> {
        // The kernel rounds up to a power of two and keeps its logarithm in a byte.
        if let Some(hashsize @ (0 | 0x8000_0001..)) = self.hashsize {
            return Err(Refusal::new(format!(
                "hashsize {hashsize} is not between 1 and 2147483648"
            )));
        }
        // The limit is AHASH_MAX_SIZE, which is 12. The tool's manual page says 14.
        match self.bucketsize {
            Some(size) if size % 2 == 1 || !(2..=12).contains(&size) => Err(Refusal::new(format!(
                "bucketsize {size} is not an even number between 2 and 12"
            ))),
            _ => Ok(()),
        }
    }

    fn check_masks(&self) -> Result<(), Refusal> {
        if let Some(netmask) = self.netmask {
            let most = match self.family {
                Family::Ipv4 => 32,
                Family::Ipv6 => 128,
            };
            if !(1..=most).contains(&netmask) {
                return Err(Refusal::new(format!(
                    "netmask {netmask} is not between 1 and {most}"
                )));
            }
        }
        if let Some(bitmask) = self.bitmask {
            if bitmask.is_unspecified() {
                return Err(Refusal::new("the bitmask is zero"));
            }
            if bitmask.is_ipv4() != (self.family == Family::Ipv4) {
                let family = self.family;
                return Err(Refusal::new(format!(
                    "bitmask {bitmask}: the set is one of {family} addresses"
                )));
            }
            if self.netmask.is_some() {
                return Err(Refusal::new("netmask and bitmask exclude each other"));
            }
        }
        match self.markmask {
            Some(0) => Err(Refusal::new("the markmask is zero")),
            _ => Ok(()),
        }
    }

    fn check_range(&self, definition: &Definition) -> Result<(), Refusal> {
        let Definition { name, options, .. } = definition;
        match self.range {
            Some(SetRange::Addresses(range)) if options.contains(Takes::ADDRESS_RANGE) => {
                self.check_addresses(&range)
            }
            Some(SetRange::Ports(_)) if options.contains(Takes::PORT_RANGE) => Ok(()),
            Some(range) => Err(Refusal::new(format!(
                "{name} does not take the range {range}"
            ))),
            None if options.intersects(Takes::RANGE) => {
                Err(Refusal::new(format!("{name} needs a range")))
            }
            None => Ok(()),
        }
    }

    /// Checks the range of a bitmap. Its elements are addresses, or with a netmask networks.
    fn check_addresses(&self, range: &Ipv4Range) -> Result<(), Refusal> {
        let (first, last) = (range.first().to_bits(), range.last().to_bits());
        let shift = 32 - u32::from(self.netmask.unwrap_or(32).clamp(1, 32));
        let elements = u64::from(last >> shift) - u64::from(first >> shift) + 1;
        if elements > MAX_BITMAP {
            return Err(Refusal::new(format!(
                "the range {range} has {elements} elements, {MAX_BITMAP} is the limit"
            )));
        }
        let part = (1u64 << shift) - 1;
        if u64::from(first) & part != 0 || (u64::from(last) + 1) & part != 0 {
            let netmask = 32 - shift;
            return Err(Refusal::new(format!(
                "the range {range} is not made of whole networks of prefix length {netmask}"
            )));
        }
        // `bitmap_ip_create` looks for the smallest network that begins where the range begins and
        // contains all of it. Its prefix has to be shorter than that of the networks in the range.
        let common = (first ^ last).leading_zeros();
        let aligned = first.checked_shl(common).unwrap_or(0) == 0;
        if shift > 0 && (elements < 2 || !aligned) {
            let netmask = 32 - shift;
            return Err(Refusal::new(format!(
                "the range {range} has to begin with the network of a shorter prefix than \
                 netmask {netmask} which has all of it"
            )));
        }
        Ok(())
    }

    /// Writes the attributes of the request's `DATA` nest.
    pub(crate) fn write(&self, writer: &mut Writer<impl Buffer>) {
        match self.range {
            Some(SetRange::Addresses(range)) => {
                writer.raw(&ipv4_nest(data::IP, range.first()));
                writer.raw(&ipv4_nest(data::IP_TO, range.last()));
            }
            Some(SetRange::Ports(range)) => {
                writer.u16_net(data::PORT, range.first());
                writer.u16_net(data::PORT_TO, range.last());
            }
            None => {}
        }
        let u32_net = [
            (create::HASHSIZE, self.hashsize),
            (create::MAXELEM, self.maxelem),
            (create::INITVAL, self.initval),
            (create::MARKMASK, self.markmask),
            (create::SIZE, self.size),
            (data::TIMEOUT, self.timeout.and_then(|it| seconds(it).ok())),
        ];
        for (kind, value) in u32_net {
            if let Some(value) = value {
                writer.u32_net(kind, value);
            }
        }
        if let Some(netmask) = self.netmask {
            writer.u8(create::NETMASK, netmask);
        }
        if let Some(bucketsize) = self.bucketsize {
            writer.u8(create::BUCKETSIZE, bucketsize);
        }
        match self.bitmask {
            Some(IpAddr::V4(mask)) => writer.raw(&ipv4_nest(create::BITMASK, mask)),
            Some(IpAddr::V6(mask)) => writer.raw(&ipv6_nest(create::BITMASK, mask)),
            None => {}
        }
        let flags = self.flags();
        if flags != 0 {
            writer.u32_net(data::CADT_FLAGS, flags);
        }
    }

    /// Returns true if an option is set that decides how entries are spread over buckets.
    pub(crate) fn spreads(&self) -> bool {
        self.bucketsize.is_some() || self.initval.is_some()
    }

    fn flags(&self) -> u32 {
        [
            (self.counters, cadt_flag::WITH_COUNTERS),
            (self.comment, cadt_flag::WITH_COMMENT),
            (self.forceadd, cadt_flag::WITH_FORCEADD),
            (self.skbinfo, cadt_flag::WITH_SKBINFO),
        ]
        .into_iter()
        .filter_map(|(given, flag)| given.then_some(flag))
        .sum()
    }

    /// Returns the first difference to the options of another set of the same type, such as
    /// `maxelem 1000 instead of 65536`.
    ///
    /// Ignores hashsize, bucketsize and initval, which only decide how the entries are spread over
    /// buckets.
    pub(crate) fn difference(&self, there: &Self, definition: &Definition) -> Option<String> {
        fn one<V: fmt::Display + PartialEq>(
            name: &str,
            there: &Option<V>,
            wanted: &Option<V>,
        ) -> Option<String> {
            match (there, wanted) {
                (Some(there), Some(wanted)) if there != wanted => {
                    Some(format!("{name} {there} instead of {wanted}"))
                }
                (Some(there), None) => Some(format!("{name} {there} instead of none")),
                (None, Some(wanted)) => Some(format!("no {name} instead of {wanted}")),
                _ => None,
            }
        }
        let flag = |name, there, wanted| match (there, wanted) {
            (true, false) => Some(format!("{name} instead of none")),
            (false, true) => Some(format!("no {name}")),
            _ => None,
        };
        let hash = definition.options.contains(Takes::HASH);
        let maxelem = |it: &Self| hash.then_some(it.maxelem.unwrap_or(DEFAULT_MAXELEM));
        let size = |it: &Self| {
            let list = definition.options.contains(Takes::SIZE);
            list.then_some(it.size.unwrap_or(8))
        };
        let family = |it: &Self| Some(it.family);
        let secs = |it: &Self| it.timeout.map(|it| it.as_secs());
        one("family", &family(there), &family(self))
            .or_else(|| one("range", &there.range, &self.range))
            .or_else(|| one("maxelem", &maxelem(there), &maxelem(self)))
            .or_else(|| one("size", &size(there), &size(self)))
            .or_else(|| {
                let differ = there.mask() != self.mask();
                differ.then(|| format!("{} instead of {}", there.mask_text(), self.mask_text()))
            })
            .or_else(|| {
                let mask = |it: &Self| it.markmask.filter(|mask| *mask != u32::MAX);
                one("markmask", &mask(there), &mask(self))
            })
            .or_else(|| one("timeout", &secs(there), &secs(self)))
            .or_else(|| flag("counters", there.counters, self.counters))
            .or_else(|| flag("comments", there.comment, self.comment))
            .or_else(|| flag("skbinfo", there.skbinfo, self.skbinfo))
            .or_else(|| flag("forceadd", there.forceadd, self.forceadd))
    }

    /// Returns the mask that netmask or bitmask stands for, or `None` if it keeps all bits.
    ///
    /// The kernel treats a netmask like the bitmask with the same bits.
    pub(crate) fn mask(&self) -> Option<IpAddr> {
        let netmask = self.netmask.map(|netmask| match self.family {
            Family::Ipv4 => {
                let rest = 32u32.saturating_sub(netmask.into());
                Ipv4Addr::from_bits(u32::MAX.checked_shl(rest).unwrap_or(0)).into()
            }
            Family::Ipv6 => {
                let rest = 128u32.saturating_sub(netmask.into());
                Ipv6Addr::from_bits(u128::MAX.checked_shl(rest).unwrap_or(0)).into()
            }
        });
        netmask.or(self.bitmask).filter(|mask| match mask {
            IpAddr::V4(mask) => mask.to_bits() != u32::MAX,
            IpAddr::V6(mask) => mask.to_bits() != u128::MAX,
        })
    }

    /// Returns the text of the option that [`CreateOptions::mask`] comes from.
    fn mask_text(&self) -> String {
        match (self.mask(), self.netmask, self.bitmask) {
            (Some(_), Some(netmask), _) => format!("netmask {netmask}"),
            (Some(_), None, Some(bitmask)) => format!("bitmask {bitmask}"),
            _ => "no mask".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipset::{AnySet, AnyType, SetType};

    /// Returns true if a bitmap takes a range of addresses, with a netmask.
    fn takes(first: [u8; 4], last: [u8; 4], netmask: Option<u8>) -> bool {
        let options = CreateOptions {
            netmask,
            ..CreateOptions::default()
        };
        let range = Ipv4Range::new(first.into(), last.into());
        options.check_addresses(&range).is_ok()
    }

    #[test]
    fn a_bitmap_takes_a_range_of_so_many_addresses_or_whole_networks() {
        assert!(takes([10, 0, 0, 0], [10, 0, 255, 255], None));
        assert!(!takes([10, 0, 0, 0], [10, 1, 0, 0], None));
        assert!(takes([10, 0, 0, 3], [10, 0, 0, 3], None));
        // Networks are counted, and have to be whole.
        assert!(takes([10, 0, 0, 0], [10, 255, 255, 255], Some(24)));
        assert!(!takes([10, 0, 0, 0], [10, 255, 255, 255], Some(25)));
        assert!(!takes([10, 0, 0, 1], [10, 0, 1, 255], Some(24)));
        assert!(!takes([10, 0, 0, 0], [10, 0, 1, 254], Some(24)));
        // A network with a shorter prefix begins with the range and has all of it.
        assert!(!takes([10, 0, 0, 0], [10, 0, 0, 255], Some(24)));
        assert!(takes([10, 0, 0, 0], [10, 0, 1, 255], Some(24)));
        assert!(takes([10, 0, 0, 0], [10, 0, 2, 255], Some(24)));
        assert!(!takes([10, 0, 1, 0], [10, 0, 2, 255], Some(24)));
    }

    #[test]
    fn a_markmask_of_zero_is_refused() {
        let masked = |markmask| CreateOptions {
            markmask: Some(markmask),
            ..CreateOptions::default()
        };
        masked(1).check_masks().unwrap();
        assert!(masked(0).check_masks().is_err());
    }

    /// Returns the difference between two sets, which are given as in `ipset create`.
    fn difference(wanted: &str, there: &str) -> Option<String> {
        let [wanted, there] = [wanted, there].map(|it| it.parse::<AnySet>().unwrap());
        let definition = AnyType::definition(wanted.kind());
        wanted.options().difference(there.options(), definition)
    }

    #[test]
    fn each_option_that_differs_is_named() {
        for (wanted, there, difference_) in [
            ("s list:set size 9", "s list:set", "size 8 instead of 9"),
            ("s list:set", "s list:set size 7", "size 7 instead of 8"),
            (
                "s hash:ip,mark",
                "s hash:ip,mark markmask 0xff",
                "markmask 255 instead of none",
            ),
            (
                "s hash:ip,mark markmask 0xff",
                "s hash:ip,mark",
                "no markmask instead of 255",
            ),
            (
                "s hash:ip maxelem 9",
                "s hash:ip",
                "maxelem 65536 instead of 9",
            ),
            (
                "s hash:ip",
                "s hash:ip family inet6",
                "family IPv6 instead of IPv4",
            ),
            (
                "s hash:ip timeout 5",
                "s hash:ip timeout 6",
                "timeout 6 instead of 5",
            ),
            ("s hash:ip counters", "s hash:ip", "no counters"),
            ("s hash:ip", "s hash:ip comment", "comments instead of none"),
            ("s hash:ip skbinfo", "s hash:ip", "no skbinfo"),
            (
                "s hash:ip",
                "s hash:ip forceadd",
                "forceadd instead of none",
            ),
            (
                "s bitmap:port range 1-5",
                "s bitmap:port range 1-6",
                "range 1-6 instead of 1-5",
            ),
        ] {
            assert_eq!(
                difference(wanted, there).as_deref(),
                Some(difference_),
                "{wanted}"
            );
            assert_eq!(difference(wanted, wanted), None);
        }
        let all = "s hash:ip,mark markmask 0xffffffff";
        assert_eq!(difference(all, "s hash:ip,mark"), None);
        // The kernel chooses these.
        assert_eq!(
            difference("s hash:ip hashsize 64", "s hash:ip initval 5"),
            None
        );
    }

    #[test]
    fn options_that_a_type_does_not_take_are_refused() {
        let refused = |set: &str, change: fn(&mut CreateOptions)| {
            let mut set: AnySet = set.parse().unwrap();
            change(set.options_mut());
            let definition = AnyType::definition(set.kind());
            let checked = set.options().check(definition);
            checked.expect_err(definition.name).0
        };
        let all_v6 = |it: &mut CreateOptions| it.family = Family::Ipv6;
        for (set, change, why) in [
            (
                "s bitmap:ip range 10.0.0.0/24",
                all_v6 as fn(&mut CreateOptions),
                "bitmap:ip has only IPv4 addresses",
            ),
            ("s hash:mac", all_v6, "hash:mac has no family"),
            (
                "s hash:ip netmask 24",
                |it| it.bitmask = Some([255, 0, 0, 255].into()),
                "netmask and bitmask exclude each other",
            ),
            (
                "s hash:ip",
                |it| it.bitmask = Some([0, 0, 0, 0].into()),
                "the bitmask is zero",
            ),
            (
                "s hash:ip",
                |it| it.netmask = Some(33),
                "netmask 33 is not between 1 and 32",
            ),
            (
                "s hash:ip",
                |it| it.bucketsize = Some(14),
                "bucketsize 14 is not an even number between 2 and 12",
            ),
            (
                "s hash:ip",
                |it| it.hashsize = Some(0),
                "hashsize 0 is not between 1 and 2147483648",
            ),
            (
                "s list:set",
                |it| it.size = Some(3),
                "size 3 is less than 4",
            ),
            (
                "s list:set",
                |it| it.maxelem = Some(9),
                "list:set has no maxelem",
            ),
            (
                "s bitmap:port range 1-5",
                |it| it.range = None,
                "bitmap:port needs a range",
            ),
        ] {
            assert_eq!(refused(set, change), why);
        }
    }

    #[test]
    fn a_netmask_is_the_bitmask_of_the_same_bits() {
        let [mask, all] = ["netmask 24", "netmask 32"].map(|it| format!("s hash:ip {it}"));
        assert_eq!(difference(&mask, "s hash:ip bitmask 255.255.255.0"), None);
        assert_eq!(difference("s hash:ip bitmask 255.255.255.0", &mask), None);
        assert_eq!(difference(&all, "s hash:ip"), None);
        assert_eq!(difference("s hash:ip bitmask 255.255.255.255", &all), None);
        let six = |option: &str| format!("s hash:ip family inet6 {option}");
        let ones = six("bitmask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        assert_eq!(difference(&ones, &six("")), None);
        assert_eq!(
            difference(&six("netmask 64"), &six("bitmask ffff:ffff:ffff:ffff::")),
            None
        );
        assert_eq!(
            difference(&mask, "s hash:ip bitmask 255.255.0.0").as_deref(),
            Some("bitmask 255.255.0.0 instead of netmask 24")
        );
        assert_eq!(
            difference("s hash:ip", &mask).as_deref(),
            Some("netmask 24 instead of no mask")
        );
    }

    #[test]
    fn a_bucketsize_is_even() {
        let of = |bucketsize| CreateOptions {
            bucketsize: Some(bucketsize),
            ..CreateOptions::default()
        };
        for (size, is_taken) in [(0, false), (2, true), (3, false), (12, true), (14, false)] {
            assert_eq!(of(size).check_hash().is_ok(), is_taken, "{size}");
        }
    }

    #[test]
    fn a_type_takes_its_own_kind_of_range() {
        let ports = SetRange::Ports(PortRange::new(1, 9));
        let addresses = Ipv4Range::new([10, 0, 0, 0].into(), [10, 0, 0, 9].into()).into();
        let check = |kind: &str, range| {
            let definition = Definition::named(kind).unwrap();
            let options = CreateOptions {
                range: Some(range),
                ..CreateOptions::default()
            };
            options.check_range(definition).is_ok()
        };
        for (kind, takes_addresses, takes_ports) in [
            ("bitmap:ip", true, false),
            ("bitmap:ip,mac", true, false),
            ("bitmap:port", false, true),
            ("hash:ip", false, false),
        ] {
            assert_eq!(check(kind, addresses), takes_addresses, "{kind}");
            assert_eq!(check(kind, ports), takes_ports, "{kind}");
        }
    }

    #[test]
    fn a_refused_range_of_networks_says_their_length() {
        for last in [[10, 0, 1, 254], [10, 0, 0, 255]] {
            let options = CreateOptions {
                netmask: Some(24),
                ..CreateOptions::default()
            };
            let range = Ipv4Range::new([10, 0, 0, 0].into(), last.into());
            let why = options.check_addresses(&range).unwrap_err().0;
            assert!(why.contains(" 24"), "{why}");
        }
    }
}
