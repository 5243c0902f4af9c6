/// The revision of its type that a set is created with. Each newer one can do more.
///
/// The kernel does the same for every revision, and keeps the number with the set. A program
/// can only list a set of a revision that it knows: an older `ipset` fails at the first set that
/// is too new for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revision {
    /// The lowest that can express the set's options and all entries that it can have:
    /// [`IpSet::lowest_revision`](crate::ipset::IpSet::lowest_revision). Of a set with a bucketsize or an
    /// initval it is the highest, since the kernel lists them with no other.
    #[default]
    Lowest,
    /// The highest that both the kernel and this crate know. The tool takes it. The kernel lists
    /// bucketsize and initval of sets of its own highest revision only.
    Highest,
    /// This one. With one that is lower than the lowest, `ipset save` loses options of the entries.
    Number(u8),
}
