//! Listings: entries as they come, one datagram at a time.

use std::ops::Range;

use crate::ipset::client::{Client, malformed_reply};
use crate::ipset::message::answer::attributes;
use crate::ipset::message::body::NFGENMSG;
use crate::ipset::message::code::Command;
use crate::ipset::model::info::Listed;
use crate::ipset::{AnyEntry, AnyType, Entry, IpSet, SetInfo, SetName, SetType};
use crate::netlink::{Socket, Transport, ready};
use crate::wire::{Attributes, Malformed};
use crate::{Error, Result};

/// A dump that is being read. Ending it early lets the kernel go of the set.
#[derive(Debug)]
pub(crate) struct Reader<'a, T: Transport> {
    client: &'a mut Client<T>,
    set: Option<SetName>,
    /// The entries of the message that came last that were not read yet.
    entries: Range<usize>,
    over: bool,
}

fn malformed(malformed: Malformed) -> Error {
    malformed_reply(Command::List, malformed)
}

/// What a [`Reader`] received.
enum Received {
    /// The first message of a set.
    Set(Box<SetInfo>),
    /// More of the same set.
    More,
    End,
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

    /// The next entry of the message that came last, if one is left. Nothing waits here, so that
    /// a listing costs a future for each message and not for each entry.
    #[inline]
    fn buffered<K: SetType>(&mut self, kind: &K) -> Option<Result<Entry<K>>> {
        let rest = self.client.connection.payload(self.entries.clone());
        let mut walk = Attributes::new(rest);
        let entry = walk.next()?;
        self.entries.start += rest.len() - walk.rest().len();
        let entry = entry.and_then(|entry| Entry::read(kind, entry.nested()));
        Some(entry.map_err(|it| self.failed(malformed(it))))
    }

    /// Receives the next message, whose entries are read next.
    async fn receive(&mut self) -> Result<Received> {
        if self.over {
            return Ok(Received::End);
        }
        match self.receive_message().await {
            Ok(received) => {
                self.over = matches!(received, Received::End);
                Ok(received)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    async fn receive_message(&mut self) -> Result<Received> {
        let Some(payload) = self.client.next_listed(self.set.as_ref()).await? else {
            return Ok(Received::End);
        };
        let start = payload.start + NFGENMSG.len();
        let listed = attributes(self.client.connection.payload(payload))
            .and_then(Listed::read)
            .map_err(malformed)?;
        self.entries = start + listed.entries.start..start + listed.entries.end;
        let info = listed.header.map(|header| header.info(listed.name));
        let info = info.transpose().map_err(malformed)?;
        Ok(info.map_or(Received::More, |info| Received::Set(Box::new(info))))
    }

    /// Nothing follows an error.
    #[cold]
    fn failed(&mut self, error: Error) -> Error {
        self.over = true;
        self.entries = 0..0;
        self.client.connection.abandon_dump();
        error
    }

    /// The next entry of a listing of one set.
    #[inline]
    pub(crate) async fn next_entry<K: SetType>(&mut self, kind: &K) -> Option<Result<Entry<K>>> {
        loop {
            if let Some(entry) = self.buffered(kind) {
                return Some(entry);
            }
            match self.receive().await {
                // A set: its name was given to another set meanwhile; never seen.
                Ok(Received::More | Received::Set(_)) => {}
                Ok(Received::End) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next set or entry of a listing of all; `kind` is the type of the set that came last.
    pub(crate) async fn next_item(
        &mut self,
        kind: &mut Option<AnyType>,
    ) -> Option<Result<SetOrEntry>> {
        loop {
            let entry = kind.as_ref().and_then(|kind| self.buffered(kind));
            if let Some(entry) = entry {
                return Some(entry.map(SetOrEntry::Entry));
            }
            match self.receive().await {
                Ok(Received::Set(info)) => {
                    *kind = info.set.as_ref().map(|set| *set.kind());
                    return Some(Ok(SetOrEntry::Set(info)));
                }
                Ok(Received::More) => {}
                Ok(Received::End) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl<T: Transport> Drop for Reader<'_, T> {
    fn drop(&mut self) {
        self.client.connection.abandon_dump();
    }
}

/// The entries of one set, as they come from the kernel: [`IpSets::list`](crate::ipset::IpSets::list).
///
/// Only one datagram of at most 32 KiB is held at a time. The kernel keeps no order and no
/// generation: entries that are added or removed meanwhile may show or not, others show exactly
/// once. While it is listed, a set cannot be destroyed, renamed or swapped; that ends with the
/// last entry, or when this is dropped.
#[derive(Debug)]
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
    match reader.receive().await? {
        Received::Set(info) if info.type_name == set.type_name() => Ok((reader, info)),
        Received::Set(info) => {
            let why = format!("its type is {}, not {}", info.type_name, set.type_name());
            Err(Error::refused(Command::List.operation(), why).object(set.name()))
        }
        Received::More | Received::End => Err(missing().object(set.name())),
    }
}

impl<T: SetType> Iterator for Entries<'_, T> {
    type Item = Result<Entry<T>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.reader
            .buffered(&self.kind)
            .or_else(|| ready(self.reader.next_entry(&self.kind)))
    }
}

/// What a listing of all sets gives: each set, followed by its entries.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SetOrEntry {
    /// A set. Lists come after the sets that are in them.
    Set(Box<SetInfo>),
    /// An entry of the set that came last. Entries of a set whose type this crate does not know
    /// are left out.
    Entry(AnyEntry),
}

/// All sets with their entries, as they come from the kernel:
/// [`IpSets::list_all`](crate::ipset::IpSets::list_all). What [`Entries`] says is true here too.
#[derive(Debug)]
pub struct SetsAndEntries<'a> {
    reader: Reader<'a, Socket>,
    kind: Option<AnyType>,
}

impl<'a> SetsAndEntries<'a> {
    pub(crate) fn start(client: &'a mut Client<Socket>) -> Result<Self> {
        Ok(Self {
            reader: ready(Reader::start(client, None))?,
            kind: None,
        })
    }
}

impl Iterator for SetsAndEntries<'_> {
    type Item = Result<SetOrEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        ready(self.reader.next_item(&mut self.kind))
    }
}
