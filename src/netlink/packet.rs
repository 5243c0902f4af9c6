use super::Rejection;
use super::message::{self, HEADER, flag, kind};
use crate::wire::{Oversized, Writer};

/// Requests gathered for one datagram. The kernel carries them out in order, goes on after one
/// that fails, and answers only those that fail or ask for an ACK. None of them asks: behind
/// them comes a message that does nothing and asks for one, so that its ACK says that the
/// kernel is through.
///
/// The last request could ask itself, but for the requests that the kernel does not answer
/// whatever they ask: those that end in `EINTR` (`netlink_rcv_skb` in net/netlink/af_netlink.c).
#[derive(Debug)]
pub(crate) struct Packet {
    writer: Writer,
    first: u32,
    count: u32,
}

/// What became of the requests in a [`Packet`].
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The requests that were refused, by their index in the packet, in order.
    pub(crate) failures: Vec<(u32, Rejection)>,
    /// Replies were dropped: each request that is not in `failures` may have failed or not.
    pub(crate) is_replies_lost: bool,
}

impl Packet {
    /// An empty packet whose requests are numbered from `first` on, and which need not grow for
    /// so many bytes of them.
    pub(crate) fn new(first: u32, capacity: usize) -> Self {
        Self {
            writer: Writer::with_capacity(capacity),
            first,
            count: 0,
        }
    }

    /// Empties the packet for the requests from number `first` on.
    pub(crate) fn clear(&mut self, first: u32) {
        self.writer.truncate(0);
        self.first = first;
        self.count = 0;
    }

    /// Appends a request, or leaves the packet as it was if it would outgrow `room` bytes: the
    /// result says which. The first request always fits, for the socket to judge.
    pub(crate) fn push(
        &mut self,
        room: usize,
        kind: u16,
        flags: u16,
        content: impl FnOnce(&mut Writer),
    ) -> Result<bool, Oversized> {
        let start = self.writer.len();
        let sequence = self.first.wrapping_add(self.count);
        message::write(
            &mut self.writer,
            kind,
            flags | flag::REQUEST,
            sequence,
            content,
        );
        let oversized = self.writer.finish().err();
        let fits = self.count == 0 || self.writer.len() + HEADER <= room;
        if oversized.is_some() || !fits {
            self.writer.truncate(start);
        } else {
            self.count += 1;
        }
        oversized.map_or(Ok(fits), Err)
    }

    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The number of the message behind the requests.
    pub(crate) fn last(&self) -> u32 {
        self.first.wrapping_add(self.count)
    }

    /// The datagram, complete: after this, the packet is to be cleared.
    pub(crate) fn close(&mut self) -> &[u8] {
        let sequence = self.last();
        let flags = flag::REQUEST | flag::ACK;
        message::write(&mut self.writer, kind::NOOP, flags, sequence, |_| {});
        self.writer.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::Frame;

    #[test]
    fn requests_are_numbered_and_only_what_is_behind_them_asks_for_an_ack() {
        let mut packet = Packet::new(10, 0);
        for fits in [true, true, false] {
            let pushed = packet.push(64, 20, 0, |writer| writer.u32(1, 5));
            assert_eq!(pushed, Ok(fits));
        }
        assert_eq!(packet.count(), 2);
        let bytes = packet.close();
        assert_eq!(bytes.len(), 64);
        let mut at = 0;
        for expected in [(20, 10, 1), (20, 11, 1), (kind::NOOP, 12, 5)] {
            let (frame, next) = Frame::read(bytes, at, false).unwrap();
            let header = frame.header;
            assert_eq!((header.kind, header.sequence, header.flags), expected);
            at = next;
        }
        assert_eq!(at, bytes.len());
    }

    #[test]
    fn an_oversized_request_leaves_the_others() {
        let mut packet = Packet::new(1, 0);
        packet.push(1000, 20, 0, |_| {}).unwrap();
        let oversized = packet.push(1000, 20, 0, |writer| writer.attribute(3, &[0; 65536]));
        assert!(oversized.is_err());
        assert_eq!((packet.count(), packet.close().len()), (1, 32));
    }
}
