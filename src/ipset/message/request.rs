use netlink_packet_core::ErrorMessage;

use super::EncodedEntries;
use super::encoded::{self, Requests};
use crate::error::Cause;
use crate::ipset::message::attr::list_flag;
use crate::ipset::message::code::{self, About, Command};
use crate::ipset::message::encode::Purpose;
use crate::ipset::{AnySet, AnyType, Entry, Family, IpSet, SetName, SetType};
use crate::netlink::{Failure, Rejection, flag};
use crate::{Error, Result};

/// What a [`Request::List`] asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// Sets with their entries.
    #[default]
    Everything,
    /// Sets without their entries.
    Headers,
    /// Only the sets' names.
    Names,
}

impl Part {
    pub(super) fn flags(self) -> u32 {
        match self {
            Self::Everything => 0,
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
            Self::Everything
        }
    }
}

/// Something to be done or told. It is sent in an [`IpsetMessage`](super::IpsetMessage).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Tells the versions of the protocol that the kernel speaks.
    Protocol,
    /// Creates a set.
    Create {
        /// Name, type and options.
        set: Box<AnySet>,
        /// The revision of the type, see [`Revision`](crate::ipset::Revision).
        revision: u8,
        /// It must not exist; otherwise, the same set may.
        exclusive: bool,
    },
    /// Destroys a set, or all of them if one is not named.
    Destroy {
        /// The set.
        set: Option<SetName>,
        /// It has to exist.
        exclusive: bool,
    },
    /// Empties a set, or all of them if one is not named.
    Flush {
        /// The set.
        set: Option<SetName>,
    },
    /// Renames a set.
    Rename {
        /// Its name.
        from: SetName,
        /// Its name afterwards.
        to: SetName,
    },
    /// Exchanges the content of two sets.
    Swap {
        /// One.
        one: SetName,
        /// The other.
        other: SetName,
    },
    /// Tells of a set, or of all of them if one is not named. The answer is a dump.
    List {
        /// The set.
        set: Option<SetName>,
        /// How much of it.
        part: Part,
    },
    /// The same as [`Request::List`] with everything; what the tool's `save` sends.
    Save {
        /// The set.
        set: Option<SetName>,
    },
    /// Adds entries. [`Request::add`] and [`Request::add_all`] make it.
    Add {
        /// The set.
        set: SetName,
        /// The entries.
        entries: EncodedEntries,
        /// They must not be in the set; otherwise, they get the new options.
        exclusive: bool,
    },
    /// Removes entries. [`Request::remove`] and [`Request::remove_all`] make it.
    Remove {
        /// The set.
        set: SetName,
        /// The entries.
        entries: EncodedEntries,
        /// They have to be in the set.
        exclusive: bool,
    },
    /// Tells whether an entry is in a set: an ACK says that it is. [`Request::test`] makes it.
    Test {
        /// The set.
        set: SetName,
        /// The entry.
        entry: EncodedEntries,
    },
    /// Tells a set's type, family and revision.
    Header {
        /// The set.
        set: SetName,
    },
    /// Tells the revisions of a type that the kernel has. [`Request::revisions`] makes it.
    Type {
        /// The type's name.
        type_name: String,
        /// The family, where the type has one.
        family: Option<Family>,
    },
    /// Tells the number by which rules refer to a set (Linux 4.20 or later).
    Index {
        /// The set.
        set: SetName,
    },
    /// Tells the set that rules refer to by a number (Linux 4.20 or later).
    Name {
        /// The number.
        index: u16,
    },
}

impl Request {
    /// Creates a set, which must not exist. `revision`: at least
    /// [`IpSet::lowest_revision`], of those that [`Request::revisions`] tells; see
    /// [`Revision`](crate::ipset::Revision).
    ///
    /// # Errors
    /// `InvalidInput` for options that the type does not take, see [`IpSet::validate`].
    pub fn create<T: SetType>(set: &IpSet<T>, revision: u8) -> Result<Self> {
        set.validate()?;
        Ok(Self::Create {
            set: Box::new(set.untype()),
            revision,
            exclusive: true,
        })
    }

    /// Adds an entry, which must not be in the set.
    ///
    /// # Errors
    /// `InvalidInput` for an entry that the type of set does not take.
    pub fn add<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<Self> {
        Ok(Self::Add {
            set: *set.name(),
            entries: EncodedEntries::one(set, Purpose::Add, &entry.into())?,
            exclusive: true,
        })
    }

    /// Removes an entry, which has to be in the set.
    ///
    /// # Errors
    /// As [`Request::add`].
    pub fn remove<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<Self> {
        Ok(Self::Remove {
            set: *set.name(),
            entries: EncodedEntries::one(set, Purpose::Remove, &entry.into())?,
            exclusive: true,
        })
    }

    /// Asks for an entry.
    ///
    /// # Errors
    /// As [`Request::add`].
    pub fn test<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<Self> {
        Ok(Self::Test {
            set: *set.name(),
            entry: EncodedEntries::one(set, Purpose::Test, &entry.into())?,
        })
    }

    /// Adds many entries, with as few requests as can be. The kernel carries a request out
    /// entry by entry and ends it at the first that it refuses, which
    /// [`Request::refused_entry`] tells.
    ///
    /// An entry that the type of set does not take is an error in its place, and the end.
    pub fn add_all<'a, T: SetType, E: Into<Entry<T>>>(
        set: &'a IpSet<T>,
        entries: impl IntoIterator<Item = E> + 'a,
    ) -> impl Iterator<Item = Result<Self>> + 'a {
        Requests::new(set, Purpose::Add, entries.into_iter())
    }

    /// Removes many entries, see [`Request::add_all`].
    pub fn remove_all<'a, T: SetType, E: Into<Entry<T>>>(
        set: &'a IpSet<T>,
        entries: impl IntoIterator<Item = E> + 'a,
    ) -> impl Iterator<Item = Result<Self>> + 'a {
        Requests::new(set, Purpose::Remove, entries.into_iter())
    }

    /// Asks for the revisions of a type.
    pub fn revisions(kind: AnyType) -> Self {
        let definition = kind.definition();
        Self::Type {
            type_name: definition.name.into(),
            family: definition.families.first(),
        }
    }

    /// Creating a set that exists, destroying one that does not, adding entries that are there
    /// and removing those that are not is fine.
    ///
    /// An entry that is there keeps the counters that are not given. A new one may go on with
    /// those of an entry that was removed before: where that matters, send the request as it is
    /// first, and this one for what is refused because it is there.
    #[must_use]
    pub fn tolerant(mut self) -> Self {
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

    /// The flags of the netlink header: `NLM_F_REQUEST`, and `NLM_F_DUMP`, `NLM_F_ACK`,
    /// `NLM_F_EXCL` as the request is.
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

    /// Which entry an error is about, if it is about one of many: the first is 0. Those before
    /// it were added or removed, those after it were not tried.
    pub fn refused_entry(error: &ErrorMessage) -> Option<usize> {
        encoded::refused(error)
    }

    /// The error that the kernel answered, in words; `None` if it is an ACK. Some codes mean
    /// something else for each type of set: where `set` is given, they are told.
    pub fn error(&self, error: &ErrorMessage, set: Option<&AnySet>) -> Option<Error> {
        let command = self.command();
        let about = About {
            definition: set.map(|set| set.definition()),
            options: set.map(|set| set.options()),
        };
        let rejection = Rejection {
            code: error.raw_code().saturating_abs(),
            extended: None,
            echo: Vec::new(),
        };
        error.code?;
        let cause = Cause::from_failure(Failure::Rejected(rejection), |code| {
            code::interpret(command, about, code)
        });
        let error = Error::new(command.operation(), cause);
        Some(match self.set() {
            Some(set) => error.object(set),
            None => error,
        })
    }

    /// The set that it is about.
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
