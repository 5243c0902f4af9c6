use std::fmt;
use std::net::IpAddr;

use super::options::number;
use super::types::{Definition, Families};
use crate::ipset::message::encode::Purpose;
use crate::ipset::{
    AnyType, BitmaskType, CreateOptions, Entry, Family, FamilyType, HashType, MarkmaskType,
    NetmaskType, RangeType, SetName, SetType, SizeType, ToSetName,
};
use crate::wire::Writer;
use crate::{Error, Result};

/// A set of type `T`: its name, and how it is created. Making one asks no kernel for anything;
/// [`IpSets`](crate::ipset::IpSets) does.
///
/// ```
/// use ipvset::ipset::{HashNetPort, IpSet};
///
/// let allowed = IpSet::<HashNetPort>::new("allowed")?
///     .inet6()
///     .maxelem(1_000_000)
///     .hashsize(1 << 18)
///     .timeout(3600)
///     .counters();
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// This is a description. For a set that somebody else created, let the kernel describe it:
/// [`IpSets::get`](crate::ipset::IpSets::get) gives it with the family and the options that it has.
/// If you describe it with `new` yourself, give it the same family and the same
/// [`counters`](IpSet::counters): entries are written as the description says, and those of the
/// other family are refused.
#[derive(Clone, PartialEq)]
pub struct IpSet<T: SetType> {
    name: SetName,
    kind: T,
    options: CreateOptions,
}

/// A set whose type is only known at run time.
pub type AnySet = IpSet<AnyType>;

/// An entry of an [`AnySet`].
pub type AnyEntry = Entry<AnyType>;

impl<T: SetType + Default> IpSet<T> {
    /// Describes a set of this name, with the kernel's defaults and for IPv4 addresses. For a set
    /// that exists, [`IpSets::get`](crate::ipset::IpSets::get) is safer.
    ///
    /// # Errors
    /// `InvalidInput` for a string that is no [`SetName`].
    pub fn new(name: impl ToSetName) -> Result<Self> {
        Ok(Self::from_parts(
            name.set_name()?,
            T::default(),
            CreateOptions::default(),
        ))
    }
}

impl AnySet {
    /// A set of a type that is only known at run time.
    ///
    /// # Errors
    /// `InvalidInput` for a string that is no [`SetName`].
    pub fn untyped(name: impl ToSetName, kind: AnyType) -> Result<Self> {
        Ok(Self::from_parts(
            name.set_name()?,
            kind,
            CreateOptions::default(),
        ))
    }

    /// As a set of type `T`, if that is its type.
    pub fn typed<T: SetType + Default>(&self) -> Option<IpSet<T>> {
        let kind = T::default();
        (AnyType::of(&kind) == self.kind).then(|| IpSet {
            name: self.name,
            kind,
            options: self.options.clone(),
        })
    }
}

impl<T: SetType> IpSet<T> {
    pub(crate) fn from_parts(name: SetName, kind: T, options: CreateOptions) -> Self {
        Self {
            name,
            kind,
            options,
        }
    }

    /// The name.
    pub fn name(&self) -> &SetName {
        &self.name
    }

    /// The type's name, such as `hash:ip,port`.
    pub fn type_name(&self) -> &'static str {
        self.definition().name
    }

    /// The type.
    pub fn kind(&self) -> &T {
        &self.kind
    }

    #[inline(always)]
    pub(crate) fn definition(&self) -> &'static Definition {
        self.kind.definition()
    }

    /// How it is created.
    pub fn options(&self) -> &CreateOptions {
        &self.options
    }

    /// How it is created, to be changed.
    pub fn options_mut(&mut self) -> &mut CreateOptions {
        &mut self.options
    }

    /// The same set under another name.
    ///
    /// # Errors
    /// `InvalidInput` for a string that is no [`SetName`].
    pub fn with_name(&self, name: impl ToSetName) -> Result<Self> {
        Ok(Self {
            name: name.set_name()?,
            ..self.clone()
        })
    }

    /// The same set, its type known at run time only.
    pub fn untype(&self) -> AnySet {
        IpSet::from_parts(self.name, AnyType::of(&self.kind), self.options.clone())
    }

    /// Entries can have a timeout: after so many seconds, at most
    /// [`MAX_TIMEOUT`](crate::ipset::MAX_TIMEOUT),
    /// they vanish. 0: those that have none of their own stay.
    #[must_use]
    pub fn timeout(mut self, seconds: u32) -> Self {
        self.options.timeout = Some(seconds);
        self
    }

    /// Entries count the packets and bytes that match them. They start at zero, and go on when an
    /// entry is added again with [`put`](crate::ipset::IpSets::put).
    ///
    /// The kernel lets a new entry go on with the counters of a dead one, so this crate sends
    /// zeros for a new entry, if it knows that the set has counters.
    #[must_use]
    pub fn counters(mut self) -> Self {
        self.options.counters = true;
        self
    }

    /// Entries can have comments.
    #[must_use]
    pub fn comments(mut self) -> Self {
        self.options.comment = true;
        self
    }

    /// Entries can have metadata that rules copy to packets: mark, priority, queue.
    #[must_use]
    pub fn skbinfo(mut self) -> Self {
        self.options.skbinfo = true;
        self
    }

    /// Checks the options without asking the kernel.
    ///
    /// # Errors
    /// `InvalidInput` says which option the type does not take, or which value is beyond its
    /// limit.
    pub fn validate(&self) -> Result<()> {
        self.options
            .check(self.definition())
            .map_err(|refusal| Error::refused("create set", refusal.0).object(self.name()))
    }

    /// The lowest revision of the type that can express the set's options and all its entries.
    /// [`IpSets::create`](crate::ipset::IpSets::create) takes it, or the nearest that the kernel has.
    pub fn lowest_revision(&self) -> u8 {
        self.definition().lowest_revision(&self.options)
    }

    /// Checks an entry without asking the kernel, which answers "not in the set" when it is
    /// asked to test one that no set of this type can have.
    ///
    /// # Errors
    /// `InvalidInput` says what the type of set does not take.
    pub fn validate_entry(&self, entry: impl Into<Entry<T>>) -> Result<()> {
        let entry = entry.into();
        entry
            .write(self, Purpose::Add, &mut Writer::default())
            .map_err(|refusal| {
                Error::refused("add entry", refusal.0).object(entry.in_set(&self.name))
            })
    }

    /// The family of the addresses, whatever the options say where the type has only one.
    #[inline]
    pub(crate) fn family(&self) -> Family {
        match self.definition().families {
            Families::Both => self.options.family,
            Families::Inet | Families::Unspecified => Family::Inet,
        }
    }

    /// The family as the kernel numbers it.
    pub(crate) fn family_number(&self) -> u8 {
        let families = self.definition().families;
        number::of(families.first().map(|_| self.family()))
    }
}

impl<T: FamilyType> IpSet<T> {
    /// The family of the addresses; IPv4 if nothing is said. Entries of the other family are
    /// refused.
    #[must_use]
    pub fn with_family(mut self, family: Family) -> Self {
        self.options.family = family;
        self
    }

    /// For IPv6 addresses.
    #[must_use]
    pub fn inet6(self) -> Self {
        self.with_family(Family::Inet6)
    }
}

impl<T: HashType> IpSet<T> {
    /// How many buckets the hash table has at first; the kernel rounds it up to a power of two
    /// that is 64 or more, and doubles it when buckets overflow. Near the number of entries
    /// is best: a million entries are added in half the time of the default, 1024.
    #[must_use]
    pub fn hashsize(mut self, buckets: u32) -> Self {
        self.options.hashsize = Some(buckets);
        self
    }

    /// The most entries that the set takes: 65,536 if nothing is said. A table of more than
    /// 1024 buckets is counted in parts (ip_set_hash_gen.h), so that some entries more may get in.
    #[must_use]
    pub fn maxelem(mut self, entries: u32) -> Self {
        self.options.maxelem = Some(entries);
        self
    }

    /// The most entries in a bucket before the table grows: an even number from 2 to 12, which
    /// is the default (Linux 5.11 or later).
    #[must_use]
    pub fn bucketsize(mut self, entries: u8) -> Self {
        self.options.bucketsize = Some(entries);
        self
    }

    /// The hash function's start value, so that the entries of two sets lie in the same order
    /// (Linux 5.11 or later).
    #[must_use]
    pub fn initval(mut self, initval: u32) -> Self {
        self.options.initval = Some(initval);
        self
    }

    /// A full set makes room for a new entry by forgetting others of its bucket; if that is
    /// empty, the set is full nonetheless.
    #[must_use]
    pub fn forceadd(mut self) -> Self {
        self.options.forceadd = true;
        self
    }
}

impl<T: NetmaskType> IpSet<T> {
    /// Addresses are cut to networks of this prefix length (`hash:ip,port` and `hash:net,net`:
    /// Linux 6.2 or later).
    #[must_use]
    pub fn netmask(mut self, prefix: u8) -> Self {
        self.options.netmask = Some(prefix);
        self
    }
}

impl<T: BitmaskType> IpSet<T> {
    /// Addresses are masked with any bits, not only leading ones (Linux 6.2 or later).
    #[must_use]
    pub fn bitmask(mut self, mask: impl Into<IpAddr>) -> Self {
        self.options.bitmask = Some(mask.into());
        self
    }
}

impl<T: MarkmaskType> IpSet<T> {
    /// Marks are masked with these bits.
    #[must_use]
    pub fn markmask(mut self, mask: u32) -> Self {
        self.options.markmask = Some(mask);
        self
    }
}

impl<T: RangeType> IpSet<T> {
    /// The range in which all entries lie, of 65,536 elements at most. A bitmap needs one.
    #[must_use]
    pub fn range(mut self, range: impl Into<T::Range>) -> Self {
        self.options.range = Some(range.into().into());
        self
    }
}

impl<T: SizeType> IpSet<T> {
    /// The size of the list, at least 4; 8 if nothing is said. The kernel keeps it but adds
    /// members beyond it.
    #[must_use]
    pub fn size(mut self, members: u32) -> Self {
        self.options.size = Some(members);
        self
    }
}

impl<T: SetType> fmt::Debug for IpSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IpSet")
            .field("name", &self.name)
            .field("type", &self.type_name())
            .field("options", &self.options)
            .finish()
    }
}
