use super::{EntryMessages, Request};
use crate::error::Cause;
use crate::ipset::message::answer::{attributes, find};
use crate::ipset::message::attr::top;
use crate::ipset::message::batch::leave_counters;
use crate::ipset::message::code::Command;
use crate::ipset::message::counters::Counters;
use crate::ipset::message::encode::Purpose;
use crate::ipset::{Entry, IpSet, SetName, SetType};
use crate::netlink::message::HEADER;
use crate::wire::{self, Attributes, Buffer, Malformed, Writer};
use crate::{Error, Result};

/// Entries in the encoding of a message.
///
/// They do not contain the type of their set, which is needed to [`read`](Self::read) them.
/// [`Request::add`] and similar functions make them.
#[derive(Clone)]
pub struct EncodedEntries {
    bytes: Vec<u8>,
    many: bool,
    /// The counters that a single entry was not given. Many entries have theirs in their line
    /// numbers.
    not_given: Counters,
}

impl PartialEq for EncodedEntries {
    /// Returns true if both have the same bytes.
    fn eq(&self, other: &Self) -> bool {
        (&self.bytes, self.many) == (&other.bytes, other.many)
    }
}

impl Eq for EncodedEntries {}

impl EncodedEntries {
    pub(super) fn one<T: SetType>(
        set: &IpSet<T>,
        purpose: Purpose,
        entry: &Entry<T>,
    ) -> Result<Self> {
        match wire::in_room(|room| entry.write_in(set, purpose, room)) {
            Ok(bytes) => Ok(Self {
                bytes,
                many: false,
                not_given: entry.options().counters_not_given(),
            }),
            Err(refusal) => {
                let error = Error::refused(Command::from(purpose).operation(), refusal.0);
                Err(error.object(entry.in_set(set.name())))
            }
        }
    }

    /// Finds the entries of a request.
    pub(super) fn find(message: Attributes<'_>) -> Result<Self, Malformed> {
        if let Some(many) = find(message, top::ADT)? {
            return Ok(Self::many(many.payload()));
        }
        match find(message, top::DATA)? {
            Some(alone) => Ok(Self::alone(alone.payload())),
            None => Err(Malformed::Missing("an entry")),
        }
    }

    /// Makes a single entry from the content of a request's `DATA`.
    fn alone(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            many: false,
            not_given: Counters::default(),
        }
    }

    /// Makes many entries from the content of an `ADT`.
    pub(super) fn many(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            many: true,
            not_given: Counters::default(),
        }
    }

    /// Leaves the counters that were not given to the kernel instead of setting them to zero.
    pub(super) fn leave_counters(&mut self) {
        match self.many {
            true => leave_counters(&mut self.bytes),
            false => self.not_given.leave(&mut self.bytes),
        }
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.many && self.bytes.is_empty()
    }

    /// Reads the entries as those of a set of type `kind`.
    ///
    /// The type is a marker such as [`HashIp`](crate::ipset::HashIp), or an
    /// [`AnyType`](crate::ipset::AnyType).
    ///
    /// # Errors
    /// [`MalformedReply`](crate::ErrorKind::MalformedReply) for an entry that a set of this type
    /// cannot have. If the end of an entry cannot be found, the iterator ends after its error.
    pub fn read<T: SetType>(&self, kind: T) -> impl Iterator<Item = Result<Entry<T>>> {
        let alone = (!self.many).then_some(Ok(Attributes::new(&self.bytes)));
        let many = if self.many { &self.bytes[..] } else { &[] };
        let many = Attributes::new(many).map(|it| it.map(|entry| entry.nested()));
        alone.into_iter().chain(many).map(move |entry| {
            entry
                .and_then(|entry| Entry::read(&kind, entry))
                .map_err(|it| Error::new("read entry", Cause::Malformed(it)))
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<impl Buffer>) {
        if !self.many {
            writer.nest(top::DATA, |writer| writer.raw(&self.bytes));
            return;
        }
        // The kernel overwrites it with the line number of the entry that it refuses.
        writer.u32_net(top::LINENO, 0);
        self.write_listed(writer);
    }

    /// Writes the entries as a listing contains them.
    pub(super) fn write_listed(&self, writer: &mut Writer<impl Buffer>) {
        writer.nest(top::ADT, |writer| writer.raw(&self.bytes));
    }
}

impl std::fmt::Debug for EncodedEntries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let form = if self.many { "Many" } else { "One" };
        write!(f, "{form}({} bytes)", self.bytes.len())
    }
}

/// The requests for many entries, up to the first entry that the set type does not take.
pub(super) struct Requests<'a, T: SetType, I> {
    set: &'a IpSet<T>,
    purpose: Purpose,
    messages: EntryMessages<'a, T, I>,
    over: bool,
}

impl<'a, T: SetType, I: Iterator> Requests<'a, T, I> {
    pub(super) fn new(set: &'a IpSet<T>, purpose: Purpose, entries: I) -> Self {
        Self {
            set,
            purpose,
            messages: set.messages(purpose, true, entries),
            over: false,
        }
    }
}

impl<T: SetType, E: Into<Entry<T>>, I: Iterator<Item = E>> Iterator for Requests<'_, T, I> {
    type Item = Result<Request>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let batch = match self.messages.next_batch()? {
            Ok(batch) => batch,
            Err(error) => {
                self.over = true;
                return Some(Err(error));
            }
        };
        let set: SetName = *self.set.name();
        let entries = EncodedEntries::many(batch.content());
        let exclusive = true;
        Some(Ok(match self.purpose {
            Purpose::Remove => Request::Remove {
                set,
                entries,
                exclusive,
            },
            _ => Request::Add {
                set,
                entries,
                exclusive,
            },
        }))
    }
}

/// Returns the index of the entry for which a request was refused, from the line number that the
/// kernel writes into its echo of the request.
pub(super) fn refused(echo: &[u8]) -> Option<usize> {
    let echo = attributes(echo.get(HEADER..)?).ok()?;
    let line = find(echo, top::LINENO).ok()??.u32_be().ok()?;
    usize::try_from(Counters::strip(line)).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipset::{EntryOptions, HashIp};

    fn options(request: Request) -> Vec<EntryOptions> {
        let (Request::Add { entries, .. } | Request::Remove { entries, .. }) = request else {
            panic!("{request:?}");
        };
        let entries = entries.read(HashIp);
        entries.map(|it| it.unwrap().options().clone()).collect()
    }

    /// In a request that may update an existing entry, zeros would reset its counters.
    #[test]
    fn requests_that_are_not_exclusive_leave_the_counters_that_are_not_given() {
        let set = IpSet::<HashIp>::new("s").unwrap().counters();
        let mut entry = Entry::<HashIp>::new(Ipv4Addr::LOCALHOST);
        entry.options_mut().packets = Some(0);
        let one = || Request::add(&set, entry.clone()).unwrap();
        let many = || {
            Request::add_all(&set, [1, 2, 3].map(|_| entry.clone()))
                .next()
                .unwrap()
                .unwrap()
        };
        for request in [one(), many()] {
            let found = options(request.clone());
            assert_eq!((found[0].packets, found[0].bytes), (Some(0), Some(0)));
            for found in options(request.not_exclusive()) {
                assert_eq!((found.packets, found.bytes), (Some(0), Some(u64::MAX)));
            }
        }
    }
}
