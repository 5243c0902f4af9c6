//! The set types, each in its own file, and the definition that each type has.
//!
//! To add a type, write a file with its `set_type!` and add a line to `types!` below.

mod any;

use std::hash::Hash;

use bitflags::bitflags;

pub use any::AnyType;

use super::element::Dimension;
use super::value::Elements;
use crate::Family;
use crate::ipset::CreateOptions;

/// The properties of a set type. Typed and untyped sets and entries are checked, written and read
/// according to them.
#[derive(Debug)]
pub struct Definition {
    pub(crate) name: &'static str,
    /// The older names that the `ipset` tool still accepts.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) families: Families,
    /// The highest revision that this crate knows.
    pub(crate) revision: u8,
    /// The revisions that introduced entries and extensions.
    pub(crate) since: Since,
    /// The revision that introduced `bucketsize` and `initval`.
    pub(crate) bucketsize_since: u8,
    /// The revision that introduced `bitmask`, and `netmask` for a type that did not have it
    /// before.
    pub(crate) bitmask_since: u8,
    /// The elements of an entry.
    pub(crate) dimensions: &'static [Dimension],
    pub(crate) options: Takes,
    /// Whether entries can be exceptions.
    pub(crate) nomatch: bool,
}

/// The revisions of a type that introduced its features. The kernel ignores them. The `ipset` tool
/// derives from a set's revision what its entries can have, and saves nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since {
    /// Everything that an entry without options can be.
    pub(crate) entries: u8,
    pub(crate) counters: u8,
    pub(crate) comment: u8,
    pub(crate) forceadd: u8,
    pub(crate) skbinfo: u8,
}

impl Since {
    /// The revisions of a type that had counters and comments from the start.
    pub(crate) const NEWER: Self = Self {
        entries: 0,
        counters: 0,
        comment: 0,
        forceadd: 1,
        skbinfo: 2,
    };

    /// The revisions of a type whose entries were complete in revision `entries`, and which got the
    /// other features one by one.
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
    /// IPv4 only.
    Ipv4,
    /// None: entries have no addresses, or do not need to state their family.
    Unspecified,
}

impl Families {
    /// Returns a family that every kernel with this type supports for it.
    pub(crate) fn first(self) -> Option<Family> {
        match self {
            Self::Both | Self::Ipv4 => Some(Family::Ipv4),
            Self::Unspecified => None,
        }
    }
}

bitflags! {
    /// The create options that a type takes, apart from timeout, counters, comment and skbinfo.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Takes: u16 {
        /// hashsize, maxelem, bucketsize, initval and forceadd.
        const HASH = 1;
        const NETMASK = 2;
        /// netmask, if the type got it together with bitmask (Linux 6.2).
        const NETMASK_LATE = 4;
        const BITMASK = 8;
        const MARKMASK = 16;
        const ADDRESS_RANGE = 32;
        const PORT_RANGE = 64;
        const SIZE = 128;
        /// A range of either kind, which every bitmap has.
        const RANGE = Self::ADDRESS_RANGE.bits() | Self::PORT_RANGE.bits();
    }
}

mod sealed {
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// A set type: one of the markers such as [`HashIp`], or [`AnyType`].
///
/// This trait is sealed: only this crate implements it.
pub trait SetType: Sealed + Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// The elements of an entry: one element, or a tuple of two or three.
    #[allow(private_bounds)]
    type Value: Elements + Clone + Eq + Hash + Ord + std::fmt::Debug + Send + Sync + 'static;

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
    /// Set types whose sets have an address family, IPv4 or IPv6.
    FamilyType,
    /// Set types that keep their entries in a hash table.
    HashType,
    /// Set types that can mask addresses with a prefix length.
    NetmaskType,
    /// Set types that can mask addresses with any mask.
    BitmaskType,
    /// Set types that can mask packet marks.
    MarkmaskType,
    /// Set types that have a size.
    SizeType,
    /// Set types whose entries can be exceptions.
    NoMatchType,
}

/// Set types that have a range, which contains all their entries.
pub trait RangeType: SetType {
    /// The kind of range: addresses or ports.
    type Range: Into<crate::ipset::SetRange>;
}

impl RangeType for AnyType {
    type Range = crate::ipset::SetRange;
}

/// Defines a set type: its marker, its [`Definition`], and the options that its builder has.
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

        // A constant, not a static: the compiler of a crate that uses the type knows its value, and
        // leaves out the code that the type does not need.
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

        /// All set types that this crate knows.
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
    /// The properties that most hash types have in common.
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

    /// The properties that the bitmap types and the list have in common.
    const OTHER: Self = Self {
        revision: 3,
        since: Since {
            skbinfo: 3,
            ..Since::after(0)
        },
        options: Takes::empty(),
        ..Self::HASH
    };

    /// Returns the lowest revision that can express these options of a set and all its entries.
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

    /// Returns true if the kernel fills in an element of an entry.
    pub(crate) fn fills_in(&self) -> bool {
        !self.dimensions.iter().all(Dimension::identifies)
    }

    /// Returns true if entries have an interface.
    pub(crate) fn has_interface(&self) -> bool {
        let interface = |it: &Dimension| matches!(it, Dimension::Interface);
        self.dimensions.iter().any(interface)
    }

    /// Returns true if requests for some entries cannot be told from those for others, or depend on
    /// their order: interfaces with a wildcard, and members of a list.
    pub(crate) fn is_fickle(&self) -> bool {
        self.has_interface() || self.has_members()
    }

    /// Returns true if entries are sets.
    pub(crate) fn has_members(&self) -> bool {
        let member = |it: &Dimension| matches!(it, Dimension::Member);
        self.dimensions.iter().any(member)
    }

    /// Returns the name of the kernel module that provides the type: `ip_set_hash_ipport` for
    /// `hash:ip,port`.
    pub(crate) fn module(&self) -> String {
        let (method, elements) = self.name.split_once(':').unwrap_or((self.name, ""));
        format!("ip_set_{method}_{}", elements.replace(',', ""))
    }

    /// Returns the type that has this name or older name.
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

    #[test]
    fn a_late_option_needs_a_later_revision() {
        let lowest = |kind: &str, options: &CreateOptions| {
            Definition::named(kind).unwrap().lowest_revision(options)
        };
        let none = CreateOptions::default();
        let netmask = CreateOptions {
            netmask: Some(24),
            ..CreateOptions::default()
        };
        for (kind, without, with) in [("hash:ip", 0, 0), ("hash:net,net", 0, 4)] {
            assert_eq!(lowest(kind, &none), without, "{kind}");
            assert_eq!(lowest(kind, &netmask), with, "{kind}");
        }
    }
}
