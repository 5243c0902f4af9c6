//! Encodes many entries in one message, without I/O.

use std::ops::Range;

use super::answer::{self, attributes};
use super::attr::{data, top};
use super::body;
use super::code::Command;
use super::counters::Counters;
use super::encode::{Purpose, Refusal};
use crate::ipset::{Entry, IpSet, SetType};
use crate::netlink::message as netlink;
use crate::netlink::{Rejection, flag};
use crate::wire::{ATTRIBUTE_HEADER, Attributes, NESTED, NET_BYTE_ORDER, Writer};

/// The maximum length of an attribute's content in bytes: its length is a u16 and includes the
/// header.
const MOST: usize = u16::MAX as usize - ATTRIBUTE_HEADER;

/// A message under construction: a header, followed by the entries.
///
/// Each entry has a line number, from which its index follows. The kernel reports the line number
/// of an entry that it refuses. After that, the rest is sent by moving the header to right before
/// it, over entries that are already done.
pub(crate) struct Batch {
    writer: Writer,
    header: Vec<u8>,
    limit: usize,
    /// The index of the first entry, which has line number 1.
    base: usize,
    /// The index behind the last entry that [`Self::fill`] encoded.
    end: usize,
    count: usize,
    /// The counters that at least one entry was not given, and that are encoded as zeros. Those of
    /// each entry are stored in its line number, which the kernel does not interpret.
    not_given: Counters,
}

/// Why [`Batch::fill`] stopped.
pub(crate) enum Filled<K: SetType> {
    /// There are no more entries.
    End,
    /// The message is full.
    Full,
    /// The set does not take an entry.
    Refused(usize, Entry<K>, Refusal),
}

/// An entry of the batch that the kernel refused.
pub(crate) struct Culprit {
    pub(crate) index: usize,
    /// The number of entries before it in the message.
    pub(crate) before: usize,
    pub(crate) place: Range<usize>,
}

impl Batch {
    /// Makes an empty batch. `limit` is the maximum length of a message in bytes.
    pub(crate) fn new<K: SetType>(
        set: &IpSet<K>,
        purpose: Purpose,
        exclusive: bool,
        protocol: u8,
        limit: usize,
    ) -> Self {
        let mut writer = Writer::with_capacity(MOST + 256);
        let flags = flag::REQUEST | flag::ACK | if exclusive { flag::EXCL } else { 0 };
        netlink::begin(&mut writer, Command::from(purpose).message(), flags, 0);
        body::names(&mut writer, protocol, Some(set.name()), None);
        // The kernel overwrites it with the line number of the entry that it refuses. If the echo
        // has a zero, the kernel refused the whole message.
        writer.u32_net(top::LINENO, 0);
        writer.open(top::ADT);
        let header = writer.bytes().to_vec();
        Self {
            limit: limit.min(header.len() + MOST),
            writer,
            header,
            base: 0,
            end: 0,
            count: 0,
            not_given: Counters::default(),
        }
    }

    /// Makes an empty batch with the same header, for entries of this one.
    pub(crate) fn beside(&self) -> Self {
        let mut writer = Writer::with_capacity(MOST + 256);
        writer.raw(&self.header);
        Self {
            writer,
            header: self.header.clone(),
            count: 0,
            ..*self
        }
    }

    /// Sets whether the kernel refuses entries that are in the set.
    pub(crate) fn set_exclusive(&mut self, exclusive: bool) {
        netlink::set_flag(&mut self.header, flag::EXCL, exclusive);
    }

    /// Returns true if an entry was not given a counter that the set has.
    pub(crate) fn lacks_counters(&self) -> bool {
        !self.not_given.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the place of the entries in the buffer.
    pub(crate) fn entries(&self) -> Range<usize> {
        self.header.len()..self.writer.len()
    }

    /// Returns the bytes of the entries.
    pub(crate) fn content(&self) -> &[u8] {
        &self.writer.bytes()[self.entries()]
    }

    /// Removes all entries.
    pub(crate) fn clear(&mut self) {
        self.writer.truncate(self.header.len());
        self.count = 0;
        self.not_given = Counters::default();
    }

    /// Appends an entry of another batch.
    pub(crate) fn append(&mut self, other: &Self, place: Range<usize>) {
        self.base = other.base;
        self.writer.raw(&other.writer.bytes()[place]);
        self.count += 1;
    }

    /// Appends an entry of another batch, and leaves the counters that it was not given to the
    /// kernel.
    pub(crate) fn append_without_counters(&mut self, other: &Self, place: Range<usize>) {
        let start = self.writer.len();
        self.append(other, place);
        leave_counters(&mut self.writer.bytes_mut()[start..]);
    }

    /// Removes the entries from an index on.
    pub(crate) fn drop_from(&mut self, index: usize) {
        let mut kept = self.beside();
        for (line, place) in self.walk(self.header.len()) {
            if index > self.base + (line - 1) as usize {
                kept.append(self, place);
            }
        }
        *self = kept;
    }

    /// Puts the entries in the order of their indices.
    pub(crate) fn sort(&mut self) {
        let mut places: Vec<_> = self.walk(self.header.len()).collect();
        places.sort_by_key(|(line, _)| *line);
        let mut sorted = self.beside();
        for (_, place) in places {
            sorted.append(self, place);
        }
        *self = sorted;
    }

    /// Returns the counters that the entry at a place was not given.
    pub(in crate::ipset) fn counters_not_given(&self, place: Range<usize>) -> Counters {
        let line = walk_lines(&self.writer.bytes()[..place.end], place.start).next();
        Counters::of_line(line.map_or(0, |(line, _)| line))
    }

    /// Returns the attributes of the entry at a place, without its line number.
    pub(crate) fn attributes(&self, place: Range<usize>) -> &[u8] {
        &self.writer.bytes()[place.start + ENTRY_HEADER..place.end]
    }

    /// Encodes entries until the batch is full. `index` is the index of the next entry.
    #[inline]
    pub(crate) fn fill<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        purpose: Purpose,
        index: &mut usize,
        entries: &mut impl Iterator<Item = E>,
    ) -> Filled<K> {
        if self.is_empty() {
            self.base = *index;
        }
        let room = self.limit.saturating_sub(self.writer.len());
        let Some(first) = self.next_line(*index, room) else {
            return Filled::Full;
        };
        let mut line = first;
        let counted = purpose == Purpose::Add && set.options().counters;
        let mut not_given = self.not_given;
        let filled = self.writer.tail(room, |tail| {
            loop {
                // There has to be room for the largest entry, since an entry cannot be put back.
                if !tail.has_room() {
                    break Filled::Full;
                }
                let Some(entry) = entries.next() else {
                    break Filled::End;
                };
                let entry = entry.into();
                let lacks = match counted {
                    true => entry.options().counters_not_given(),
                    false => Counters::default(),
                };
                not_given = not_given.and(lacks);
                let written = tail.append(|mut room| {
                    room.raw(&entry_header(lacks.in_line(line)));
                    let mut room = entry.write_in(set, purpose, room)?;
                    room.close(0);
                    Ok(room)
                });
                line += 1;
                if let Err(refusal) = written {
                    let refused = self.base + (line - 2) as usize;
                    break Filled::Refused(refused, entry, refusal);
                }
            }
        });
        self.not_given = not_given;
        let taken = line - first;
        *index += taken as usize;
        let refused = usize::from(matches!(filled, Filled::Refused(..)));
        self.end = *index - refused;
        self.count += taken as usize - refused;
        filled
    }

    /// Returns the line number of the entry at `index`, if there are line numbers for it and for
    /// all entries that fit into `room`.
    fn next_line(&self, index: usize, room: usize) -> Option<u32> {
        let line = u32::try_from(index - self.base).ok()?.checked_add(1)?;
        let most = u32::try_from(room).ok()?;
        let last = line.checked_add(most)?;
        (Counters::strip(last) == last).then_some(line)
    }

    /// Returns the end of at most `most` entries from `start` on, and their number.
    pub(crate) fn window(&self, start: usize, most: usize) -> (usize, usize) {
        let (mut end, mut count) = (start, 0);
        for (_, place) in self.walk(start) {
            if count == most {
                break;
            }
            end = place.end;
            count += 1;
        }
        (end, count)
    }

    /// Returns the message with these entries, except for its sequence number.
    pub(crate) fn message(&mut self, entries: Range<usize>) -> &mut [u8] {
        let header = self.header.len();
        let content = entries.len() + ATTRIBUTE_HEADER;
        let message = &mut self.writer.bytes_mut()[entries.start - header..entries.end];
        message[..header].copy_from_slice(&self.header);
        let length = message.len() as u32;
        message[..4].copy_from_slice(&length.to_ne_bytes());
        let adt = header - ATTRIBUTE_HEADER;
        message[adt..adt + 2].copy_from_slice(&(content as u16).to_ne_bytes());
        message
    }

    /// Returns the index of the entry at a place.
    pub(crate) fn index(&self, start: usize) -> usize {
        let line = self.walk(start).next().map_or(1, |(line, _)| line);
        self.base + line.saturating_sub(1) as usize
    }

    /// Returns the index of the next entry at or behind a place.
    pub(crate) fn index_from(&self, at: usize) -> usize {
        match at < self.writer.len() {
            true => self.index(at),
            false => self.end,
        }
    }

    /// Returns the indices of the entries at these places.
    pub(crate) fn indices(&self, entries: Range<usize>) -> Range<usize> {
        let lines = self.walk(entries.start);
        let lines = lines.take_while(|(_, place)| place.end <= entries.end);
        let end = lines.last().map_or(0, |(line, _)| line);
        self.index(entries.start)..self.base + end as usize
    }

    /// Returns the entry from `start` on that the kernel refused, or `None` if it refused the whole
    /// message.
    pub(crate) fn culprit(&self, start: usize, rejection: &Rejection) -> Option<Culprit> {
        let echo = attributes(&rejection.echo).ok()?;
        // The echo may be cut off after this attribute.
        let line = answer::find(echo, top::LINENO).ok()??.u32_be().ok()?;
        let line = Counters::strip(line);
        let mut walk = self.walk(start).enumerate();
        let (before, (_, place)) = walk.find(|(_, (number, _))| *number == line)?;
        Some(Culprit {
            index: self.base + (line - 1) as usize,
            before,
            place,
        })
    }

    /// Reads the entry at a place back.
    pub(crate) fn read<K: SetType>(&self, kind: &K, place: Range<usize>) -> Option<Entry<K>> {
        let bytes = self.writer.bytes().get(place)?;
        let entry = bytes.get(ATTRIBUTE_HEADER..)?;
        Entry::read(kind, Attributes::new(entry)).ok()
    }

    /// Iterates over the line numbers and places of the entries from a place on.
    pub(crate) fn walk(&self, start: usize) -> impl Iterator<Item = (u32, Range<usize>)> {
        let lines = walk_lines(self.writer.bytes(), start);
        lines.map(|(line, place)| (Counters::strip(line), place))
    }
}

/// Iterates over the entries in these bytes from a place on: the line number with the counters in
/// it, and the place.
fn walk_lines(bytes: &[u8], start: usize) -> impl Iterator<Item = (u32, Range<usize>)> {
    let mut at = start;
    std::iter::from_fn(move || {
        let entry = bytes.get(at..)?.first_chunk::<ENTRY_HEADER>()?;
        let length = usize::from(u16::from_ne_bytes([entry[0], entry[1]]));
        let line = u32::from_be_bytes([entry[8], entry[9], entry[10], entry[11]]);
        let place = at..at + length;
        at += length.max(entry.len());
        Some((line, place))
    })
}

/// Leaves the counters that entries were not given to the kernel.
pub(in crate::ipset) fn leave_counters(entries: &mut [u8]) {
    let mut at = 0;
    loop {
        let Some((line, place)) = walk_lines(entries, at).next() else {
            return;
        };
        at = place.end.max(at + ENTRY_HEADER);
        if let Some(entry) = entries.get_mut(place.start + ENTRY_HEADER..place.end) {
            Counters::of_line(line).leave(entry);
        }
    }
}

/// The number of bytes before an entry's own attributes.
const ENTRY_HEADER: usize = 12;

/// Returns the header of an entry's nest, without its length, and the line number. It is the first
/// attribute, so that [`Batch::walk`] finds it.
#[inline]
fn entry_header(line: u32) -> [u8; ENTRY_HEADER] {
    const DATA: [u8; 2] = (top::DATA | NESTED).to_ne_bytes();
    const LENGTH: [u8; 2] = 8u16.to_ne_bytes();
    const LINENO: [u8; 2] = (data::LINENO | NET_BYTE_ORDER).to_ne_bytes();
    let [a, b, c, d] = line.to_be_bytes();
    [
        0, 0, DATA[0], DATA[1], LENGTH[0], LENGTH[1], LINENO[0], LINENO[1], a, b, c, d,
    ]
}

#[cfg(test)]
mod tests;
