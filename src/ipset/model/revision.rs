/// The revision of its type that a set is created with.
///
/// Each newer revision of a set type has more features. The kernel treats sets of all revisions
/// alike and keeps the number with the set. But a program can only list sets of the revisions that
/// it knows: an older `ipset` tool fails at the first set that is too new for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revision {
    /// The lowest revision that can express the set's options and all entries that it can have, see
    /// [`IpSet::lowest_revision`](crate::ipset::IpSet::lowest_revision).
    ///
    /// For a set with a bucketsize or an initval it is the highest revision, because the kernel
    /// lists these two options only for sets of its highest revision.
    #[default]
    Lowest,
    /// The highest revision that both the kernel and this crate know.
    ///
    /// The `ipset` tool chooses in the same way. The kernel lists bucketsize and initval only for
    /// sets of its own highest revision.
    Highest,
    /// This revision.
    ///
    /// If it is lower than [`Lowest`](Self::Lowest), `ipset save` loses options of the entries.
    Number(u8),
}
