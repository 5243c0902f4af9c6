//! Drives the exchanges over a transport: the only place where sending and receiving meet what
//! the replies mean.

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::exchange::{Answer, Dump, Dumped, Pipeline, Single};
use super::inbox::{Event, Expected, Inbox};
use super::message::{self, flag};
use super::{Failure, Outcome, Packet};
use crate::wire::{Oversized, Writer};

/// The most bytes of requests in a packet: some 500 of them. More are not faster, and take
/// memory that was not touched before.
const PACKET: usize = 64 * 1024;

/// What carries datagrams to the kernel and back: the blocking [`Socket`](super::Socket), whose
/// futures are ready at once (see [`ready`]), or tokio's.
pub(crate) trait Transport {
    /// Sends one datagram.
    async fn send(&mut self, datagram: &[u8]) -> Result<(), Failure>;

    /// Waits until at least one datagram is there, and puts what is there into the inbox.
    async fn receive(&mut self, inbox: &mut Inbox) -> Result<(), Failure>;

    /// Sends one datagram if that needs no waiting; false if it would.
    fn try_send(&mut self, datagram: &[u8]) -> Result<bool, Failure>;

    /// Puts what is there into the inbox without waiting; false if nothing was.
    fn try_receive(&mut self, inbox: &mut Inbox) -> Result<bool, Failure>;

    /// The most bytes that one datagram to the kernel may have.
    fn send_limit(&self) -> usize;

    /// The most requests whose replies the receive buffer certainly holds.
    fn reply_limit(&self) -> u32;
}

/// The result of a future that never waits, because its transport is a blocking one.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a blocking transport never leaves a future waiting"),
    }
}

/// A socket with its sequence numbers and buffers. One exchange at a time.
///
/// A future of its methods may be dropped at any time: what is still to come for the request is
/// passed over by those that follow, and a dump is ended by the next request.
pub(crate) struct Connection<T> {
    transport: T,
    inbox: Inbox,
    writer: Writer,
    sequence: u32,
    dump: Option<Dump>,
    /// The packet that was used last: its memory serves the next one.
    spare: Option<Packet>,
}

/// One step of reading a dump.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DumpStep {
    /// A message; [`Connection::payload`] gives its bytes until the next step.
    Data(Range<usize>),
    /// There is no more.
    End,
}

impl<T: Transport> Connection<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self {
            transport,
            inbox: Inbox::new(),
            writer: Writer::with_capacity(4096),
            // Any number will do; zero is what notifications carry.
            sequence: 1,
            dump: None,
            spare: None,
        }
    }

    /// Sends a request and waits for its ACK.
    pub(crate) async fn command(
        &mut self,
        kind: u16,
        flags: u16,
        content: impl FnOnce(&mut Writer),
    ) -> Result<(), Failure> {
        self.single(kind, flags | flag::ACK, content)
            .await
            .map(drop)
    }

    /// Sends a request and gives the message that answers it.
    pub(crate) async fn query(
        &mut self,
        kind: u16,
        flags: u16,
        content: impl FnOnce(&mut Writer),
    ) -> Result<&[u8], Failure> {
        match self.single(kind, flags, content).await? {
            Answer::Data(payload) => Ok(self.inbox.payload(payload)),
            Answer::Ack => Ok(&[]),
        }
    }

    /// Sends a request that lies ready but for its sequence number, and waits for its ACK.
    pub(crate) async fn send_ready(&mut self, message: &mut [u8]) -> Result<(), Failure> {
        self.abandon_dump();
        self.sequence = self.sequence.wrapping_add(1);
        message::set_sequence(message, self.sequence);
        self.transport.send(message).await?;
        self.answer(self.sequence).await.map(drop)
    }

    async fn single(
        &mut self,
        kind: u16,
        flags: u16,
        content: impl FnOnce(&mut Writer),
    ) -> Result<Answer, Failure> {
        let sequence = self.send_one(kind, flags, content).await?;
        self.answer(sequence).await
    }

    async fn answer(&mut self, sequence: u32) -> Result<Answer, Failure> {
        let mut single = Single { sequence };
        loop {
            let event = match self.event().await {
                Err(Failure::RepliesLost) => {
                    // The kernel tells it once, and loses replies until the buffer is empty.
                    self.read_what_is_left(drop);
                    return Err(Failure::RepliesLost);
                }
                event => event?,
            };
            if let Some(answer) = single.event(event)? {
                return Ok(answer);
            }
        }
    }

    /// Asks for a dump; [`Connection::dump_next`] reads it.
    pub(crate) async fn dump(
        &mut self,
        kind: u16,
        content: impl FnOnce(&mut Writer),
    ) -> Result<(), Failure> {
        let sequence = self.send_one(kind, flag::DUMP, content).await?;
        self.dump = Some(Dump { sequence });
        Ok(())
    }

    /// The next message of the dump that was asked for last.
    ///
    /// An interrupted dump is given to its end, and then is an error instead of an end.
    pub(crate) async fn dump_next(&mut self) -> Result<DumpStep, Failure> {
        let Some(mut dump) = self.dump else {
            return Ok(DumpStep::End);
        };
        loop {
            // The dump stays noted while this waits, in case that nobody waits for it any more.
            let event = match self.event().await {
                Ok(event) => event,
                Err(failure) => {
                    // Whether more of it is coming is unknown: drop what comes later.
                    self.abandon_dump();
                    return Err(failure);
                }
            };
            match dump.event(event) {
                Ok(None) => {}
                Ok(Some(Dumped::Data(payload))) => return Ok(DumpStep::Data(payload)),
                Ok(Some(Dumped::End)) => {
                    self.dump = None;
                    if self.inbox.take_interrupted() {
                        return Err(Failure::Interrupted);
                    }
                    return Ok(DumpStep::End);
                }
                Err(failure) => {
                    self.dump = None;
                    return Err(failure);
                }
            }
        }
    }

    /// The number of the datagram that the last message came in. What a dump gives in one
    /// datagram, the kernel gathered in one go.
    pub(crate) fn datagram(&self) -> u64 {
        self.inbox.datagram()
    }

    /// The bytes of a [`DumpStep::Data`], until the next step.
    pub(crate) fn payload(&self, range: Range<usize>) -> &[u8] {
        self.inbox.payload(range)
    }

    /// Ends a dump that nobody reads to its end, so that the kernel lets go of what it walks:
    /// a set that is being dumped cannot be destroyed. The kernel has no request for that, so
    /// the rest is received and dropped; it never has to be waited for.
    pub(crate) fn abandon_dump(&mut self) {
        // A future that waited for short replies may have been dropped.
        self.inbox.expect(Expected::Anything);
        let Some(mut dump) = self.dump.take() else {
            return;
        };
        loop {
            match self.inbox.next() {
                Ok(Some(event)) => match dump.event(event) {
                    Ok(Some(Dumped::End)) | Err(Failure::Rejected(_)) => break,
                    _ => {}
                },
                Ok(None) => match self.transport.try_receive(&mut self.inbox) {
                    Ok(true) | Err(Failure::RepliesLost) => {}
                    Ok(false) | Err(_) => break,
                },
                Err(_) => {}
            }
        }
        self.inbox.take_interrupted();
    }

    /// Sends a request that is to be carried out as far as it can be, without waiting for what
    /// comes of it: for those who clean up and can't do anything about a failure.
    pub(crate) fn send_and_forget(&mut self, kind: u16, content: impl FnOnce(&mut Writer)) {
        self.abandon_dump();
        self.write_one(kind, 0, content);
        if let Ok(datagram) = self.writer.finish() {
            let _ = self.transport.try_send(datagram);
        }
    }

    /// An empty packet; [`Connection::keep`] takes it back.
    pub(crate) fn packet(&mut self) -> Packet {
        let first = self.sequence.wrapping_add(1);
        match self.spare.take() {
            Some(mut packet) => {
                packet.clear(first);
                packet
            }
            None => Packet::new(first, PACKET),
        }
    }

    /// Takes a packet back that is not needed any more.
    pub(crate) fn keep(&mut self, packet: Packet) {
        self.spare = Some(packet);
    }

    /// Puts a request into the packet; false if it has no room left, or already so many that
    /// the receive buffer might not hold all replies.
    pub(crate) fn push(
        &self,
        packet: &mut Packet,
        kind: u16,
        content: impl FnOnce(&mut Writer),
    ) -> Result<bool, Oversized> {
        self.push_with(packet, kind, 0, content)
    }

    /// As [`Connection::push`], with flags.
    pub(crate) fn push_with(
        &self,
        packet: &mut Packet,
        kind: u16,
        flags: u16,
        content: impl FnOnce(&mut Writer),
    ) -> Result<bool, Oversized> {
        if packet.count() >= self.transport.reply_limit() {
            return Ok(false);
        }
        packet.push(self.send_limit().min(PACKET), kind, flags, content)
    }

    /// The most bytes that one datagram to the kernel may have.
    pub(crate) fn send_limit(&self) -> usize {
        self.transport.send_limit()
    }

    /// Sends the requests of a packet, waits until all of them are done, and empties it.
    pub(crate) async fn send_packet(&mut self, packet: &mut Packet) -> Result<Outcome, Failure> {
        if packet.is_empty() {
            return Ok(Outcome::default());
        }
        self.abandon_dump();
        let (first, last) = (packet.first(), packet.last());
        let replies = packet.count().saturating_add(1);
        self.sequence = last;
        self.transport.send(packet.close()).await?;
        packet.clear(last.wrapping_add(1));
        self.inbox.expect(Expected::Replies(replies));
        let mut pipeline = Pipeline::new(first, last);
        loop {
            match self.event().await {
                Ok(event) => {
                    if pipeline.event(event) {
                        return Ok(pipeline.outcome());
                    }
                }
                Err(Failure::RepliesLost) => {
                    pipeline.replies_lost();
                    self.read_what_is_left(|event| {
                        pipeline.event(event);
                    });
                    return Ok(pipeline.outcome());
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// After replies were lost: those that were not are in the socket by now, since the kernel
    /// answers before sending returns; whether the last one is among them is unknown.
    fn read_what_is_left(&mut self, mut take: impl FnMut(Event)) {
        loop {
            match self.inbox.next() {
                Ok(Some(event)) => take(event),
                Ok(None) => match self.transport.try_receive(&mut self.inbox) {
                    Ok(true) | Err(Failure::RepliesLost) => {}
                    Ok(false) | Err(_) => return,
                },
                Err(_) => {}
            }
        }
    }

    async fn send_one(
        &mut self,
        kind: u16,
        flags: u16,
        content: impl FnOnce(&mut Writer),
    ) -> Result<u32, Failure> {
        self.abandon_dump();
        self.write_one(kind, flags, content);
        self.transport.send(self.writer.finish()?).await?;
        Ok(self.sequence)
    }

    /// Writes a request with the next sequence number.
    fn write_one(&mut self, kind: u16, flags: u16, content: impl FnOnce(&mut Writer)) {
        self.sequence = self.sequence.wrapping_add(1);
        self.writer.truncate(0);
        let flags = flags | flag::REQUEST;
        message::write(&mut self.writer, kind, flags, self.sequence, content);
    }

    async fn event(&mut self) -> Result<Event, Failure> {
        loop {
            if let Some(event) = self.inbox.next()? {
                return Ok(event);
            }
            self.transport.receive(&mut self.inbox).await?;
        }
    }
}

impl<T> std::fmt::Debug for Connection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("sequence", &self.sequence)
            .field("dump", &self.dump)
            .finish_non_exhaustive()
    }
}
