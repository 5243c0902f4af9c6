use super::Rejection;
use super::message::{self, flag};
use crate::wire::{Oversized, Writer};

/// Requests gathered for one datagram. The kernel carries them out in order and goes on after
/// one that fails; only the last asks for an ACK (`netlink_rcv_skb` in
/// net/netlink/af_netlink.c).
#[derive(Debug)]
pub(crate) struct Packet {
    writer: Writer,
    first: u32,
    count: u32,
    last_start: usize,
}

/// What became of the requests in a [`Packet`].
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The requests that were refused, by their index in the packet, in order.
    pub(crate) failures: Vec<(u32, Rejection)>,
    /// Replies were dropped: each request that is not in `failures` may have failed or not.
    pub(crate) replies_lost: bool,
}

impl Packet {
    /// An empty packet whose requests are numbered from `first` on.
    pub(crate) fn new(first: u32) -> Self {
        Self {
            writer: Writer::default(),
            first,
            count: 0,
            last_start: 0,
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
        let fits = self.count == 0 || self.writer.len() <= room;
        if oversized.is_some() || !fits {
            self.writer.truncate(start);
        } else {
            self.count += 1;
            self.last_start = start;
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

    /// The datagram, its last request asking for an ACK.
    pub(crate) fn datagram(&mut self) -> &[u8] {
        message::add_flag(&mut self.writer, self.last_start, flag::ACK);
        self.writer.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::Frame;

    #[test]
    fn requests_are_numbered_and_only_the_last_asks_for_an_ack() {
        let mut packet = Packet::new(10);
        for fits in [true, true, false] {
            let pushed = packet.push(60, 20, 0, |writer| writer.u32(1, 5));
            assert_eq!(pushed, Ok(fits));
        }
        assert_eq!(packet.count(), 2);
        let bytes = packet.datagram();
        let (first, next) = Frame::read(bytes, 0, false).unwrap();
        let (second, end) = Frame::read(bytes, next, false).unwrap();
        assert_eq!((first.header.sequence, first.header.flags), (10, 1));
        assert_eq!((second.header.sequence, second.header.flags), (11, 5));
        assert_eq!(end, bytes.len());
    }

    #[test]
    fn an_oversized_request_leaves_the_others() {
        let mut packet = Packet::new(1);
        packet.push(1000, 20, 0, |_| {}).unwrap();
        let oversized = packet.push(1000, 20, 0, |writer| writer.attribute(3, &[0; 65536]));
        assert!(oversized.is_err());
        assert_eq!((packet.count(), packet.datagram().len()), (1, 16));
    }
}
