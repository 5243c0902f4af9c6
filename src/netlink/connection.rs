//! Drives the exchanges over a transport: it sends requests, receives datagrams and passes their
//! messages to the exchange that waits for them.

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::exchange::{Answer, Dump, Dumped, Pipeline, Single};
use super::inbox::{Event, Expected, Inbox};
use super::message::{self, flag};
use super::{Failure, Outcome, Packet};
use crate::trace;
use crate::wire::{Oversized, Writer};

/// The maximum size of a packet in bytes, enough for some 500 requests. Larger packets are not
/// faster, and touch new memory.
const PACKET: usize = 64 * 1024;

/// Carries datagrams to the kernel and back. There is the blocking [`Socket`](super::Socket),
/// whose futures are ready at once (see [`ready`]), and tokio's.
///
/// A transport never waits for the kernel. The kernel carries out requests while they are sent,
/// on the sending thread. It writes the next part of a dump while the part before is received
/// (`netlink_unicast_kernel` and `netlink_recvmsg` in net/netlink/af_netlink.c). So every reply is
/// there when sending or receiving returns, and a reply that is not there never comes.
pub(crate) trait Transport {
    /// Sends one datagram. The kernel has carried out its requests when this returns.
    fn send(&mut self, datagram: &[u8]) -> Result<(), Failure>;

    /// Puts datagrams into the inbox. Returns false if none is there.
    fn receive(&mut self, inbox: &mut Inbox) -> Result<bool, Failure>;

    /// Lets other tasks run, if there are any and this one ran long enough.
    async fn give_way(&mut self);

    /// Receives the rest of a dump and discards it. The transport may do a part of this after it
    /// returns. `inbox` contains what was received of the dump.
    fn discard(&mut self, dump: Dump, inbox: &mut Inbox);

    /// Waits until nothing is left to discard.
    async fn discarded(&mut self);

    /// Waits for `time`.
    async fn pause(&mut self, time: Duration);

    /// Returns the maximum size of a datagram to the kernel, in bytes.
    fn send_limit(&self) -> usize;

    /// Returns the maximum number of requests whose replies certainly fit the receive buffer.
    fn reply_limit(&self) -> u32;
}

/// Returns the result of a future that never waits, because its transport is a blocking one.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a blocking transport never leaves a future waiting"),
    }
}

/// A transport with its sequence numbers and buffers. It handles one exchange at a time.
///
/// The futures of its methods may be dropped at any time. Later exchanges ignore the remaining
/// replies to such a request, and the next request waits for the end of a dump.
pub(crate) struct Connection<T> {
    transport: T,
    inbox: Inbox,
    writer: Writer,
    sequence: u32,
    dump: Option<Dump>,
    /// The last packet, whose memory the next packet reuses.
    spare: Option<Packet>,
}

/// One step of reading a dump.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DumpStep {
    /// A message. [`Connection::payload`] returns its bytes until the next step.
    Data(Range<usize>),
    /// The end of the dump.
    End,
}

impl<T: Transport> Connection<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self {
            transport,
            inbox: Inbox::new(),
            writer: Writer::with_capacity(4096),
            // Any number but zero, which notifications have.
            sequence: 1,
            dump: None,
            spare: None,
        }
    }

    /// Returns the transport.
    pub(crate) fn into_transport(self) -> T {
        self.transport
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

    /// Sends a request and returns the payload of the answer.
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

    /// Sends a request that is complete except for its sequence number, and waits for its ACK.
    pub(crate) async fn send_ready(&mut self, message: &mut [u8]) -> Result<(), Failure> {
        self.end_dump().await;
        self.sequence = self.sequence.wrapping_add(1);
        message::set_sequence(message, self.sequence);
        self.transport.send(message)?;
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
                    // The kernel reports this once, and drops replies until the buffer is empty.
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

    /// Requests a dump. [`Connection::dump_next`] reads it.
    pub(crate) async fn dump(
        &mut self,
        kind: u16,
        content: impl FnOnce(&mut Writer),
    ) -> Result<(), Failure> {
        let sequence = self.send_one(kind, flag::DUMP, content).await?;
        self.dump = Some(Dump::new(sequence));
        Ok(())
    }

    /// Returns the next message of the last dump.
    ///
    /// It returns all messages of an interrupted dump too, and then an error instead of the end.
    pub(crate) async fn dump_next(&mut self) -> Result<DumpStep, Failure> {
        while self.dump.is_some() {
            // `self.dump` stays set in the meantime, because this future may be dropped.
            let event = self.event().await;
            let Some(dump) = &mut self.dump else { break };
            let outcome = event.and_then(|event| dump.event(event));
            if Dump::is_over(&outcome) {
                self.dump = None;
            }
            match outcome {
                Ok(None) => {}
                Ok(Some(Dumped::Data(payload))) => return Ok(DumpStep::Data(payload)),
                Ok(Some(Dumped::End)) => break,
                Err(failure) => {
                    // The kernel may continue the dump.
                    self.leave_dump();
                    return Err(failure);
                }
            }
        }
        Ok(DumpStep::End)
    }

    /// Returns the number of the datagram that contained the last message. The kernel collects
    /// the messages of a dump's datagram in one step.
    pub(crate) fn datagram(&self) -> u64 {
        self.inbox.datagram()
    }

    /// Returns the bytes of a [`DumpStep::Data`]. They are valid until the next step.
    pub(crate) fn payload(&self, range: Range<usize>) -> &[u8] {
        self.inbox.payload(range)
    }

    /// Leaves a dump that was not read to its end. Its rest is received and discarded, now or in
    /// the background, so that the kernel releases the dumped objects: a set cannot be destroyed
    /// during its dump.
    pub(crate) fn leave_dump(&mut self) {
        // A future that expected short replies may have been dropped.
        self.inbox.expect(Expected::Anything);
        if let Some(dump) = self.dump.take() {
            self.transport.discard(dump, &mut self.inbox);
        }
    }

    /// As [`Connection::leave_dump`], but waits until the dump is over.
    async fn end_dump(&mut self) {
        self.leave_dump();
        self.transport.discarded().await;
    }

    /// Sends a request without waiting for its outcome. This is for cleaning up, where nothing can
    /// be done about a failure.
    pub(crate) fn send_and_forget(&mut self, kind: u16, content: impl FnOnce(&mut Writer)) {
        self.leave_dump();
        self.write_one(kind, 0, content);
        if let Ok(datagram) = self.writer.finish() {
            let _ = self.transport.send(datagram);
        }
    }

    /// Waits for `time`, for something in the kernel of which it sends no notice.
    pub(crate) async fn pause(&mut self, time: Duration) {
        self.transport.pause(time).await;
    }

    /// Returns an empty packet. [`Connection::keep`] takes it back.
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

    /// Takes back a packet that is no longer needed.
    pub(crate) fn keep(&mut self, packet: Packet) {
        self.spare = Some(packet);
    }

    /// Adds a request to the packet. Returns false if the packet has no room left, or if the
    /// replies to one more request might not fit the receive buffer.
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

    /// Returns the maximum size of a datagram to the kernel, in bytes.
    pub(crate) fn send_limit(&self) -> usize {
        self.transport.send_limit()
    }

    /// Sends the requests of a packet, empties the packet, and waits until the kernel has
    /// processed all of them.
    pub(crate) async fn send_packet(&mut self, packet: &mut Packet) -> Result<Outcome, Failure> {
        if packet.is_empty() {
            return Ok(Outcome::default());
        }
        self.end_dump().await;
        let (first, last) = (packet.first(), packet.last());
        let replies = packet.count().saturating_add(1);
        self.sequence = last;
        self.transport.send(packet.close())?;
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
                    pipeline.is_replies_lost();
                    self.read_what_is_left(|event| {
                        pipeline.event(event);
                    });
                    return Ok(pipeline.outcome());
                }
                // It is unknown which request this answers.
                Err(Failure::Malformed(_)) => pipeline.is_replies_lost(),
                Err(Failure::Unanswered) => {
                    pipeline.unanswered();
                    return Ok(pipeline.outcome());
                }
                // The requests were sent, so they are in doubt. If the socket failed for good, the
                // next one cannot be sent.
                Err(_) => {
                    pipeline.is_replies_lost();
                    return Ok(pipeline.outcome());
                }
            }
        }
    }

    /// Reads the remaining replies after the kernel dropped some. The kernel drops more replies
    /// until all are read.
    fn read_what_is_left(&mut self, mut take: impl FnMut(Event)) {
        loop {
            match self.next_now() {
                Ok(Some(event)) => take(event),
                Ok(None) => return,
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
        self.end_dump().await;
        self.write_one(kind, flags, content);
        self.transport.send(self.writer.finish()?)?;
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
            self.transport.give_way().await;
            let received = self.transport.receive(&mut self.inbox);
            if matches!(received, Err(Failure::RepliesLost)) {
                trace::replies_lost();
            }
            if !received? {
                return Err(Failure::Unanswered);
            }
        }
    }

    /// Returns the next event without letting other tasks run, or `None` if no more is there or
    /// the socket is broken. An error concerns a single datagram or message.
    fn next_now(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.inbox.next()? {
                return Ok(Some(event));
            }
            match self.transport.receive(&mut self.inbox) {
                Ok(true) => {}
                Err(Failure::RepliesLost) => return Err(Failure::RepliesLost),
                Ok(false) | Err(_) => return Ok(None),
            }
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use nix::errno::Errno;
    use nix::libc;

    use super::super::message::{Header, kind};
    use super::super::scripted::{Reply, Request, Scripted};
    use super::*;

    const LIST: u16 = 20;
    const TEST: u16 = 21;

    fn connected(
        script: impl FnMut(&Request<'_>) -> Vec<Reply>,
    ) -> Connection<Scripted<impl FnMut(&Request<'_>) -> Vec<Reply>>> {
        Connection::new(Scripted::new(script))
    }

    fn packet<T: Transport>(connection: &mut Connection<T>, count: u32) -> Packet {
        let mut packet = connection.packet();
        for _ in 0..count {
            assert!(connection.push(&mut packet, TEST, |_| {}).unwrap());
        }
        packet
    }

    /// Returns the lengths of a dump's messages, and the failure that ended it, if any.
    fn listed<T: Transport>(connection: &mut Connection<T>) -> (Vec<usize>, Option<Failure>) {
        let mut lengths = Vec::new();
        ready(connection.dump(LIST, |_| {})).unwrap();
        loop {
            match ready(connection.dump_next()) {
                Ok(DumpStep::Data(payload)) => lengths.push(payload.len()),
                Ok(DumpStep::End) => return (lengths, None),
                Err(failure) => return (lengths, Some(failure)),
            }
        }
    }

    #[test]
    fn nothing_waits_for_an_answer_that_is_not_there() {
        let mut connection = connected(|_| vec![]);
        let command = ready(connection.command(TEST, 0, |_| {}));
        assert!(matches!(command, Err(Failure::Unanswered)));
        let query = ready(connection.query(TEST, 0, |_| {})).map(drop);
        assert!(matches!(query, Err(Failure::Unanswered)));
        let (lengths, failure) = listed(&mut connection);
        assert!(lengths.is_empty() && matches!(failure, Some(Failure::Unanswered)));
        let mut packet = packet(&mut connection, 3);
        let outcome = ready(connection.send_packet(&mut packet)).unwrap();
        assert!(outcome.failures.is_empty() && outcome.is_replies_lost);
    }

    #[test]
    fn a_refusal_of_the_whole_datagram_refuses_each_request() {
        let mut connection = connected(|request| vec![request.error(libc::EPERM)]);
        let mut packet = packet(&mut connection, 3);
        let outcome = ready(connection.send_packet(&mut packet)).unwrap();
        let failures = outcome.failures.iter().map(|(index, it)| (*index, it.code));
        assert!(failures.eq((0..3).map(|index| (index, libc::EPERM))));
        assert!(!outcome.is_replies_lost);
    }

    #[test]
    fn a_malformed_reply_in_a_packet_leaves_doubt_about_those_without_one() {
        let mut connection = connected(|request| {
            let second = request.header.sequence + 1;
            let mut garbage = vec![0; 16];
            garbage[0] = 3;
            vec![
                request.error(libc::ENOENT),
                Reply::Datagram(garbage),
                request.numbered(second + 1).error(libc::EEXIST),
                request.numbered(second + 2).error(0),
            ]
        });
        let mut packet = packet(&mut connection, 3);
        let outcome = ready(connection.send_packet(&mut packet)).unwrap();
        let failures: Vec<_> = outcome
            .failures
            .iter()
            .map(|it| (it.0, it.1.code))
            .collect();
        assert_eq!(failures, [(0, libc::ENOENT), (2, libc::EEXIST)]);
        assert!(outcome.is_replies_lost);
    }

    #[test]
    fn requests_have_their_flags_and_numbers() {
        let log = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&log);
        let mut connection = connected(move |request| {
            let Header {
                flags, sequence, ..
            } = request.header;
            seen.borrow_mut().push((flags, sequence));
            assert_eq!(request.unread, 0, "what came before is read");
            match request.header.kind {
                LIST => vec![
                    request.data(0, &[1; 8]),
                    request.data(0, &[2; 4]),
                    request.done(),
                ],
                _ => vec![request.error(0)],
            }
        });
        let (plain, acked) = (flag::REQUEST, flag::REQUEST | flag::ACK);
        ready(connection.command(TEST, flag::EXCL, |_| {})).unwrap();
        let payload = ready(connection.query(TEST, 0, |_| {})).unwrap();
        assert!(payload.is_empty());
        // Each of the next requests is sent while a dump is being read.
        for next in 0..4 {
            ready(connection.dump(LIST, |_| {})).unwrap();
            assert!(matches!(
                ready(connection.dump_next()),
                Ok(DumpStep::Data(_))
            ));
            match next {
                0 => ready(connection.command(TEST, 0, |_| {})).unwrap(),
                1 => {
                    let mut writer = Writer::default();
                    message::write(&mut writer, TEST, acked, 0, |_| {});
                    let mut message = writer.bytes().to_vec();
                    ready(connection.send_ready(&mut message)).unwrap();
                }
                2 => {
                    let mut packet = packet(&mut connection, 1);
                    ready(connection.send_packet(&mut packet)).unwrap();
                }
                _ => connection.send_and_forget(TEST, |_| {}),
            }
        }
        let dump = plain | flag::DUMP;
        let expected = [
            (acked | flag::EXCL, 2),
            (plain, 3),
            (dump, 4),
            (acked, 5),
            (dump, 6),
            (acked, 7),
            (dump, 8),
            // A packet, and the message behind its request.
            (plain, 9),
            (dump, 11),
            (plain, 12),
        ];
        assert_eq!(*log.borrow(), expected);
    }

    #[test]
    fn a_request_that_was_written_before_can_be_refused() {
        let mut connection = connected(|request| vec![request.error(libc::EEXIST)]);
        let mut writer = Writer::default();
        message::write(&mut writer, TEST, flag::REQUEST | flag::ACK, 0, |_| {});
        let sent = ready(connection.send_ready(&mut writer.bytes().to_vec()));
        assert!(matches!(sent, Err(Failure::Rejected(it)) if it.code == libc::EEXIST));
    }

    #[test]
    fn the_messages_of_a_dump_have_their_bytes_and_the_number_of_their_datagram() {
        let mut connection = connected(|request| {
            let bytes = |content| match request.data(0, content) {
                Reply::Datagram(bytes) => bytes,
                other => panic!("{other:?}"),
            };
            let two = [bytes(&[1; 8]), bytes(&[2; 4])].concat();
            vec![
                Reply::Datagram(two),
                request.data(0, &[3; 12]),
                request.done(),
            ]
        });
        ready(connection.dump(LIST, |_| {})).unwrap();
        let mut found = Vec::new();
        while let DumpStep::Data(payload) = ready(connection.dump_next()).unwrap() {
            let payload = connection.payload(payload);
            found.push((payload[0], payload.len(), connection.datagram()));
        }
        assert_eq!(found, [(1, 8, 0), (2, 4, 0), (3, 12, 1)]);
        assert!(matches!(listed(&mut connection), (lengths, None) if lengths == [8, 4, 12]));
        assert_eq!(connection.datagram(), 5);
    }

    #[test]
    fn after_lost_replies_the_rest_is_read_before_the_next_request() {
        // The kernel can drop replies again, and what is left can be malformed.
        let mut lost = vec![Reply::Lost, Reply::Datagram(vec![3; 16]), Reply::Lost];
        let mut connection = connected(move |request| {
            assert_eq!(request.unread, 0, "the rest is read");
            let lost = std::mem::take(&mut lost).into_iter();
            lost.chain([request.error(0)]).collect()
        });
        let command = ready(connection.command(TEST, 0, |_| {}));
        assert!(matches!(command, Err(Failure::RepliesLost)));
        ready(connection.command(TEST, 0, |_| {})).unwrap();
    }

    #[test]
    fn requests_whose_replies_cannot_be_received_are_in_doubt() {
        let broken = Reply::Failed(Errno::EBADF);
        let mut connection =
            connected(move |request| vec![request.error(libc::EEXIST), broken.clone()]);
        let mut packet = packet(&mut connection, 3);
        let outcome = ready(connection.send_packet(&mut packet)).unwrap();
        assert!(outcome.is_replies_lost);
        assert_eq!((outcome.failures.len(), outcome.failures[0].0), (1, 0));
    }

    #[test]
    fn refusals_after_lost_replies_of_a_packet_are_told() {
        let mut connection = connected(|request| {
            let second = request.numbered(request.header.sequence + 1);
            vec![Reply::Lost, second.error(libc::EEXIST)]
        });
        let mut packet = packet(&mut connection, 3);
        let outcome = ready(connection.send_packet(&mut packet)).unwrap();
        assert!(outcome.is_replies_lost);
        assert_eq!((outcome.failures.len(), outcome.failures[0].0), (1, 1));
    }

    #[test]
    fn a_packet_has_no_more_requests_than_their_replies_have_room() {
        let mut connection = connected(|request| vec![request.error(0)]);
        let limit = connection.transport.reply_limit();
        let mut packet = packet(&mut connection, limit);
        assert!(!connection.push(&mut packet, TEST, |_| {}).unwrap());
        assert_eq!(packet.count(), limit);
    }

    /// What the kernel does with a dump after its first replies.
    #[derive(Clone, Copy, PartialEq)]
    enum Then {
        GoesOn,
        /// It has no memory to continue until a message is received over the socket.
        Stuck,
        Over,
    }

    /// Returns the failure of a dump to which the kernel replies `first` at first. The kernel
    /// serves one dump at a time. Checks that it serves the next dump.
    fn after_a_dump(then: Then, first: &[fn(&Request<'_>) -> Reply]) -> Failure {
        let (mut first, mut stuck, mut number) = (Some((first, then)), false, 0);
        let mut connection = connected(move |request| {
            if request.header.kind == kind::NOOP {
                assert!(std::mem::take(&mut stuck), "nothing has to be woken up");
                assert_eq!(request.header.flags, flag::REQUEST | flag::ACK);
                let dump = request.numbered(number);
                return vec![request.error(0), dump.data(0, &[0; 8]), dump.done()];
            }
            if stuck || request.unread > 0 {
                return vec![request.error(libc::EBUSY)];
            }
            number = request.header.sequence;
            let (first, then) = first.take().unwrap_or((&[], Then::GoesOn));
            let mut replies: Vec<_> = first.iter().map(|reply| reply(request)).collect();
            if then == Then::GoesOn {
                replies.extend([request.data(0, &[0; 4]), request.done()]);
            }
            stuck = then == Then::Stuck;
            replies
        });
        let (_, failure) = listed(&mut connection);
        let (lengths, again) = listed(&mut connection);
        assert!(again.is_none(), "{again:?} strikes the next dump");
        assert_eq!(lengths, [4]);
        failure.expect("the first dump fails")
    }

    #[test]
    fn a_dump_that_is_given_up_is_read_to_its_end() {
        let cut_off = |request: &Request<'_>| match request.data(0, &[0; 8]) {
            Reply::Datagram(bytes) => Reply::CutOff(bytes[..20].to_vec()),
            other => other,
        };
        assert!(matches!(
            after_a_dump(Then::GoesOn, &[cut_off]),
            Failure::CutOff
        ));
        let overrun = |request: &Request<'_>| request.of_kind(kind::OVERRUN);
        let failure = after_a_dump(Then::GoesOn, &[overrun]);
        assert!(matches!(failure, Failure::RepliesLost));
        // While the rest is read, replies get lost, and one is malformed.
        let lost = |_: &Request<'_>| Reply::Lost;
        let malformed = |_: &Request<'_>| Reply::Datagram(vec![3; 16]);
        let failure = after_a_dump(Then::GoesOn, &[cut_off, lost, malformed, lost]);
        assert!(matches!(failure, Failure::CutOff));
    }

    #[test]
    fn the_mark_of_an_interrupted_dump_goes_with_it() {
        let interrupted = |request: &Request<'_>| request.data(flag::DUMP_INTR, &[0; 8]);
        let failed = |request: &Request<'_>| request.of_kind(kind::OVERRUN);
        let failure = after_a_dump(Then::GoesOn, &[interrupted, failed]);
        assert!(matches!(failure, Failure::RepliesLost));
        let refused = |request: &Request<'_>| request.error(libc::EIO);
        after_a_dump(Then::Over, &[interrupted, refused]);
        let failure = after_a_dump(Then::GoesOn, &[interrupted]);
        assert!(matches!(failure, Failure::Interrupted));
    }

    #[test]
    fn a_dump_that_has_no_memory_to_go_on_does_not_stand_in_the_way_of_the_next() {
        let part = |request: &Request<'_>| request.data(0, &[0; 8]);
        let lost = |_: &Request<'_>| Reply::Lost;
        let failure = after_a_dump(Then::Stuck, &[part, lost]);
        assert!(matches!(failure, Failure::RepliesLost));
        // Without memory for the dump's beginning, the kernel refuses the dump and yet begins it.
        let refused = |request: &Request<'_>| request.error(libc::ENOBUFS);
        after_a_dump(Then::Stuck, &[refused]);
    }
}
