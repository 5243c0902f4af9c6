//! Many entries in one message. No I/O.

use std::ops::Range;

use super::answer::{self, attributes};
use super::attr::{data, top};
use super::body;
use super::code::Command;
use super::encode::{Purpose, Refusal};
use super::{Entry, IpSet, SetType};
use crate::netlink::message as netlink;
use crate::netlink::{Rejection, flag};
use crate::wire::{ATTRIBUTE_HEADER, Attributes, NESTED, NET_BYTE_ORDER, Writer};

/// The most bytes that an attribute's content has: its length is a u16 and counts the header.
const MOST: usize = u16::MAX as usize - ATTRIBUTE_HEADER;

/// A message in the making: a header, and the entries one after the other.
///
/// Each entry carries a line number, which the kernel tells of the one that it refuses; it also
/// tells this which entry of the caller's that is. After a refusal the rest is sent by moving the
/// header to right before it, over entries that were dealt with.
pub(crate) struct Batch {
    writer: Writer,
    header: Vec<u8>,
    limit: usize,
    /// The position of the first entry, which has line number 1.
    base: u64,
    count: usize,
}

/// Why [`Batch::fill`] stopped.
pub(crate) enum Filled<K: SetType> {
    /// There are no more entries.
    End,
    /// The message is full.
    Full,
    /// An entry is none that the set takes.
    Refused(u64, Entry<K>, Refusal),
}

/// An entry of the batch that the kernel refused.
pub(crate) struct Culprit {
    pub(crate) position: u64,
    /// How many entries stand before it from where the message began.
    pub(crate) before: usize,
    pub(crate) place: Range<usize>,
}

impl Batch {
    /// `limit`: the most bytes of a message.
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
        // The kernel overwrites it with the number of the entry that it refuses. A zero that
        // comes back means that it refused the message.
        writer.u32_net(top::LINENO, 0);
        writer.open(top::ADT);
        let header = writer.bytes().to_vec();
        Self {
            limit: limit.min(header.len() + MOST),
            writer,
            header,
            base: 0,
            count: 0,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Where the entries are.
    pub(crate) fn entries(&self) -> Range<usize> {
        self.header.len()..self.writer.len()
    }

    /// Their bytes.
    pub(crate) fn content(&self) -> &[u8] {
        &self.writer.bytes()[self.entries()]
    }

    /// Empties it.
    pub(crate) fn clear(&mut self) {
        self.writer.truncate(self.header.len());
        self.count = 0;
    }

    /// Takes entries, of which `position` counts all that came before, until it is full.
    #[inline]
    pub(crate) fn fill<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        purpose: Purpose,
        position: &mut u64,
        entries: &mut impl Iterator<Item = E>,
    ) -> Filled<K> {
        if self.is_empty() {
            self.base = *position;
        }
        let room = self.limit.saturating_sub(self.writer.len());
        let Some(first) = self.next_line(*position, room) else {
            return Filled::Full;
        };
        let mut line = first;
        let filled = self.writer.tail(room, |tail| {
            loop {
                // Whatever it is, the next entry fits, so that there is no need to take it back.
                if !tail.has_room() {
                    break Filled::Full;
                }
                let Some(entry) = entries.next() else {
                    break Filled::End;
                };
                let entry = entry.into();
                let written = tail.append(|mut room| {
                    room.raw(&entry_header(line));
                    let mut room = entry.write_in(set, purpose, room)?;
                    room.close(0);
                    Ok(room)
                });
                line += 1;
                if let Err(refusal) = written {
                    let refused = self.base + u64::from(line - 2);
                    break Filled::Refused(refused, entry, refusal);
                }
            }
        });
        let taken = line - first;
        *position += u64::from(taken);
        self.count += taken as usize - usize::from(matches!(filled, Filled::Refused(..)));
        filled
    }

    /// The line number of the entry at `position`, if it and those that fit `room` have one.
    fn next_line(&self, position: u64, room: usize) -> Option<u32> {
        let line = u32::try_from(position - self.base).ok()?.checked_add(1)?;
        let most = u32::try_from(room).ok()?;
        line.checked_add(most).map(|_| line)
    }

    /// The end of at most `most` entries from `start` on, and how many they are.
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

    /// The message with these entries; its sequence number is still to be written.
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

    /// The position of the entry at a place.
    pub(crate) fn position(&self, start: usize) -> u64 {
        let line = self.walk(start).next().map_or(1, |(line, _)| line);
        self.base + u64::from(line.saturating_sub(1))
    }

    /// The positions of the entries at these places.
    pub(crate) fn positions(&self, entries: Range<usize>) -> Range<u64> {
        let lines = self.walk(entries.start);
        let lines = lines.take_while(|(_, place)| place.end <= entries.end);
        let end = lines.last().map_or(0, |(line, _)| line);
        self.position(entries.start)..self.base + u64::from(end)
    }

    /// The entry that a rejection is about, of those from `start` on; `None` if it is about the
    /// whole message.
    pub(crate) fn culprit(&self, start: usize, rejection: &Rejection) -> Option<Culprit> {
        let echo = attributes(&rejection.echo).ok()?;
        // The echo may be cut off behind it.
        let line = answer::find(echo, top::LINENO).ok()??.u32_be().ok()?;
        let mut walk = self.walk(start).enumerate();
        let (before, (_, place)) = walk.find(|(_, (number, _))| *number == line)?;
        Some(Culprit {
            position: self.base + u64::from(line - 1),
            before,
            place,
        })
    }

    /// What an entry was made from.
    pub(crate) fn read<K: SetType>(&self, kind: &K, place: Range<usize>) -> Option<Entry<K>> {
        let bytes = self.writer.bytes().get(place)?;
        let entry = bytes.get(ATTRIBUTE_HEADER..)?;
        Entry::read(kind, Attributes::new(entry)).ok()
    }

    /// The entries from a place on: line number and place of each.
    fn walk(&self, start: usize) -> impl Iterator<Item = (u32, Range<usize>)> {
        let bytes = self.writer.bytes();
        let mut at = start;
        std::iter::from_fn(move || {
            let entry = bytes.get(at..)?.first_chunk::<12>()?;
            let length = usize::from(u16::from_ne_bytes([entry[0], entry[1]]));
            let line = u32::from_be_bytes([entry[8], entry[9], entry[10], entry[11]]);
            let place = at..at + length;
            at += length.max(entry.len());
            Some((line, place))
        })
    }
}

/// The header of an entry's nest, its length still to be written, and the line number: the first
/// attribute, so that [`Batch::walk`] finds it.
#[inline]
fn entry_header(line: u32) -> [u8; 12] {
    const DATA: [u8; 2] = (top::DATA | NESTED).to_ne_bytes();
    const LENGTH: [u8; 2] = 8u16.to_ne_bytes();
    const LINENO: [u8; 2] = (data::LINENO | NET_BYTE_ORDER).to_ne_bytes();
    let [a, b, c, d] = line.to_be_bytes();
    [
        0, 0, DATA[0], DATA[1], LENGTH[0], LENGTH[1], LINENO[0], LINENO[1], a, b, c, d,
    ]
}
