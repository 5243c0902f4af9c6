//! Messages as bytes, for programs that have a netlink connection of their own.

use std::fmt;

use crate::error::Cause;
use crate::ipset::message::answer::attributes;
use crate::ipset::message::batch::{Batch, Filled};
use crate::ipset::message::body;
use crate::ipset::message::code::Command;
use crate::ipset::message::encode::Purpose;
use crate::ipset::model::info::Listed;
use crate::ipset::{Entry, IpSet, SetType};
use crate::netlink::flag;
use crate::netlink::message as netlink;
use crate::wire::{Attributes, Malformed, Writer};
use crate::{Error, Result};

/// The messages that add or remove many entries, as bytes.
///
/// Each message has to be sent to the protocol `NETLINK_NETFILTER` as a datagram of its own. The
/// kernel answers it with an ACK. A message is complete except for its sequence number, bytes 8 to
/// 11, which is 0. It is at most 65,715 bytes long.
///
/// ```
/// use ipvset::ipset::types::HashIp;
/// use ipvset::ipset::IpSet;
/// use std::net::Ipv4Addr;
///
/// let blocked = IpSet::<HashIp>::new("blocked")?;
/// let addresses = (1..=100_000).map(Ipv4Addr::from_bits);
/// let mut messages = blocked.add_messages(addresses);
/// while let Some(message) = messages.next_message() {
///     let message: &mut [u8] = message?;
///     // Number it and send it.
/// }
/// # Ok::<(), ipvset::Error>(())
/// ```
pub struct EntryMessages<'a, T: SetType, I> {
    set: &'a IpSet<T>,
    purpose: Purpose,
    batch: Batch,
    index: usize,
    entries: I,
    over: bool,
    /// The error of a refused entry, returned after the message with the entries before it.
    refused: Option<Error>,
}

// The remaining entries and the bytes of the message would not help a reader.
impl<T: SetType, I> fmt::Debug for EntryMessages<'_, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryMessages")
            .field("set", self.set)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl<T: SetType, E: Into<Entry<T>>, I: Iterator<Item = E>> EntryMessages<'_, T, I> {
    /// Returns the next message, or `None` after the last one.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an entry that the set does not take.
    /// The message with the entries before it is returned first, and the next message goes on with
    /// the entry after it.
    pub fn next_message(&mut self) -> Option<Result<&mut [u8]>> {
        let filled = self.next_batch()?;
        Some(filled.map(|batch| {
            let entries = batch.entries();
            batch.message(entries)
        }))
    }

    /// Returns the entries of the next message.
    pub(super) fn next_batch(&mut self) -> Option<Result<&mut Batch>> {
        if let Some(error) = self.refused.take() {
            return Some(Err(error));
        }
        let Self { set, purpose, .. } = *self;
        self.batch.clear();
        while self.batch.is_empty() {
            if self.over {
                return None;
            }
            match self
                .batch
                .fill(set, purpose, &mut self.index, &mut self.entries)
            {
                Filled::Full => {}
                Filled::End => self.over = true,
                Filled::Refused(index, entry, refusal) => {
                    let error = Error::refused(Command::from(purpose).operation(), refusal.0);
                    let entry = entry.in_set(set.name());
                    let error = error.object(format!("{entry} (index {index})"));
                    if self.batch.is_empty() {
                        return Some(Err(error));
                    }
                    self.refused = Some(error);
                }
            }
        }
        Some(Ok(&mut self.batch))
    }
}

impl<T: SetType> IpSet<T> {
    /// Returns the messages that add entries, as [`IpSets::add_all`](crate::ipset::IpSets::add_all)
    /// sends them.
    pub fn add_messages<I>(&self, entries: I) -> EntryMessages<'_, T, I::IntoIter>
    where
        I: IntoIterator<Item: Into<Entry<T>>>,
    {
        self.messages(Purpose::Add, true, entries)
    }

    /// Returns the messages that add entries, or update them if they are in the set.
    ///
    /// If the set has counters, the counters of an entry that is new and has none given may be
    /// those of a dead entry. [`IpSets::put_all`](crate::ipset::IpSets::put_all) avoids this.
    pub fn put_messages<I>(&self, entries: I) -> EntryMessages<'_, T, I::IntoIter>
    where
        I: IntoIterator<Item: Into<Entry<T>>>,
    {
        self.messages(Purpose::Put, false, entries)
    }

    /// Returns the messages that remove entries, as
    /// [`IpSets::remove_all`](crate::ipset::IpSets::remove_all) sends them.
    pub fn remove_messages<I>(&self, entries: I) -> EntryMessages<'_, T, I::IntoIter>
    where
        I: IntoIterator<Item: Into<Entry<T>>>,
    {
        self.messages(Purpose::Remove, true, entries)
    }

    /// Returns the messages that remove entries if they are in the set, as
    /// [`IpSets::remove_all_if_present`](crate::ipset::IpSets::remove_all_if_present) sends them.
    pub fn remove_if_present_messages<I>(&self, entries: I) -> EntryMessages<'_, T, I::IntoIter>
    where
        I: IntoIterator<Item: Into<Entry<T>>>,
    {
        self.messages(Purpose::Remove, false, entries)
    }

    pub(super) fn messages<I: IntoIterator>(
        &self,
        purpose: Purpose,
        exclusive: bool,
        entries: I,
    ) -> EntryMessages<'_, T, I::IntoIter> {
        EntryMessages {
            set: self,
            purpose,
            batch: Batch::new(self, purpose, exclusive, body::PROTOCOL, usize::MAX),
            index: 0,
            entries: entries.into_iter(),
            over: false,
            refused: None,
        }
    }

    /// Returns the message that lists the set's entries, complete except for its sequence number,
    /// which is 0. [`IpSet::listed`] reads the messages that answer it.
    pub fn list_message(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        let flags = flag::REQUEST | flag::DUMP;
        netlink::write(&mut writer, Command::List.message(), flags, 0, |writer| {
            body::list(writer, body::PROTOCOL, Some(self.name()), 0);
        });
        writer.bytes().to_vec()
    }

    /// Returns the entries in a message of a listing of this set.
    ///
    /// `payload` is the message without the netlink header of 16 bytes. Each entry is read when the
    /// iterator gets to it.
    ///
    /// # Errors
    /// [`MalformedReply`](crate::ErrorKind::MalformedReply) if the message cannot be read.
    pub fn listed<'a>(&'a self, payload: &'a [u8]) -> Result<ListedEntries<'a, T>> {
        let attributes = attributes(payload).map_err(malformed)?;
        let listed = Listed::read(attributes).map_err(malformed)?;
        let entries = attributes.rest().get(listed.entries);
        Ok(ListedEntries {
            kind: self.kind(),
            entries: Attributes::new(entries.unwrap_or_default()),
        })
    }
}

/// The entries in one message of a listing, returned by [`IpSet::listed`].
#[derive(Debug)]
pub struct ListedEntries<'a, T> {
    kind: &'a T,
    entries: Attributes<'a>,
}

impl<T: SetType> Iterator for ListedEntries<'_, T> {
    type Item = Result<Entry<T>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next()?;
        let entry = entry.and_then(|entry| Entry::read(self.kind, entry.nested()));
        Some(entry.map_err(malformed))
    }
}

#[cold]
fn malformed(malformed: Malformed) -> Error {
    Error::new(Command::List.operation(), Cause::Malformed(malformed))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::ErrorKind;
    use crate::ipset::types::HashIp;
    use crate::netlink::message::Header;

    fn set() -> IpSet<HashIp> {
        IpSet::new("web").unwrap()
    }

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    /// Returns the entries in a message, which has these flags besides those of each request.
    fn entries(message: &[u8], kind: u16, flags: u16) -> Vec<String> {
        let header = Header::read(message).unwrap();
        assert_eq!(header.length as usize, message.len());
        let expected = (kind, flags | flag::REQUEST | flag::ACK);
        assert_eq!((header.kind, header.flags), expected);
        let set = set();
        let listed = set.listed(&message[netlink::HEADER..]).unwrap();
        listed.map(|it| it.unwrap().to_string()).collect()
    }

    #[test]
    fn a_refused_entry_is_told_between_the_messages_around_it() {
        let set = set();
        let all = [address(1), Ipv6Addr::LOCALHOST.into(), address(2)];
        let mut messages = set.add_messages(all);
        let first = messages.next_message().unwrap().unwrap();
        assert_eq!(entries(first, 0x609, flag::EXCL), ["10.0.0.1"]);
        let error = messages.next_message().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("(index 1)"), "{error}");
        let second = messages.next_message().unwrap().unwrap();
        assert_eq!(entries(second, 0x609, flag::EXCL), ["10.0.0.2"]);
        assert!(messages.next_message().is_none());
        assert!(messages.next_message().is_none());
    }

    #[test]
    fn each_kind_of_message_has_its_command_and_flag() {
        let set = set();
        let all = || [address(1), address(2)];
        for (mut messages, kind, flags) in [
            (set.add_messages(all()), 0x609, flag::EXCL),
            (set.put_messages(all()), 0x609, 0),
            (set.remove_messages(all()), 0x60a, flag::EXCL),
            (set.remove_if_present_messages(all()), 0x60a, 0),
        ] {
            let message = messages.next_message().unwrap().unwrap();
            assert_eq!(entries(message, kind, flags), ["10.0.0.1", "10.0.0.2"]);
            assert!(messages.next_message().is_none());
        }
    }

    #[test]
    fn a_listing_is_asked_for_by_name() {
        let message = set().list_message();
        let header = Header::read(&message).unwrap();
        assert_eq!(header.length as usize, message.len());
        let flags = flag::REQUEST | flag::DUMP;
        assert_eq!((header.kind, header.flags), (0x607, flags));
        assert!(message.windows(4).any(|it| it == b"web\0"));
    }
}
