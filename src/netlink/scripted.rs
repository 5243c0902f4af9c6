//! A transport for unit tests with made-up replies, for those that no kernel sends on demand.

use std::collections::VecDeque;
use std::time::Duration;

use nix::errno::Errno;

use super::Failure;
use super::connection::Transport;
use super::discard::Rest;
use super::exchange::Dump;
use super::inbox::Inbox;
use super::message::{Header, flag, kind, write};
use crate::wire::Writer;

/// The outcome of receiving.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Datagram(Vec<u8>),
    /// A datagram that was longer than the buffer.
    CutOff(Vec<u8>),
    /// A datagram of another process.
    Foreign(Vec<u8>),
    /// `ENOBUFS`
    Lost,
    /// The socket fails. If this is the first reply to a datagram, that is not sent.
    Failed(Errno),
}

/// A kernel that answers each datagram with the replies that `script` returns.
pub(crate) struct Scripted<F> {
    script: F,
    replies: VecDeque<Reply>,
}

impl<F: FnMut(&Request<'_>) -> Vec<Reply>> Scripted<F> {
    pub(crate) fn new(script: F) -> Self {
        Self {
            script,
            replies: VecDeque::new(),
        }
    }
}

/// A datagram that was sent.
pub(crate) struct Request<'a> {
    pub(crate) bytes: &'a [u8],
    /// The header of its first message.
    pub(crate) header: Header,
    /// The number of replies to earlier datagrams that were not received yet.
    pub(crate) unread: usize,
}

impl Request<'_> {
    fn reply(&self, kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer, kind, flags, self.header.sequence, |writer| {
            writer.raw(payload);
        });
        writer.bytes().to_vec()
    }

    /// Returns a message of the protocol.
    pub(crate) fn data(&self, flags: u16, payload: &[u8]) -> Reply {
        Reply::Datagram(self.reply(self.header.kind, flags, payload))
    }

    /// Returns a refusal, or an ACK if `code` is 0.
    pub(crate) fn error(&self, code: i32) -> Reply {
        let payload = [&(-code).to_ne_bytes()[..], &self.bytes[..16]].concat();
        Reply::Datagram(self.reply(kind::ERROR, flag::CAPPED, &payload))
    }

    /// Returns a message of a kind that every protocol has, without content.
    pub(crate) fn of_kind(&self, kind: u16) -> Reply {
        Reply::Datagram(self.reply(kind, 0, &[]))
    }

    /// Returns the end of a dump.
    pub(crate) fn done(&self) -> Reply {
        Reply::Datagram(self.reply(kind::DONE, 0, &0i32.to_ne_bytes()))
    }

    /// Returns the same request with another sequence number.
    pub(crate) fn numbered(&self, sequence: u32) -> Self {
        Self {
            bytes: self.bytes,
            header: Header {
                sequence,
                ..self.header
            },
            unread: self.unread,
        }
    }
}

impl<F: FnMut(&Request<'_>) -> Vec<Reply>> Transport for Scripted<F> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let header = Header::read(bytes)?;
        let unread = self.replies.len();
        let request = Request {
            bytes,
            header,
            unread,
        };
        let replies = (self.script)(&request);
        if let Some(Reply::Failed(errno)) = replies.first() {
            return Err((*errno).into());
        }
        self.replies.extend(replies);
        Ok(())
    }

    fn receive(&mut self, inbox: &mut Inbox) -> Result<bool, Failure> {
        match self.replies.pop_front() {
            None => return Ok(false),
            Some(Reply::Lost) => return Err(Failure::RepliesLost),
            Some(Reply::Failed(errno)) => return Err(errno.into()),
            Some(Reply::Datagram(bytes)) => inbox.feed(&bytes, false, 0),
            Some(Reply::CutOff(bytes)) => inbox.feed(&bytes, true, 0),
            Some(Reply::Foreign(bytes)) => inbox.feed(&bytes, false, 4711),
        }
        Ok(true)
    }

    async fn give_way(&mut self) {}

    fn discard(&mut self, dump: Dump, inbox: &mut Inbox) {
        Rest::new(dump).discard(self, inbox);
    }

    async fn discarded(&mut self) {}

    async fn pause(&mut self, _: Duration) {}

    fn send_limit(&self) -> usize {
        64 * 1024
    }

    fn reply_limit(&self) -> u32 {
        1000
    }
}
