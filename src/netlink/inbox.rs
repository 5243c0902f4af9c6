//! Received datagrams and their messages that are still to be read. It does no I/O: the transport
//! or a test fills it.

use std::collections::VecDeque;
use std::ops::Range;

use super::message::Frame;
use super::{Failure, reject};
use crate::netlink::message::{flag, kind};

/// The size of all receive buffers together, in bytes.
const BUFFER: usize = 64 * 1024;
/// The number of buffers for the first datagrams. Most requests have one answer, and more buffers
/// would touch new memory.
const FEW: usize = 4;

/// The kind of datagrams to receive, which determines the size of the buffers. One system call
/// receives as many datagrams as there are buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Datagrams of any size. The kernel makes a dump's datagrams as large as the largest buffer
    /// that it has seen on the socket, up to 32 KiB (`netlink_dump` in
    /// net/netlink/af_netlink.c). A dump's end is a datagram of its own, so a short dump needs
    /// two buffers.
    Anything,
    /// At most this many ACKs and errors, each in a datagram of its own: 36 bytes and an extended
    /// ACK of a sentence and a few numbers. An error that echoes the request, such as ipset's, is
    /// cut off.
    Replies(u32),
}

impl Expected {
    /// Returns the number of buffers and the size of each in bytes.
    fn buffers(self) -> (usize, usize) {
        const LONG: usize = BUFFER / 2;
        const SHORT: usize = 256;
        match self {
            Self::Anything => (BUFFER / LONG, LONG),
            Self::Replies(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                (most.clamp(1, BUFFER / SHORT), SHORT)
            }
        }
    }
}

/// The content of a message, with the sequence number of the request that it answers.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) sequence: u32,
    /// True if the message has `NLM_F_DUMP_INTR`: the data changed during the dump, so items may
    /// be missing or repeated.
    pub(crate) interrupted: bool,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// A message of the protocol. [`Inbox::payload`] returns its bytes without the header.
    Data(Range<usize>),
    /// A message of the protocol that did not fit the receive buffer.
    CutOff,
    /// The kernel carried out the request.
    Ack,
    /// The kernel refused the request.
    Rejected(reject::Rejection),
    /// The end of a dump, with the error if one ended it early.
    Done(Option<reject::Rejection>),
    /// The kernel dropped messages. It is unknown which.
    Overrun,
}

struct Datagram {
    place: Range<usize>,
    cut_off: bool,
}

/// Received datagrams, and the position up to which they were read.
pub(crate) struct Inbox {
    buffer: Box<[u8]>,
    expected: Expected,
    /// True if the last system call filled all buffers, so many more datagrams may be there.
    many: bool,
    filled: VecDeque<Datagram>,
    /// The position of the next message in the first datagram of `filled`.
    at: usize,
    /// The number of datagrams that were read to their end.
    finished: u64,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER].into_boxed_slice(),
            expected: Expected::Anything,
            many: false,
            filled: VecDeque::new(),
            at: 0,
            finished: 0,
        }
    }

    /// Sets the kind of datagrams to receive next.
    pub(crate) fn expect(&mut self, expected: Expected) {
        self.expected = expected;
        self.many = false;
    }

    /// Returns the receive buffers, which are all free, and the record of what arrives in them.
    /// All messages must have been read before.
    pub(crate) fn receive(&mut self) -> (impl ExactSizeIterator<Item = &mut [u8]>, Arrivals<'_>) {
        debug_assert!(self.filled.is_empty());
        let (most, size) = self.expected.buffers();
        let count = if self.many { most } else { most.min(FEW) };
        self.many = false;
        let arrivals = Arrivals {
            size,
            count,
            many: &mut self.many,
            filled: &mut self.filled,
        };
        (self.buffer.chunks_exact_mut(size).take(count), arrivals)
    }

    /// Returns the number of datagrams that were received and not read to their end.
    #[cfg(feature = "tokio")]
    pub(crate) fn datagrams(&self) -> usize {
        self.filled.len()
    }

    /// Returns the bytes of a [`Content::Data`]. They are valid until the next call of
    /// [`Inbox::receive`].
    pub(crate) fn payload(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Returns the number of the datagram that contained the last event.
    pub(crate) fn datagram(&self) -> u64 {
        self.finished
    }

    /// Returns the next message, or `None` if another datagram has to be received first.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            let Some(datagram) = self.filled.front() else {
                return Ok(None);
            };
            let start = datagram.place.start;
            let bytes = &self.buffer[datagram.place.clone()];
            if self.at >= bytes.len() {
                self.finish_datagram();
                continue;
            }
            let (frame, next) = match Frame::read(bytes, self.at, datagram.cut_off) {
                Ok(read) => read,
                Err(malformed) => {
                    self.finish_datagram();
                    return Err(malformed.into());
                }
            };
            self.at = next;
            let payload = start + frame.payload.start..start + frame.payload.end;
            if let Some(event) = self.event(&frame, payload)? {
                return Ok(Some(event));
            }
        }
    }

    fn finish_datagram(&mut self) {
        self.filled.pop_front();
        self.at = 0;
        self.finished += 1;
    }

    fn event(&self, frame: &Frame, payload: Range<usize>) -> Result<Option<Event>, Failure> {
        let bytes = &self.buffer[payload.clone()];
        let content = match frame.header.kind {
            kind::NOOP => return Ok(None),
            kind::OVERRUN => Content::Overrun,
            kind::ERROR => match reject::read(frame, bytes)? {
                None => Content::Ack,
                Some(rejection) => Content::Rejected(rejection),
            },
            // It contains a number, which is negative if the dump failed.
            kind::DONE => Content::Done(done(bytes)),
            _ if !frame.complete => Content::CutOff,
            _ => Content::Data(payload),
        };
        Ok(Some(Event {
            sequence: frame.header.sequence,
            interrupted: frame.header.flags & flag::DUMP_INTR != 0,
            content,
        }))
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox")
            .field("expected", &self.expected)
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

/// The record of the datagrams that arrive in the receive buffers.
pub(crate) struct Arrivals<'a> {
    size: usize,
    count: usize,
    many: &'a mut bool,
    filled: &'a mut VecDeque<Datagram>,
}

impl Arrivals<'_> {
    /// Records that buffer number `index` contains a datagram. It ignores datagrams that are not
    /// from the kernel (`sender` 0), because any process may send to a netlink socket.
    pub(crate) fn filled(&mut self, index: usize, length: usize, cut_off: bool, sender: u32) {
        *self.many = index + 1 == self.count;
        if sender == 0 {
            let start = index * self.size;
            let place = start..start + length.min(self.size);
            self.filled.push_back(Datagram { place, cut_off });
        }
    }
}

fn done(payload: &[u8]) -> Option<reject::Rejection> {
    let code = i32::from_ne_bytes(*payload.first_chunk()?);
    (code < 0).then(|| reject::Rejection {
        code: code.saturating_neg(),
        extended: None,
        echo: Vec::new(),
    })
}

#[cfg(any(test, fuzzing))]
impl Inbox {
    /// Adds a datagram as a transport would.
    pub(crate) fn feed(&mut self, datagram: &[u8], cut_off: bool, sender: u32) {
        let index = self.filled.len();
        let (_, size) = self.expected.buffers();
        let cut_off = cut_off || datagram.len() > size;
        let length = datagram.len().min(size);
        let start = index * size;
        self.buffer[start..start + length].copy_from_slice(&datagram[..length]);
        let mut arrivals = Arrivals {
            size,
            count: index + 1,
            many: &mut self.many,
            filled: &mut self.filled,
        };
        arrivals.filled(index, length, cut_off, sender);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::write;
    use crate::wire::Writer;

    fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer, kind, flags, sequence, |writer| {
            writer.raw(payload)
        });
        writer.bytes().to_vec()
    }

    #[test]
    fn several_messages_in_one_datagram_and_several_datagrams() {
        let mut inbox = Inbox::new();
        let first = [message(20, 2, 5, &[1, 2, 3, 4]), message(20, 2, 5, &[5])].concat();
        inbox.feed(&first, false, 0);
        inbox.feed(&message(kind::DONE, 2, 5, &0i32.to_ne_bytes()), false, 0);
        let mut payloads = Vec::new();
        while let Some(event) = inbox.next().unwrap() {
            assert_eq!(event.sequence, 5);
            match event.content {
                Content::Data(payload) => payloads.push(inbox.payload(payload).to_vec()),
                Content::Done(None) => payloads.push(vec![]),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(payloads, [&[1, 2, 3, 4][..], &[5], &[]]);
    }

    #[test]
    fn a_foreign_senders_datagram_is_not_looked_at() {
        let mut inbox = Inbox::new();
        inbox.feed(&message(kind::ERROR, 0, 5, &[0; 20]), false, 4711);
        assert!(inbox.next().unwrap().is_none());
    }

    #[test]
    fn a_cut_off_error_is_read_and_cut_off_data_says_so() {
        let mut inbox = Inbox::new();
        inbox.expect(Expected::Replies(3));
        // When ipset refuses an entry, it echoes the whole request.
        let request = message(0x609, 5, 5, &[7; 65_000]);
        let code = (-17i32).to_ne_bytes();
        let error = message(kind::ERROR, 0, 5, &[&code[..], &request].concat());
        inbox.feed(&error, false, 0);
        inbox.feed(&message(20, 0, 6, &[0; 400]), false, 0);
        inbox.feed(&message(kind::ERROR, 0, 7, &[0; 20]), false, 0);
        let event = inbox.next().unwrap().unwrap();
        let Content::Rejected(rejection) = event.content else {
            panic!("{event:?}");
        };
        assert_eq!(rejection.code, 17);
        assert!(rejection.echo.len() >= 100 && rejection.echo.iter().all(|it| *it == 7));
        let event = inbox.next().unwrap().unwrap();
        assert!(matches!(
            (event.sequence, event.content),
            (6, Content::CutOff)
        ));
        let event = inbox.next().unwrap().unwrap();
        assert!(matches!((event.sequence, event.content), (7, Content::Ack)));
        assert!(inbox.next().unwrap().is_none());
    }

    #[test]
    fn buffers_are_large_for_anything_and_many_for_replies_once_there_are_many() {
        let mut inbox = Inbox::new();
        for (expected, first, then, size) in [
            (Expected::Anything, 2, 2, 32 * 1024),
            (Expected::Replies(0), 1, 1, 256),
            (Expected::Replies(5), 4, 5, 256),
            (Expected::Replies(u32::MAX), 4, 256, 256),
        ] {
            inbox.expect(expected);
            // Fills all buffers twice, then all but one. Then there is the first number again.
            for (count, filled) in [(first, first), (then, then), (then, then - 1), (first, 0)] {
                let (buffers, mut arrivals) = inbox.receive();
                assert_eq!(buffers.len(), count, "{expected:?}");
                assert!(buffers.into_iter().all(|it| it.len() == size));
                (0..filled).for_each(|index| arrivals.filled(index, 16, false, 4711));
            }
        }
    }

    #[test]
    #[cfg(feature = "tokio")]
    fn datagrams_count_until_they_are_read_to_their_end() {
        let mut inbox = Inbox::new();
        assert_eq!(inbox.datagrams(), 0);
        inbox.feed(&message(20, 0, 5, &[]), false, 0);
        inbox.feed(&message(20, 0, 5, &[]), false, 0);
        assert_eq!(inbox.datagrams(), 2);
        while inbox.next().unwrap().is_some() {}
        assert_eq!(inbox.datagrams(), 0);
    }

    #[test]
    fn a_message_of_an_interrupted_dump_says_so() {
        let mut inbox = Inbox::new();
        inbox.feed(&message(20, flag::DUMP_INTR, 5, &[]), false, 0);
        inbox.feed(&message(20, 0, 5, &[]), false, 0);
        assert!(inbox.next().unwrap().unwrap().interrupted);
        assert!(!inbox.next().unwrap().unwrap().interrupted);
    }

    #[test]
    fn a_dump_that_failed_says_why_at_its_end() {
        let mut inbox = Inbox::new();
        inbox.feed(
            &message(kind::DONE, 2, 5, &(-12i32).to_ne_bytes()),
            false,
            0,
        );
        let event = inbox.next().unwrap().unwrap();
        assert!(matches!(event.content, Content::Done(Some(rejection)) if rejection.code == 12));
    }

    #[test]
    fn overruns_and_noops() {
        let mut inbox = Inbox::new();
        let datagram = [
            message(kind::NOOP, 0, 1, &[]),
            message(kind::OVERRUN, 0, 1, &[]),
        ]
        .concat();
        inbox.feed(&datagram, false, 0);
        let event = inbox.next().unwrap().unwrap();
        assert!(matches!(event.content, Content::Overrun));
        assert!(inbox.next().unwrap().is_none());
    }

    #[test]
    fn garbage_is_one_failure_and_the_next_datagram_is_read() {
        let mut inbox = Inbox::new();
        inbox.feed(&[0; 16], false, 0);
        inbox.feed(&message(20, 2, 5, &[]), false, 0);
        assert!(matches!(inbox.next(), Err(Failure::Malformed(_))));
        assert!(inbox.next().unwrap().is_some());
    }
}
