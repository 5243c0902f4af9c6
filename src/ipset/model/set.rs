use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::options::number;
use super::types::{Definition, Families};
use crate::Family;
use crate::ipset::message::encode::Purpose;
use crate::ipset::{
    AnyType, BitmaskType, CreateOptions, Entry, FamilyType, HashType, MarkmaskType, NetmaskType,
    RangeType, SetName, SetType, SizeType, ToSetName,
};
use crate::wire::Writer;
use crate::{Error, Result};

/// The description of a set of type `T`: its name, its type, and the options that it is created
/// with.
///
/// Describing a set does not ask the kernel for anything. The methods of
/// [`IpSets`](crate::ipset::IpSets) do.
///
/// ```
/// use std::time::Duration;
///
/// use ipvset::ipset::types::HashNetPort;
/// use ipvset::ipset::IpSet;
///
/// let allowed = IpSet::<HashNetPort>::new("allowed")?
///     .inet6()
///     .maxelem(1_000_000)
///     .hashsize(1 << 18)
///     .timeout(Duration::from_secs(3600))
///     .counters();
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// If another program created the set, use [`IpSets::get`](crate::ipset::IpSets::get), which
/// returns its description with the family and the options that it has in the kernel. If you
/// describe such a set with [`new`](IpSet::new) instead, give it the same family and the same
/// [`counters`](IpSet::counters): entries are written according to the description, and entries of
/// the other family are refused.
#[derive(Clone, PartialEq)]
pub struct IpSet<T: SetType> {
    name: SetName,
    kind: T,
    options: CreateOptions,
}

/// The description of a set whose type is only known at run time.
pub type AnySet = IpSet<AnyType>;

/// An entry of an [`AnySet`].
pub type AnyEntry = Entry<AnyType>;

impl<T: SetType + Default> IpSet<T> {
    /// Describes a set for IPv4 addresses with the kernel's default options.
    ///
    /// If the set exists already, prefer [`IpSets::get`](crate::ipset::IpSets::get).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the string is not valid as a
    /// [`SetName`].
    pub fn new(name: impl ToSetName) -> Result<Self> {
        Ok(Self::from_parts(
            name.set_name()?,
            T::default(),
            CreateOptions::default(),
        ))
    }
}

impl AnySet {
    /// Describes a set whose type is only known at run time.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the string is not valid as a
    /// [`SetName`].
    pub fn untyped(name: impl ToSetName, kind: AnyType) -> Result<Self> {
        Ok(Self::from_parts(
            name.set_name()?,
            kind,
            CreateOptions::default(),
        ))
    }

    /// Returns the set as one of type `T`, or `None` if it has another type.
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

    /// Returns the name of the set.
    pub fn name(&self) -> &SetName {
        &self.name
    }

    /// Returns the name of the set's type, such as `hash:ip,port`.
    pub fn type_name(&self) -> &'static str {
        self.definition().name
    }

    /// Returns the type of the set.
    pub fn kind(&self) -> &T {
        &self.kind
    }

    #[inline(always)]
    pub(crate) fn definition(&self) -> &'static Definition {
        self.kind.definition()
    }

    /// Returns the options that the set is created with.
    pub fn options(&self) -> &CreateOptions {
        &self.options
    }

    /// Returns a mutable reference to the options that the set is created with.
    pub fn options_mut(&mut self) -> &mut CreateOptions {
        &mut self.options
    }

    /// Returns the same description with another name.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the string is not valid as a
    /// [`SetName`].
    pub fn with_name(&self, name: impl ToSetName) -> Result<Self> {
        Ok(Self {
            name: name.set_name()?,
            ..self.clone()
        })
    }

    /// Returns the same description with the type known only at run time.
    pub fn untype(&self) -> AnySet {
        IpSet::from_parts(self.name, AnyType::of(&self.kind), self.options.clone())
    }

    /// Creates the set with timeouts, and sets the default timeout of its entries.
    ///
    /// An entry vanishes when its timeout is over. With 0, entries stay that are added without a
    /// timeout of their own. A timeout is a number of whole seconds. The limit is
    /// [`MAX_TIMEOUT`](crate::ipset::MAX_TIMEOUT).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Creates the set with counters: each entry counts the packets and bytes that match it.
    ///
    /// Counters start at zero. They keep their values when an entry is added again with
    /// [`put`](crate::ipset::IpSets::put).
    ///
    /// The kernel does not reset the counters when a new entry takes the place of a removed one.
    /// Therefore this crate sends zeros with a new entry if the description of the set has
    /// counters.
    #[must_use]
    pub fn counters(mut self) -> Self {
        self.options.counters = true;
        self
    }

    /// Creates the set with comments: each entry can have one.
    #[must_use]
    pub fn comments(mut self) -> Self {
        self.options.comment = true;
        self
    }

    /// Creates the set with packet metadata: each entry can have a mark, a priority and a queue,
    /// which rules copy to packets.
    #[must_use]
    pub fn skbinfo(mut self) -> Self {
        self.options.skbinfo = true;
        self
    }

    /// Checks the options without asking the kernel.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the type does not take one of the
    /// options, or if a value is out of range. The error names the option.
    pub fn validate(&self) -> Result<()> {
        self.options
            .check(self.definition())
            .map_err(|refusal| Error::refused("create set", refusal.0).object(self.name()))
    }

    /// Returns the lowest revision of the type that can express the set's options and all its
    /// entries.
    ///
    /// [`IpSets::create`](crate::ipset::IpSets::create) uses it, or the nearest one that the kernel
    /// has.
    pub fn lowest_revision(&self) -> u8 {
        self.definition().lowest_revision(&self.options)
    }

    /// Checks an entry without asking the kernel.
    ///
    /// The kernel itself reports an invalid entry that is tested as "not in the set".
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a set of this type cannot contain the
    /// entry. The error says why.
    pub fn validate_entry(&self, entry: impl Into<Entry<T>>) -> Result<()> {
        let entry = entry.into();
        entry
            .write(self, Purpose::Add, &mut Writer::default())
            .map_err(|refusal| {
                Error::refused("add entry", refusal.0).object(entry.in_set(&self.name))
            })
    }

    /// Returns the family of the addresses. If the type has only one, the options are ignored.
    #[inline]
    pub(crate) fn family(&self) -> Family {
        match self.definition().families {
            Families::Both => self.options.family,
            Families::Ipv4 | Families::Unspecified => Family::Ipv4,
        }
    }

    /// Returns the kernel's number for the family.
    pub(crate) fn family_number(&self) -> u8 {
        let families = self.definition().families;
        number::of(families.first().map(|_| self.family()))
    }
}

impl<T: FamilyType> IpSet<T> {
    /// Sets the family of the addresses. The default is IPv4. Entries of the other family are
    /// refused.
    #[must_use]
    pub fn with_family(mut self, family: Family) -> Self {
        self.options.family = family;
        self
    }

    /// Sets the family of the addresses to IPv6.
    #[must_use]
    pub fn inet6(self) -> Self {
        self.with_family(Family::Ipv6)
    }
}

impl<T: HashType> IpSet<T> {
    /// Sets how many buckets the hash table has at first. The default is 1024.
    ///
    /// The kernel rounds the number up to a power of two, at least 64, and doubles it when buckets
    /// overflow. The best value is near the number of entries: adding a million entries then takes
    /// half the time that it takes with the default.
    #[must_use]
    pub fn hashsize(mut self, buckets: u32) -> Self {
        self.options.hashsize = Some(buckets);
        self
    }

    /// Sets how many entries the set can contain. The default is 65,536.
    ///
    /// The kernel counts the entries of a table with more than 1024 buckets in parts
    /// (ip_set_hash_gen.h), so such a set may take a few entries more.
    #[must_use]
    pub fn maxelem(mut self, entries: u32) -> Self {
        self.options.maxelem = Some(entries);
        self
    }

    /// Sets how many entries a bucket can contain before the table grows: an even number from 2 to
    /// 12. The default is 12. Needs Linux 5.11 or later.
    #[must_use]
    pub fn bucketsize(mut self, entries: u8) -> Self {
        self.options.bucketsize = Some(entries);
        self
    }

    /// Sets the initial value of the hash function. Sets with the same value keep their entries in
    /// the same order. The default is random. Needs Linux 5.11 or later.
    #[must_use]
    pub fn initval(mut self, initval: u32) -> Self {
        self.options.initval = Some(initval);
        self
    }

    /// Lets a full set drop an entry to make room for a new one.
    ///
    /// The kernel drops entries only from the bucket of the new entry. If that bucket is empty,
    /// adding the entry fails with [`Full`](crate::ErrorKind::Full) as usual.
    #[must_use]
    pub fn forceadd(mut self) -> Self {
        self.options.forceadd = true;
        self
    }
}

impl<T: NetmaskType> IpSet<T> {
    /// Sets a prefix length, to which the kernel cuts addresses.
    ///
    /// For [`HashIpPort`](crate::ipset::HashIpPort) and [`HashNetNet`](crate::ipset::HashNetNet)
    /// this needs Linux 6.2 or later.
    ///
    /// The kernel (seen with Linux 6.12, 6.18 and 7.2) does not cut the addresses of a range in a
    /// `HashIpPort`. It adds every address from the network of the first one on: adding
    /// 10.8.0.0-10.8.0.3 with a netmask of 8 adds 524,292 entries. With a very short netmask and a
    /// large [`maxelem`](Self::maxelem), one request can keep a core busy for minutes.
    #[must_use]
    pub fn netmask(mut self, prefix: u8) -> Self {
        self.options.netmask = Some(prefix);
        self
    }
}

impl<T: BitmaskType> IpSet<T> {
    /// Sets a mask, which the kernel applies to addresses. It may have any bits, not only leading
    /// ones. Needs Linux 6.2 or later.
    ///
    /// In a [`HashIpPort`](crate::ipset::HashIpPort) the kernel adds the addresses of a range
    /// without the mask, beginning at the masked first address, as with a netmask.
    #[must_use]
    pub fn bitmask(mut self, mask: impl Into<IpAddr>) -> Self {
        self.options.bitmask = Some(mask.into());
        self
    }
}

impl<T: MarkmaskType> IpSet<T> {
    /// Sets a mask, which the kernel applies to packet marks. The default is all bits.
    #[must_use]
    pub fn markmask(mut self, mask: u32) -> Self {
        self.options.markmask = Some(mask);
        self
    }
}

impl<T: RangeType> IpSet<T> {
    /// Sets the range that contains all entries, of at most 65,536 elements. Every bitmap needs
    /// one.
    #[must_use]
    pub fn range(mut self, range: impl Into<T::Range>) -> Self {
        self.options.range = Some(range.into().into());
        self
    }
}

impl<T: SizeType> IpSet<T> {
    /// Sets the size of the list, at least 4. The default is 8.
    ///
    /// The kernel reports the size but does not enforce it: a list can have more members.
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
