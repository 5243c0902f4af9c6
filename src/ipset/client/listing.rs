//! Listings, which hold one datagram of entries at a time.

use std::ops::Range;

use crate::ipset::client::{Client, malformed_reply, other_type};
use crate::ipset::message::answer::attributes;
use crate::ipset::message::body::NFGENMSG;
use crate::ipset::message::code::Command;
use crate::ipset::model::info::Listed;
use crate::ipset::{AnyEntry, AnyType, Entry, IpSet, SetInfo, SetName, SetType};
use crate::netlink::{Socket, Transport, ready};
use crate::trace::Listing;
use crate::wire::{Attributes, Malformed};
use crate::{Error, Result};

/// A dump that is being read. If it ends early, the kernel releases the set.
#[derive(Debug)]
pub(crate) struct Reader<'a, T: Transport> {
    client: &'a mut Client<T>,
    set: Option<SetName>,
    /// The entries of the last message that were not read yet.
    entries: Range<usize>,
    over: bool,
    complete: bool,
    listing: Listing,
}

fn malformed(malformed: Malformed) -> Error {
    malformed_reply(Command::List, malformed)
}

/// A message that a [`Reader`] received.
enum Received {
    /// The first message of a set.
    Set(Box<SetInfo>),
    /// More entries of the same set.
    More,
    End,
}

impl<'a, T: Transport> Reader<'a, T> {
    pub(crate) async fn start(client: &'a mut Client<T>, set: Option<SetName>) -> Result<Self> {
        let listing = Listing::begin();
        client.start_listing(0, set.as_ref()).await?;
        Ok(Self {
            client,
            set,
            entries: 0..0,
            over: false,
            complete: false,
            listing,
        })
    }

    /// Returns the next entry of the last message, if one is left. This is not async, so that a
    /// listing needs a future for each message and not for each entry.
    #[inline]
    fn buffered<K: SetType>(&mut self, kind: &K) -> Option<Result<Entry<K>>> {
        let rest = self.client.connection.payload(self.entries.clone());
        let mut walk = Attributes::new(rest);
        let entry = walk.next()?;
        self.entries.start += rest.len() - walk.rest().len();
        self.listing.entry();
        let entry = entry.and_then(|entry| Entry::read(kind, entry.nested()));
        Some(entry.map_err(|it| self.failed(malformed(it))))
    }

    /// Receives the next message. Its entries are read next.
    async fn receive(&mut self) -> Result<Received> {
        if self.over {
            return Ok(Received::End);
        }
        match self.receive_message().await {
            Ok(received) => {
                match received {
                    Received::Set(_) => self.listing.set(),
                    Received::More => {}
                    Received::End => (self.over, self.complete) = (true, true),
                }
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

    /// Ends the listing after an error.
    #[cold]
    fn failed(&mut self, error: Error) -> Error {
        self.over = true;
        self.entries = 0..0;
        self.client.connection.leave_dump();
        error
    }

    /// Returns the next entry of a listing of one set.
    #[inline]
    pub(crate) async fn next_entry<K: SetType>(&mut self, kind: &K) -> Option<Result<Entry<K>>> {
        loop {
            if let Some(entry) = self.buffered(kind) {
                return Some(entry);
            }
            match self.receive().await {
                // A second set would mean that its name was given to another set in the meantime.
                // That was never observed.
                Ok(Received::More | Received::Set(_)) => {}
                Ok(Received::End) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Hands out all entries of a listing of one set.
    pub(crate) async fn for_each<K: SetType>(
        &mut self,
        kind: &K,
        mut see: impl FnMut(Entry<K>),
    ) -> Result<()> {
        loop {
            while let Some(entry) = self.buffered(kind) {
                see(entry?);
            }
            if let Received::End = self.receive().await? {
                return Ok(());
            }
        }
    }

    /// Returns the next set or entry of a listing of all sets. `kind` is the type of the last set.
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
        self.client.connection.leave_dump();
        let operation = Command::List.operation();
        self.listing.end(operation, self.set, self.complete);
    }
}

/// The entries of one set as they arrive from the kernel, returned by
/// [`IpSets::list`](crate::ipset::IpSets::list).
///
/// Only one datagram of at most 32 KiB is held at a time. The entries come in no particular order.
/// Entries that are added or removed during the listing may be included or not. All others are
/// included exactly once. A set cannot be destroyed, renamed or swapped while it is being listed,
/// which ends after the last entry, or when this value is dropped.
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

    /// Returns the remaining entries, sorted by their elements.
    ///
    /// Addresses, networks and ports are sorted by number, and names by their bytes.
    ///
    /// # Errors
    /// The first error of the listing.
    pub fn sorted(self) -> Result<Vec<Entry<T>>> {
        let mut entries = self.collect::<Result<Vec<_>>>()?;
        sort(&mut entries);
        Ok(entries)
    }

    /// Returns what the kernel reports of the set, without its entries.
    pub fn info(&self) -> &SetInfo {
        &self.info
    }
}

/// Sorts entries by their elements.
pub(crate) fn sort<T: SetType>(entries: &mut [Entry<T>]) {
    entries.sort_unstable_by(|one, other| one.value().cmp(other.value()));
}

/// Starts a listing of one set. The set has to be of the type as which its entries are read.
pub(crate) async fn start_of_one<'a, T: Transport, K: SetType>(
    client: &'a mut Client<T>,
    set: &IpSet<K>,
) -> Result<(Reader<'a, T>, Box<SetInfo>)> {
    let (reader, info) = start_of_any(client, set.name()).await?;
    if info.type_name != set.type_name() {
        let operation = Command::List.operation();
        return Err(other_type(operation, &info, set.type_name()));
    }
    Ok((reader, info))
}

/// Starts a listing of one set, whatever its type is.
pub(crate) async fn start_of_any<'a, T: Transport>(
    client: &'a mut Client<T>,
    set: &SetName,
) -> Result<(Reader<'a, T>, Box<SetInfo>)> {
    let mut reader = Reader::start(client, Some(*set)).await?;
    match reader.receive().await? {
        Received::Set(info) => Ok((reader, info)),
        Received::More | Received::End => {
            let missing = malformed(Malformed::Missing("the set's header"));
            Err(missing.object(set))
        }
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

/// An item in a listing of all sets: a set, or one of its entries, which follow it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SetOrEntry {
    /// A set. A list follows its members.
    Set(Box<SetInfo>),
    /// An entry of the last set. Entries of a set whose type this crate does not know are left
    /// out.
    Entry(AnyEntry),
}

/// All sets with their entries as they arrive from the kernel, returned by
/// [`IpSets::list_all`](crate::ipset::IpSets::list_all).
///
/// It behaves as [`Entries`] does.
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
