//! The types of set, each in a file of its own, and what a type's definition says.
//!
//! To add one: a file with its `set_type!`, and its line in `types!` below.

mod any;

use bitflags::bitflags;

pub use any::AnyType;

use super::element::Dimension;
use super::value::Elements;
use crate::ipset::{CreateOptions, Family};

/// What is true of a type of set. Typed and untyped sets and entries are checked, written and
/// read by it.
#[derive(Debug)]
pub struct Definition {
    pub(crate) name: &'static str,
    /// Older names that the tool still takes.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) families: Families,
    /// The highest revision that this crate knows.
    pub(crate) revision: u8,
    /// The revisions that brought what sets and entries can have.
    pub(crate) since: Since,
    /// The revision that brought `bucketsize` and `initval`.
    pub(crate) bucketsize_since: u8,
    /// The revision that brought `bitmask`, and `netmask` where the type had none before.
    pub(crate) bitmask_since: u8,
    /// What an entry is made of.
    pub(crate) dimensions: &'static [Dimension],
    pub(crate) options: Takes,
    /// Entries can be exceptions.
    pub(crate) nomatch: bool,
}

/// The revisions of a type that brought something. The kernel does not look at them, but by a
/// set's revision the tool knows what its entries can have: it saves nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since {
    /// All that an entry without options can be.
    pub(crate) entries: u8,
    pub(crate) counters: u8,
    pub(crate) comment: u8,
    pub(crate) forceadd: u8,
    pub(crate) skbinfo: u8,
}

impl Since {
    /// Of a type that came with counters and comments.
    pub(crate) const NEWER: Self = Self {
        entries: 0,
        counters: 0,
        comment: 0,
        forceadd: 1,
        skbinfo: 2,
    };

    /// Of a type whose entries were complete with a revision, and which got the others one by one.
    pub(crate) const fn after(entries: u8) -> Self {
        Self {
            entries,
            counters: entries + 1,
            comment: entries + 2,
            forceadd: entries + 3,
            skbinfo: entries + 4,
        }
    }
}

/// The address families that sets of a type can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Families {
    /// IPv4 or IPv6.
    Both,
    /// Only IPv4.
    Inet,
    /// None: entries have no addresses, or need not say of which family they are.
    Unspecified,
}

impl Families {
    /// One that every kernel which has the type has for it.
    pub(crate) fn first(self) -> Option<Family> {
        match self {
            Self::Both | Self::Inet => Some(Family::Inet),
            Self::Unspecified => None,
        }
    }
}

bitflags! {
    /// The create options that a type takes beside timeout, counters, comment and skbinfo.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Takes: u16 {
        /// hashsize, maxelem, bucketsize, initval, forceadd
        const HASH = 1;
        const NETMASK = 2;
        /// netmask came with bitmask only.
        const NETMASK_LATE = 4;
        const BITMASK = 8;
        const MARKMASK = 16;
        const ADDRESS_RANGE = 32;
        const PORT_RANGE = 64;
        const SIZE = 128;
    }
}

mod sealed {
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// A type of set: one of the markers such as [`HashIp`], or [`AnyType`].
pub trait SetType: Sealed + Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// What its entries are made of.
    #[allow(private_bounds)]
    type Value: Elements + Clone + PartialEq + Eq + Ord + std::fmt::Debug + Send + Sync + 'static;

    #[doc(hidden)]
    fn definition(&self) -> &'static Definition;
}

macro_rules! kinds {
    ($($(#[$docs:meta])* $name:ident),* $(,)?) => {$(
        $(#[$docs])*
        pub trait $name: SetType {}
        impl $name for AnyType {}
    )*};
}

kinds! {
    /// Types whose sets have a family: IPv4 or IPv6.
    FamilyType,
    /// Types that hash their entries.
    HashType,
    /// Types that can mask addresses with a prefix length.
    NetmaskType,
    /// Types that can mask addresses with any mask.
    BitmaskType,
    /// Types that can mask marks.
    MarkmaskType,
    /// Types that have a size.
    SizeType,
    /// Types whose entries can be exceptions.
    NoMatchType,
}

/// Types that have a range in which all their entries lie.
pub trait RangeType: SetType {
    /// A range of addresses or ports.
    type Range: Into<crate::ipset::SetRange>;
}

impl RangeType for AnyType {
    type Range = crate::ipset::SetRange;
}

/// Defines a type of set: its marker, its [`Definition`], the options its builder has.
macro_rules! set_type {
    (
        $(#[$docs:meta])*
        $marker:ident($($value:tt)*), $name:literal, $aliases:expr,
        $definition:expr
        $(, is $($kind:ident)|+)?
        $(, range $range:ty)?
    ) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $marker;

        // A constant, not a static: the crate that uses the type sees what is in it and leaves
        // out what the type does not need.
        pub(in crate::ipset) const DEFINITION: &$crate::ipset::model::types::Definition =
            &$crate::ipset::model::types::Definition {
                name: $name,
                aliases: &$aliases,
                ..$definition
            };

        impl $crate::ipset::model::types::Sealed for $marker {}

        impl $crate::ipset::model::types::SetType for $marker {
            type Value = $($value)*;

            #[inline(always)]
            fn definition(&self) -> &'static $crate::ipset::model::types::Definition {
                DEFINITION
            }
        }

        #[cfg(feature = "serde")]
        $crate::serde::as_type_name!($marker);

        $($(impl $crate::ipset::model::types::$kind for $marker {})+)?
        $(impl $crate::ipset::model::types::RangeType for $marker {
            type Range = $range;
        })?
    };
}
macro_rules! types {
    ($($module:ident $marker:ident),* $(,)?) => {
        $(mod $module;)*
        $(pub use $module::$marker;)*

        /// Every type that this crate knows.
        pub(crate) static ALL: &[&Definition] = &[$($module::DEFINITION),*];
    };
}

types! {
    bitmap_ip BitmapIp,
    bitmap_ip_mac BitmapIpMac,
    bitmap_port BitmapPort,
    hash_ip HashIp,
    hash_ip_mac HashIpMac,
    hash_ip_mark HashIpMark,
    hash_ip_port HashIpPort,
    hash_ip_port_ip HashIpPortIp,
    hash_ip_port_net HashIpPortNet,
    hash_mac HashMac,
    hash_net HashNet,
    hash_net_iface HashNetIface,
    hash_net_net HashNetNet,
    hash_net_port HashNetPort,
    hash_net_port_net HashNetPortNet,
    list_set ListSet,
}

impl Definition {
    /// What most hash types have in common.
    const HASH: Self = Self {
        name: "",
        aliases: &[],
        families: Families::Both,
        revision: 0,
        since: Since::NEWER,
        bucketsize_since: 0,
        bitmask_since: 0,
        dimensions: &[],
        options: Takes::HASH,
        nomatch: false,
    };

    /// What the bitmap types and the list have in common.
    const OTHER: Self = Self {
        revision: 3,
        since: Since {
            skbinfo: 3,
            ..Since::after(0)
        },
        options: Takes::empty(),
        ..Self::HASH
    };

    /// The lowest revision that can express the options of a set, and all its entries.
    pub(crate) fn lowest_revision(&self, options: &CreateOptions) -> u8 {
        let Since {
            entries,
            counters,
            comment,
            forceadd,
            skbinfo,
        } = self.since;
        let late_netmask = self.options.contains(Takes::NETMASK_LATE);
        [
            (true, entries),
            (options.counters, counters),
            (options.comment, comment),
            (options.forceadd, forceadd),
            (options.skbinfo, skbinfo),
            (options.spreads(), self.bucketsize_since),
            (options.bitmask.is_some(), self.bitmask_since),
            (
                options.netmask.is_some() && late_netmask,
                self.bitmask_since,
            ),
        ]
        .into_iter()
        .filter_map(|(given, since)| given.then_some(since))
        .fold(0, u8::max)
    }

    /// Whether entries have an interface.
    pub(crate) fn has_interface(&self) -> bool {
        let interface = |it: &Dimension| matches!(it, Dimension::Interface);
        self.dimensions.iter().any(interface)
    }

    /// Whether entries are sets.
    pub(crate) fn has_members(&self) -> bool {
        let member = |it: &Dimension| matches!(it, Dimension::Member);
        self.dimensions.iter().any(member)
    }

    /// The kernel module that brings the type: `ip_set_hash_ipport` for `hash:ip,port`.
    pub(crate) fn module(&self) -> String {
        let (method, elements) = self.name.split_once(':').unwrap_or((self.name, ""));
        format!("ip_set_{method}_{}", elements.replace(',', ""))
    }

    /// The type of this name or older name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter()
            .find(|it| it.name == name || it.aliases.contains(&name))
            .copied()
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Definition {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_sixteen_types_with_names_of_their_own() {
        let mut names: Vec<_> = ALL
            .iter()
            .flat_map(|it| it.aliases.iter().chain([&it.name]))
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!((ALL.len(), names.len()), (16, count));
        assert_eq!(Definition::named("iphash").unwrap().name, "hash:ip");
        assert!(Definition::named("hash:ip,ip").is_none());
    }

    #[test]
    fn modules_are_named_after_their_types() {
        let module = |name| Definition::named(name).unwrap().module();
        assert_eq!(module("hash:net,port,net"), "ip_set_hash_netportnet");
        assert_eq!(module("bitmap:ip,mac"), "ip_set_bitmap_ipmac");
        assert_eq!(module("list:set"), "ip_set_list_set");
    }

    #[test]
    fn a_name_says_what_the_entries_are() {
        for definition in ALL {
            let (_, parts) = definition.name.split_once(':').unwrap();
            assert_eq!(
                parts.split(',').count(),
                definition.dimensions.len(),
                "{}",
                definition.name
            );
        }
    }
}
