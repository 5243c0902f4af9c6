use super::EncodedEntries;
use super::encoded::{self, Requests};
use crate::Family;
use crate::error::Cause;
use crate::ipset::message::attr::list_flag;
use crate::ipset::message::code::{self, About, Command};
use crate::ipset::message::encode::Purpose;
use crate::ipset::{AnySet, AnyType, Entry, IpSet, SetName, SetType};
use crate::netlink::{Failure, Rejection, flag};
use crate::{Error, Result};

/// What a listing contains of each set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListContent {
    /// Sets with their entries.
    #[default]
    Entries,
    /// Sets without their entries.
    Headers,
    /// Only the sets' names.
    Names,
}

impl ListContent {
    pub(super) fn flags(self) -> u32 {
        match self {
            Self::Entries => 0,
            Self::Headers => list_flag::HEADERS,
            Self::Names => list_flag::NAMES,
        }
    }

    pub(super) fn read(flags: u32) -> Self {
        if flags & list_flag::NAMES != 0 {
            Self::Names
        } else if flags & list_flag::HEADERS != 0 {
            Self::Headers
        } else {
            Self::Entries
        }
    }
}

/// A request to the kernel, sent in an [`IpsetMessage`](super::IpsetMessage).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Reads the versions of the protocol that the kernel speaks.
    Protocol,
    /// Creates a set.
    #[non_exhaustive]
    Create {
        /// The name, type and options of the set.
        set: Box<AnySet>,
        /// The revision of the type. See [`Revision`](crate::ipset::Revision).
        revision: u8,
        /// Whether it is an error if the same set exists.
        exclusive: bool,
    },
    /// Destroys a set, or all sets if `set` is `None`.
    #[non_exhaustive]
    Destroy {
        /// The set.
        set: Option<SetName>,
        /// Whether it is an error if the set does not exist.
        exclusive: bool,
    },
    /// Removes all entries of a set, or of all sets if `set` is `None`.
    #[non_exhaustive]
    Flush {
        /// The set.
        set: Option<SetName>,
    },
    /// Renames a set.
    #[non_exhaustive]
    Rename {
        /// The old name.
        from: SetName,
        /// The new name.
        to: SetName,
    },
    /// Swaps the contents of two sets.
    #[non_exhaustive]
    Swap {
        /// One of the sets.
        one: SetName,
        /// The other set.
        other: SetName,
    },
    /// Lists a set, or all sets if `set` is `None`. The reply is a dump.
    #[non_exhaustive]
    List {
        /// The set.
        set: Option<SetName>,
        /// What is listed of each set.
        content: ListContent,
    },
    /// Lists a set with its entries, as [`Request::List`] with [`ListContent::Entries`] does. The
    /// tool's `save` sends it.
    #[non_exhaustive]
    Save {
        /// The set.
        set: Option<SetName>,
    },
    /// Adds entries. Made by [`Request::add`] and [`Request::add_all`].
    #[non_exhaustive]
    Add {
        /// The set.
        set: SetName,
        /// The entries.
        entries: EncodedEntries,
        /// Whether it is an error if an entry is in the set. Otherwise, it gets the new options.
        exclusive: bool,
    },
    /// Removes entries. Made by [`Request::remove`] and [`Request::remove_all`].
    #[non_exhaustive]
    Remove {
        /// The set.
        set: SetName,
        /// The entries.
        entries: EncodedEntries,
        /// Whether it is an error if an entry is not in the set.
        exclusive: bool,
    },
    /// Tests whether an entry is in a set. The reply is an ACK if it is. Made by
    /// [`Request::test`].
    #[non_exhaustive]
    Test {
        /// The set.
        set: SetName,
        /// The entry.
        entry: EncodedEntries,
    },
    /// Reads a set's type, family and revision.
    #[non_exhaustive]
    Header {
        /// The set.
        set: SetName,
    },
    /// Reads the revisions of a type that the kernel supports. Made by [`Request::revisions`].
    #[non_exhaustive]
    Type {
        /// The type's name.
        type_name: String,
        /// The family, if the type has one.
        family: Option<Family>,
    },
    /// Reads the number by which rules refer to a set (Linux 4.20 or later).
    #[non_exhaustive]
    Index {
        /// The set.
        set: SetName,
    },
    /// Reads the name of the set that rules refer to by a number (Linux 4.20 or later).
    #[non_exhaustive]
    Name {
        /// The number.
        index: u16,
    },
}

impl Request {
    /// Makes a request that creates a set, which must not exist.
    ///
    /// `revision` has to be one that the kernel supports ([`Request::revisions`] reads them), and
    /// should be at least [`IpSet::lowest_revision`]. See [`Revision`](crate::ipset::Revision).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for options that the type does not take.
    /// See [`IpSet::validate`].
    pub fn create<T: SetType>(set: &IpSet<T>, revision: u8) -> Result<Self> {
        set.validate()?;
        Ok(Self::Create {
            set: Box::new(set.untype()),
            revision,
            exclusive: true,
        })
    }

    /// Makes a request that destroys a set, which has to exist.
    pub fn destroy(set: SetName) -> Self {
        Self::Destroy {
            set: Some(set),
            exclusive: true,
        }
    }

    /// Makes a request that destroys all sets.
    pub fn destroy_all() -> Self {
        Self::Destroy {
            set: None,
            exclusive: true,
        }
    }

    /// Makes a request that removes all entries of a set.
    pub fn flush(set: SetName) -> Self {
        Self::Flush { set: Some(set) }
    }

    /// Makes a request that removes all entries of all sets.
    pub fn flush_all() -> Self {
        Self::Flush { set: None }
    }

    /// Makes a request that renames a set.
    pub fn rename(from: SetName, to: SetName) -> Self {
        Self::Rename { from, to }
    }

    /// Makes a request that swaps the contents of two sets.
    pub fn swap(one: SetName, other: SetName) -> Self {
        Self::Swap { one, other }
    }

    /// Makes a request that lists a set. The reply is a dump.
    pub fn list(set: SetName, content: ListContent) -> Self {
        Self::List {
            set: Some(set),
            content,
        }
    }

    /// Makes a request that lists all sets. The reply is a dump.
    pub fn list_all(content: ListContent) -> Self {
        Self::List { set: None, content }
    }

    /// Makes a request that reads a set's type, family and revision.
    pub fn header(set: SetName) -> Self {
        Self::Header { set }
    }

    /// Makes a request that reads the number by which rules refer to a set (Linux 4.20 or later).
    pub fn index(set: SetName) -> Self {
        Self::Index { set }
    }

    /// Makes a request that reads the name of the set that rules refer to by a number (Linux 4.20
    /// or later).
    pub fn by_index(index: u16) -> Self {
        Self::Name { index }
    }

    /// Makes a request that adds an entry, which must not be in the set.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an entry that the set type does not
    /// take.
    pub fn add<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<Self> {
        Ok(Self::Add {
            set: *set.name(),
            entries: EncodedEntries::one(set, Purpose::Add, &entry.into())?,
            exclusive: true,
        })
    }

    /// Makes a request that removes an entry, which has to be in the set.
    ///
    /// # Errors
    /// Those of [`Request::add`].
    pub fn remove<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<Self> {
        Ok(Self::Remove {
            set: *set.name(),
            entries: EncodedEntries::one(set, Purpose::Remove, &entry.into())?,
            exclusive: true,
        })
    }

    /// Makes a request that tests whether an entry is in a set.
    ///
    /// # Errors
    /// Those of [`Request::add`].
    pub fn test<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<Self> {
        Ok(Self::Test {
            set: *set.name(),
            entry: EncodedEntries::one(set, Purpose::Test, &entry.into())?,
        })
    }

    /// Makes the requests that add many entries, as few as possible.
    ///
    /// The kernel carries out a request entry by entry and stops at the first one that it refuses.
    /// [`Request::refused_entry`] returns its index.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an entry that the set type does not
    /// take, after the request with the entries before it. Then the iterator ends.
    pub fn add_all<'a, T: SetType, E: Into<Entry<T>>>(
        set: &'a IpSet<T>,
        entries: impl IntoIterator<Item = E> + 'a,
    ) -> impl Iterator<Item = Result<Self>> + 'a {
        Requests::new(set, Purpose::Add, entries.into_iter())
    }

    /// Makes the requests that remove many entries, as [`Request::add_all`] does.
    pub fn remove_all<'a, T: SetType, E: Into<Entry<T>>>(
        set: &'a IpSet<T>,
        entries: impl IntoIterator<Item = E> + 'a,
    ) -> impl Iterator<Item = Result<Self>> + 'a {
        Requests::new(set, Purpose::Remove, entries.into_iter())
    }

    /// Makes a request that reads the revisions of a type.
    pub fn revisions(kind: AnyType) -> Self {
        let definition = kind.definition();
        Self::Type {
            type_name: definition.name.into(),
            family: definition.families.first(),
        }
    }

    /// Leaves out the flag `NLM_F_EXCL`.
    ///
    /// Without the flag, it is no error to create a set that exists, to destroy one that does not,
    /// to add entries that are in the set, or to remove entries that are not.
    ///
    /// An entry in the set keeps the counters that are not given. A new entry may inherit the
    /// counters of an entry that was removed before. If that matters, send the original request
    /// first, and this one only for entries that are refused because they exist.
    #[must_use]
    pub fn not_exclusive(mut self) -> Self {
        if let Self::Add { entries, .. } = &mut self {
            entries.leave_counters();
        }
        match &mut self {
            Self::Create { exclusive, .. }
            | Self::Destroy { exclusive, .. }
            | Self::Add { exclusive, .. }
            | Self::Remove { exclusive, .. } => *exclusive = false,
            _ => {}
        }
        self
    }

    /// Returns the flags of the netlink header: `NLM_F_REQUEST`, and those of `NLM_F_DUMP`,
    /// `NLM_F_ACK` and `NLM_F_EXCL` that the request needs.
    pub fn flags(&self) -> u16 {
        let exclusive = |exclusive: &bool| if *exclusive { flag::EXCL } else { 0 };
        flag::REQUEST
            | match self {
                Self::List { .. } | Self::Save { .. } => flag::DUMP,
                Self::Protocol
                | Self::Header { .. }
                | Self::Type { .. }
                | Self::Index { .. }
                | Self::Name { .. } => 0,
                Self::Create { exclusive: it, .. }
                | Self::Destroy { exclusive: it, .. }
                | Self::Add { exclusive: it, .. }
                | Self::Remove { exclusive: it, .. } => flag::ACK | exclusive(it),
                _ => flag::ACK,
            }
    }

    /// Returns the index of the refused entry, from 0, if an error is about one of many entries.
    ///
    /// `echo` is the request as the error message (`struct nlmsgerr`) contains it, behind the error
    /// code.
    ///
    /// The entries before it were added or removed. Those after it were not tried.
    pub fn refused_entry(echo: &[u8]) -> Option<usize> {
        encoded::refused(echo)
    }

    /// Returns the kernel's answer as an [`Error`], or `None` if it is an ACK.
    ///
    /// `code` is the error code of the answer (`struct nlmsgerr`): a negative number, or 0 for an
    /// ACK.
    ///
    /// Some error codes have another meaning for each set type. They are only explained if `set` is
    /// given.
    pub fn error(&self, code: i32, set: Option<&AnySet>) -> Option<Error> {
        if code == 0 {
            return None;
        }
        let command = self.command();
        let about = About {
            definition: set.map(|set| set.definition()),
            options: set.map(|set| set.options()),
        };
        let rejection = Rejection {
            code: code.saturating_abs(),
            extended: None,
            echo: Vec::new(),
        };
        let cause = Cause::from_failure(Failure::Rejected(rejection), |code| {
            code::interpret(command, about, code)
        });
        let error = Error::new(command.operation(), cause);
        Some(match self.set() {
            Some(set) => error.object(set),
            None => error,
        })
    }

    /// Returns the set that the request is about.
    fn set(&self) -> Option<&SetName> {
        match self {
            Self::Create { set, .. } => Some(set.name()),
            Self::Destroy { set, .. }
            | Self::Flush { set }
            | Self::List { set, .. }
            | Self::Save { set } => set.as_ref(),
            Self::Rename { from: set, .. }
            | Self::Swap { one: set, .. }
            | Self::Add { set, .. }
            | Self::Remove { set, .. }
            | Self::Test { set, .. }
            | Self::Header { set }
            | Self::Index { set } => Some(set),
            Self::Protocol | Self::Type { .. } | Self::Name { .. } => None,
        }
    }

    pub(super) fn command(&self) -> Command {
        match self {
            Self::Protocol => Command::Connect,
            Self::Create { .. } => Command::Create,
            Self::Destroy { .. } => Command::Destroy,
            Self::Flush { .. } => Command::Flush,
            Self::Rename { .. } => Command::Rename,
            Self::Swap { .. } => Command::Swap,
            Self::List { .. } => Command::List,
            Self::Save { .. } => Command::Save,
            Self::Add { .. } => Command::Add,
            Self::Remove { .. } => Command::Remove,
            Self::Test { .. } => Command::Test,
            Self::Header { .. } => Command::Header,
            Self::Type { .. } => Command::Type,
            Self::Index { .. } => Command::Index,
            Self::Name { .. } => Command::Name,
        }
    }
}
