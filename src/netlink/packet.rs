use super::Rejection;
use super::message::{self, HEADER, flag, kind};
use crate::wire::{Oversized, Writer};

/// Requests for one datagram.
///
/// The kernel carries them out in order, continues after one that fails, and answers only those
/// that fail or ask for an ACK. None of them asks for an ACK. A message that does nothing follows
/// them and asks for one; its ACK means that the kernel has processed all of them.
///
/// The last request cannot ask for this ACK itself: the kernel never answers a request that ends
/// in `EINTR` (`netlink_rcv_skb` in net/netlink/af_netlink.c).
#[derive(Debug)]
pub(crate) struct Packet {
    writer: Writer,
    first: u32,
    count: u32,
}

/// The outcome of the requests in a [`Packet`].
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The refused requests with their index in the packet, in order.
    pub(crate) failures: Vec<(u32, Rejection)>,
    /// True if the kernel dropped replies. Then a request that is not in `failures` may have
    /// failed too.
    pub(crate) is_replies_lost: bool,
}

impl Packet {
    /// Returns an empty packet with room for `capacity` bytes, whose requests are numbered from
    /// `first` on.
    pub(crate) fn new(first: u32, capacity: usize) -> Self {
        Self {
            writer: Writer::with_capacity(capacity),
            first,
            count: 0,
        }
    }

    /// Empties the packet. Its next requests are numbered from `first` on.
    pub(crate) fn clear(&mut self, first: u32) {
        self.writer.truncate(0);
        self.first = first;
        self.count = 0;
    }

    /// Appends a request. Returns false and leaves the packet unchanged if it would grow beyond
    /// `room` bytes. The first request always fits; the socket may refuse it later.
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

    /// Returns the sequence number of the message behind the requests.
    pub(crate) fn last(&self) -> u32 {
        self.first.wrapping_add(self.count)
    }

    /// Completes the datagram and returns it. The packet has to be cleared afterwards.
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
    fn a_cleared_packet_is_empty_and_numbered_anew() {
        let mut packet = Packet::new(10, 0);
        assert!(packet.is_empty());
        packet.push(64, 20, 0, |_| {}).unwrap();
        assert!(!packet.is_empty());
        packet.clear(40);
        assert!(packet.is_empty());
        packet.push(64, 20, 0x200, |_| {}).unwrap();
        assert_eq!((packet.first(), packet.count(), packet.last()), (40, 1, 41));
        let bytes = packet.close();
        assert_eq!(bytes.len(), 32);
        let (frame, _) = Frame::read(bytes, 0, false).unwrap();
        assert_eq!((frame.header.sequence, frame.header.flags), (40, 0x201));
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
