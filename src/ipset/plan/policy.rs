/// How a set is brought to the wanted entries.
///
/// ```
/// use ipvset::ipset::plan::{Overflow, Policy};
///
/// let policy = Policy::new()
///     .renew_below(25)
///     .if_too_many(Overflow::Grow { most: 1 << 20 });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Policy {
    duplicates: Duplicates,
    overflow: Overflow,
    renew_below: u8,
    at_once: bool,
    keep_options: bool,
    recreate: bool,
}

/// What to do if an entry is wanted more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Duplicates {
    /// The options of the last one count.
    #[default]
    LastWins,
    /// Planning fails.
    Refuse,
}

/// What to do if more entries are wanted than the set's `maxelem`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Overflow {
    /// Planning fails, and nothing is changed.
    #[default]
    Refuse,
    /// The set gets a larger `maxelem`, by a second set that takes its place.
    ///
    /// It grows to a power of two that leaves room for a quarter more, and never shrinks.
    Grow {
        /// The largest `maxelem`. If more entries are wanted, planning fails.
        most: u32,
    },
    /// The set gets the first entries that fit, and the others are left out. The plan tells how
    /// many.
    ///
    /// Of a range or network that does not fit, no more than 65536 entries are compared with those
    /// that fit. The others are left out without a look at whether they are wanted already.
    Cut,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            duplicates: Duplicates::LastWins,
            overflow: Overflow::Refuse,
            renew_below: 50,
            at_once: false,
            keep_options: false,
            recreate: false,
        }
    }
}

impl Policy {
    /// Returns the default policy.
    ///
    /// Entries are changed in place, the last of several equal entries counts, timeouts of which
    /// less than half is left are renewed, and what does not fit is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what happens if an entry is wanted more than once.
    #[must_use]
    pub fn if_repeated(mut self, duplicates: Duplicates) -> Self {
        self.duplicates = duplicates;
        self
    }

    /// Sets what happens if more entries are wanted than the set can contain.
    #[must_use]
    pub fn if_too_many(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Renews the timeout of an entry of which less than this percentage is left. The default is
    /// 50.
    ///
    /// The entries stay as long as the set is brought to them more often than their timeouts take
    /// to fall to this share and then to zero. With 100, every run renews all timeouts. With 0 none
    /// is renewed, and the entries vanish.
    #[must_use]
    pub fn renew_below(mut self, percent: u8) -> Self {
        self.renew_below = percent.min(100);
        self
    }

    /// Lets a packet see either all of the old entries or all of the new ones.
    ///
    /// If entries are to be added or removed, a second set is filled and swapped with the set.
    /// Entries that stay bring their counters and remaining times along, but what is counted
    /// between the reading and the swap is lost.
    #[must_use]
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// Leaves the options of a set that exists as they are, whatever the set's description says.
    #[must_use]
    pub fn keep_options(mut self) -> Self {
        self.keep_options = true;
        self
    }

    /// Creates a set of another type or family anew, if no rule or list refers to it. By default,
    /// planning for such a set fails.
    ///
    /// The new set is filled under a temporary name. Then the old one is destroyed, and the new one
    /// gets its name; for a moment no set has the name. If the new set cannot be created or has no
    /// room for the entries, for example because the kernel lacks its type, the old one stays as it
    /// is.
    #[must_use]
    pub fn recreate(mut self) -> Self {
        self.recreate = true;
        self
    }

    pub(super) fn duplicates(&self) -> Duplicates {
        self.duplicates
    }

    pub(super) fn overflow(&self) -> Overflow {
        self.overflow
    }

    pub(super) fn renewed_percent(&self) -> u8 {
        self.renew_below
    }

    pub(super) fn is_at_once(&self) -> bool {
        self.at_once
    }

    pub(in crate::ipset) fn keeps_options(&self) -> bool {
        self.keep_options
    }

    pub(super) fn recreates(&self) -> bool {
        self.recreate
    }
}
