//! Listings: entries as they come, one datagram at a time.

use std::ops::Range;

use super::answer::attributes;
use super::body::NFGENMSG;
use super::client::{Client, malformed_reply};
use super::code::Command;
use super::info::Listed;
use super::{AnyEntry, AnyType, Entry, IpSet, SetInfo, SetName, SetType};
use crate::netlink::{Socket, Transport, ready};
use crate::wire::{ATTRIBUTE_HEADER, Attributes, Malformed};
use crate::{Error, Result};

/// A dump that is being read. Ending it early lets the kernel go of the set.
pub(crate) struct Reader<'a, T: Transport> {
    client: &'a mut Client<T>,
    set: Option<SetName>,
    /// The entries of the current datagram that were not read yet.
    entries: Range<usize>,
    over: bool,
}

fn malformed(malformed: Malformed) -> Error {
    malformed_reply(Command::List, malformed)
}

/// What a [`Reader`] comes across.
enum Step {
    /// The first message of a set.
    Set(Box<SetInfo>),
    /// An entry; [`Reader::entry`] reads it.
    Entry(Range<usize>),
}

impl<'a, T: Transport> Reader<'a, T> {
    pub(crate) async fn start(client: &'a mut Client<T>, set: Option<SetName>) -> Result<Self> {
        client.start_listing(0, set.as_ref()).await?;
        Ok(Self {
            client,
            set,
            entries: 0..0,
            over: false,
        })
    }

    /// What comes next; nothing after an error.
    #[inline]
    async fn next(&mut self) -> Option<Result<Step>> {
        match self.step().await {
            Ok(step) => step.map(Ok),
            Err(error) => {
                self.over = true;
                self.client.connection.abandon_dump();
                Some(Err(error))
            }
        }
    }

    #[inline]
    async fn step(&mut self) -> Result<Option<Step>> {
        if self.over {
            return Ok(None);
        }
        loop {
            let rest = self.client.connection.payload(self.entries.clone());
            let mut walk = Attributes::new(rest);
            match walk.next() {
                Some(Ok(entry)) => {
                    // Where the entry's own attributes lie: behind its header.
                    let start = self.entries.start + ATTRIBUTE_HEADER;
                    self.entries.start += rest.len() - walk.rest().len();
                    return Ok(Some(Step::Entry(start..start + entry.payload().len())));
                }
                Some(Err(it)) => return Err(malformed(it)),
                None => {}
            }
            let Some(payload) = self.client.next_listed(self.set.as_ref()).await? else {
                self.over = true;
                return Ok(None);
            };
            let start = payload.start + NFGENMSG.len();
            let listed = attributes(self.client.connection.payload(payload))
                .and_then(Listed::read)
                .map_err(malformed)?;
            self.entries = start + listed.entries.start..start + listed.entries.end;
            let info = listed.header.map(|header| header.info(listed.name));
            let info = info.transpose().map_err(malformed)?;
            if let Some(info) = info {
                return Ok(Some(Step::Set(Box::new(info))));
            }
        }
    }

    /// The next entry of a listing of one set.
    #[inline]
    pub(crate) async fn next_entry<K: SetType>(&mut self, kind: &K) -> Option<Result<Entry<K>>> {
        loop {
            match self.next().await? {
                Ok(Step::Entry(at)) => return Some(self.entry(kind, at)),
                // The set's name was given to another set meanwhile; never seen.
                Ok(Step::Set(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next set or entry of a listing of all; `kind` is the type of the set that came last.
    pub(crate) async fn next_item(&mut self, kind: &mut Option<AnyType>) -> Option<Result<Item>> {
        loop {
            match self.next().await? {
                Ok(Step::Set(info)) => {
                    *kind = info.set.as_ref().map(|set| *set.kind());
                    return Some(Ok(Item::Set(info)));
                }
                Ok(Step::Entry(at)) => {
                    if let Some(kind) = kind {
                        return Some(self.entry(kind, at).map(Item::Entry));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Reads an entry that [`Reader::next`] found.
    #[inline]
    fn entry<K: SetType>(&self, kind: &K, at: Range<usize>) -> Result<Entry<K>> {
        let attributes = Attributes::new(self.client.connection.payload(at));
        Entry::read(kind, attributes).map_err(malformed)
    }
}

impl<T: Transport> Drop for Reader<'_, T> {
    fn drop(&mut self) {
        self.client.connection.abandon_dump();
    }
}

/// The entries of one set, as they come from the kernel: [`IpSets::list`](super::IpSets::list).
///
/// Only one datagram of at most 32 KiB is held at a time. The kernel keeps no order and no
/// generation: entries that are added or removed meanwhile may show or not, others show exactly
/// once. While it is listed, a set cannot be destroyed, renamed or swapped; that ends with the
/// last entry, or when this is dropped.
pub struct Entries<'a, T: SetType> {
    reader: Reader<'a, Socket>,
    kind: T,
    info: Box<SetInfo>,
}

impl<'a, T: SetType> Entries<'a, T> {
    pub(crate) fn start(client: &'a mut Client<Socket>, set: &IpSet<T>) -> Result<Self> {
        let (reader, info) = ready(start_of_one(client, set))?;
        Ok(Self {
            reader,
            kind: set.kind().clone(),
            info,
        })
    }

    /// All that are left, sorted by their elements: addresses, networks and ports by number,
    /// names by their letters. The kernel gives them in the order of its table.
    ///
    /// # Errors
    /// The first that is met.
    pub fn sorted(self) -> Result<Vec<Entry<T>>> {
        let mut entries = self.collect::<Result<Vec<_>>>()?;
        entries.sort_unstable_by(|one, other| one.value().cmp(other.value()));
        Ok(entries)
    }

    /// What the kernel says of the set beside its entries.
    pub fn info(&self) -> &SetInfo {
        &self.info
    }
}

/// Starts a listing of one set, whose type has to be the one that its entries are read as.
pub(crate) async fn start_of_one<'a, T: Transport, K: SetType>(
    client: &'a mut Client<T>,
    set: &IpSet<K>,
) -> Result<(Reader<'a, T>, Box<SetInfo>)> {
    let mut reader = Reader::start(client, Some(*set.name())).await?;
    let missing = || malformed(Malformed::Missing("the set's header"));
    match reader.next().await {
        Some(Ok(Step::Set(info))) if info.type_name == set.type_name() => Ok((reader, info)),
        Some(Ok(Step::Set(info))) => {
            let why = format!("its type is {}, not {}", info.type_name, set.type_name());
            Err(Error::refused(Command::List.operation(), why).object(set.name()))
        }
        Some(Err(error)) => Err(error),
        _ => Err(missing().object(set.name())),
    }
}

impl<T: SetType> Iterator for Entries<'_, T> {
    type Item = Result<Entry<T>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        ready(self.reader.next_entry(&self.kind))
    }
}

/// What a listing of all sets gives: each set, followed by its entries.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Item {
    /// A set. Lists come after the sets that are in them.
    Set(Box<SetInfo>),
    /// An entry of the set that came last. Entries of a set whose type this crate does not know
    /// are left out.
    Entry(AnyEntry),
}

/// All sets with their entries, as they come from the kernel:
/// [`IpSets::list_all`](super::IpSets::list_all). What [`Entries`] says is true here too.
pub struct Everything<'a> {
    reader: Reader<'a, Socket>,
    kind: Option<AnyType>,
}

impl<'a> Everything<'a> {
    pub(crate) fn start(client: &'a mut Client<Socket>) -> Result<Self> {
        Ok(Self {
            reader: ready(Reader::start(client, None))?,
            kind: None,
        })
    }
}

impl Iterator for Everything<'_> {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        ready(self.reader.next_item(&mut self.kind))
    }
}
