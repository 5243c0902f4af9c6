//! Datagrams that arrived and the messages in them that are still to be read. No I/O: the
//! connection fills it, tests feed it.

use std::collections::VecDeque;
use std::ops::Range;

use super::message::Frame;
use super::{Failure, reject};
use crate::netlink::message::{flag, kind};

/// Bytes of one receive buffer. The kernel makes a dump's datagrams as large as the largest
/// buffer it has seen on the socket, up to 32 KiB (`netlink_dump` in net/netlink/af_netlink.c).
pub(crate) const DATAGRAM: usize = 32 * 1024;

/// Datagrams taken from the socket by one system call. A dump ends with a datagram of its own,
/// so two are what a short dump takes.
pub(crate) const DATAGRAMS: usize = 2;

/// What a message says, with the sequence number of the request that it answers.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) sequence: u32,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// A message of the protocol; [`Inbox::payload`] gives its bytes, without the header.
    Data(Range<usize>),
    /// The request was carried out.
    Ack,
    /// The request was refused.
    Rejected(reject::Rejection),
    /// The end of a dump, with the error that cut it short.
    Done(Option<reject::Rejection>),
    /// The kernel dropped messages, and which is not known.
    Overrun,
}

struct Datagram {
    length: usize,
    cut_off: bool,
}

/// Received datagrams and how far they are read.
pub(crate) struct Inbox {
    buffer: Box<[u8]>,
    filled: VecDeque<(usize, Datagram)>,
    /// Where the next message begins in the first of `filled`.
    at: usize,
    /// A dump was changed underneath, so that it may miss or repeat things.
    interrupted: bool,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; DATAGRAM * DATAGRAMS].into_boxed_slice(),
            filled: VecDeque::with_capacity(DATAGRAMS),
            at: 0,
            interrupted: false,
        }
    }

    /// The receive buffers, all free: to be called when every message was read.
    pub(crate) fn buffers(&mut self) -> impl Iterator<Item = &mut [u8]> {
        debug_assert!(self.filled.is_empty());
        self.buffer.chunks_exact_mut(DATAGRAM)
    }

    /// Says that buffer number `index` holds a datagram now. What does not come from the kernel
    /// (`sender` 0) is not looked at: any process may send to a netlink socket it can name.
    pub(crate) fn filled(&mut self, index: usize, length: usize, cut_off: bool, sender: u32) {
        if sender == 0 {
            let length = length.min(DATAGRAM);
            self.filled.push_back((index, Datagram { length, cut_off }));
        }
    }

    /// The bytes of a [`Content::Data`], until the next datagram is received.
    pub(crate) fn payload(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Whether a message since the last call had `NLM_F_DUMP_INTR`.
    pub(crate) fn take_interrupted(&mut self) -> bool {
        std::mem::take(&mut self.interrupted)
    }

    /// The next message, or `None` when another datagram has to be received.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            let Some((index, datagram)) = self.filled.front() else {
                return Ok(None);
            };
            let start = index * DATAGRAM;
            let bytes = &self.buffer[start..start + datagram.length];
            if self.at >= bytes.len() {
                self.filled.pop_front();
                self.at = 0;
                continue;
            }
            let (frame, next) = match Frame::read(bytes, self.at, datagram.cut_off) {
                Ok(read) => read,
                Err(malformed) => {
                    self.filled.pop_front();
                    self.at = 0;
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

    fn event(&mut self, frame: &Frame, payload: Range<usize>) -> Result<Option<Event>, Failure> {
        self.interrupted |= frame.header.flags & flag::DUMP_INTR != 0;
        let bytes = &self.buffer[payload.clone()];
        let content = match frame.header.kind {
            kind::NOOP => return Ok(None),
            kind::OVERRUN => Content::Overrun,
            kind::ERROR => match reject::read(frame, bytes)? {
                None => Content::Ack,
                Some(rejection) => Content::Rejected(rejection),
            },
            // The kernel puts a number into it that is negative when the dump failed.
            kind::DONE => Content::Done(done(bytes)),
            _ if !frame.complete => return Err(Failure::CutOff),
            _ => Content::Data(payload),
        };
        Ok(Some(Event {
            sequence: frame.header.sequence,
            content,
        }))
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

#[cfg(test)]
impl Inbox {
    /// Puts a datagram in as the connection would.
    pub(crate) fn feed(&mut self, datagram: &[u8], cut_off: bool, sender: u32) {
        let index = self.filled.len();
        let start = index * DATAGRAM;
        self.buffer[start..start + datagram.len()].copy_from_slice(datagram);
        self.filled(index, datagram.len(), cut_off, sender);
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
    fn a_cut_off_error_is_read_and_cut_off_data_is_a_failure() {
        let mut inbox = Inbox::new();
        let error = message(
            kind::ERROR,
            0,
            5,
            &[&(-17i32).to_ne_bytes()[..], &[0; 400]].concat(),
        );
        inbox.feed(&error[..100], true, 0);
        let event = inbox.next().unwrap().unwrap();
        assert!(matches!(event.content, Content::Rejected(rejection) if rejection.code == 17));

        inbox.feed(&message(20, 0, 6, &[0; 400])[..100], true, 0);
        assert!(matches!(inbox.next(), Err(Failure::CutOff)));
        assert!(inbox.next().unwrap().is_none(), "nothing is left of it");
    }

    #[test]
    fn an_interrupted_dump_is_remembered_until_asked() {
        let mut inbox = Inbox::new();
        inbox.feed(&message(20, flag::DUMP_INTR, 5, &[]), false, 0);
        inbox.next().unwrap();
        assert!(inbox.take_interrupted());
        assert!(!inbox.take_interrupted());
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
