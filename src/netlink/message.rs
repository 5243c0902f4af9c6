//! Netlink messages: the 16-byte header (`struct nlmsghdr`, include/uapi/linux/netlink.h) and the
//! payload.

use std::ops::Range;

use crate::wire::{Malformed, Writer, align};

/// The length of a message's header in bytes.
pub(crate) const HEADER: usize = 16;

/// Message types that every netlink protocol shares.
pub(crate) mod kind {
    pub(crate) const NOOP: u16 = 1;
    pub(crate) const ERROR: u16 = 2;
    pub(crate) const DONE: u16 = 3;
    pub(crate) const OVERRUN: u16 = 4;
}

/// Message flags. The flags of requests and those of replies share bits.
pub(crate) mod flag {
    pub(crate) const REQUEST: u16 = 0x1;
    pub(crate) const ACK: u16 = 0x4;
    pub(crate) const DUMP_INTR: u16 = 0x10;
    pub(crate) const EXCL: u16 = 0x200;
    pub(crate) const DUMP: u16 = 0x300;
    /// In an error: the kernel does not echo the request after its header.
    pub(crate) const CAPPED: u16 = 0x100;
    /// In an error: the attributes of the extended ACK follow.
    pub(crate) const ACK_TLVS: u16 = 0x200;
}

/// The header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) length: u32,
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) port: u32,
}

impl Header {
    /// Reads the header at the start of `bytes`.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            return Err(Malformed::Length {
                what: "netlink header",
                length: HEADER,
                available: bytes.len(),
            });
        };
        let word = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
        let half = |at: usize| [header[at], header[at + 1]];
        Ok(Self {
            length: u32::from_ne_bytes(word(0)),
            kind: u16::from_ne_bytes(half(4)),
            flags: u16::from_ne_bytes(half(6)),
            sequence: u32::from_ne_bytes(word(8)),
            port: u32::from_ne_bytes(word(12)),
        })
    }
}

/// Writes a message: the header with its length, and what `content` writes.
pub(crate) fn write(
    writer: &mut Writer,
    kind: u16,
    flags: u16,
    sequence: u32,
    content: impl FnOnce(&mut Writer),
) {
    let start = begin(writer, kind, flags, sequence);
    content(writer);
    end(writer, start);
}

/// Begins a message that [`end`] ends in another scope. Returns where it starts.
pub(crate) fn begin(writer: &mut Writer, kind: u16, flags: u16, sequence: u32) -> usize {
    let start = writer.len();
    let mut header = [0; HEADER];
    header[4..6].copy_from_slice(&kind.to_ne_bytes());
    header[6..8].copy_from_slice(&flags.to_ne_bytes());
    header[8..12].copy_from_slice(&sequence.to_ne_bytes());
    writer.raw(&header);
    start
}

/// Ends the message that [`begin`] began at `start`.
pub(crate) fn end(writer: &mut Writer, start: usize) {
    // The socket's send buffer limits a message to far less than 4 GiB.
    let length = (writer.len() - start) as u32;
    writer.patch(start, length.to_ne_bytes());
}

/// Sets the sequence number of the message at the start of `bytes`.
pub(crate) fn set_sequence(bytes: &mut [u8], sequence: u32) {
    if let Some(field) = bytes.get_mut(8..12) {
        field.copy_from_slice(&sequence.to_ne_bytes());
    }
}

/// Clears a flag of the message at the start of `bytes`.
pub(crate) fn without_flag(bytes: &mut [u8], flag: u16) -> &mut [u8] {
    set_flag(bytes, flag, false);
    bytes
}

/// Sets or clears a flag of the message at the start of `bytes`.
pub(crate) fn set_flag(bytes: &mut [u8], flag: u16, value: bool) {
    if let Some(field) = bytes.get_mut(6..8) {
        let others = u16::from_ne_bytes([field[0], field[1]]) & !flag;
        let flags = others | if value { flag } else { 0 };
        field.copy_from_slice(&flags.to_ne_bytes());
    }
}

/// A message in a buffer: its header, and the position of its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    pub(crate) payload: Range<usize>,
    /// False if the datagram was cut off within this message.
    pub(crate) complete: bool,
}

impl Frame {
    /// Reads the message at `at` in a datagram. Returns it with the position of the next one.
    pub(crate) fn read(
        datagram: &[u8],
        at: usize,
        cut_off: bool,
    ) -> Result<(Self, usize), Malformed> {
        let rest = datagram.get(at..).unwrap_or_default();
        let header = Header::read(rest)?;
        let length = header.length as usize;
        let complete = length <= rest.len();
        if length < HEADER || (!complete && !cut_off) {
            return Err(Malformed::Length {
                what: "netlink message",
                length,
                available: rest.len(),
            });
        }
        let end = at + length.min(rest.len());
        let frame = Self {
            header,
            payload: at + HEADER..end,
            complete,
        };
        Ok((frame, align(end).min(datagram.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_message_reads_back() {
        let mut writer = Writer::default();
        write(&mut writer, 16, flag::REQUEST | flag::ACK, 7, |writer| {
            writer.raw(&[3, 1, 0, 0]);
            writer.string(2, "IPVS");
        });
        let (frame, next) = Frame::read(writer.bytes(), 0, false).unwrap();
        assert_eq!(
            frame.header,
            Header {
                length: 32,
                kind: 16,
                flags: 5,
                sequence: 7,
                port: 0
            }
        );
        assert_eq!(frame.payload, 16..32);
        assert_eq!(next, 32);
    }

    #[test]
    fn one_flag_is_set_or_cleared_and_the_others_stay() {
        let mut writer = Writer::default();
        write(&mut writer, 16, flag::REQUEST | flag::EXCL, 7, |_| {});
        let mut bytes = writer.bytes().to_vec();
        let flags = |bytes: &[u8]| Header::read(bytes).unwrap().flags;
        for (flag, value, expected) in [
            (flag::ACK, true, flag::REQUEST | flag::EXCL | flag::ACK),
            (flag::ACK, true, flag::REQUEST | flag::EXCL | flag::ACK),
            (flag::EXCL, false, flag::REQUEST | flag::ACK),
            (flag::EXCL, false, flag::REQUEST | flag::ACK),
        ] {
            set_flag(&mut bytes, flag, value);
            assert_eq!(flags(&bytes), expected);
        }
        assert_eq!(flags(without_flag(&mut bytes, flag::ACK)), flag::REQUEST);
        set_sequence(&mut bytes, 9);
        assert_eq!(Header::read(&bytes).unwrap().sequence, 9);
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let mut writer = Writer::default();
        write(&mut writer, 2, 0, 1, |writer| writer.raw(&[0; 20]));
        let bytes = writer.bytes();
        assert!(
            Frame::read(&bytes[..15], 0, false).is_err(),
            "half a header"
        );
        assert!(
            Frame::read(&bytes[..20], 0, false).is_err(),
            "half a message"
        );
        let (cut_off, next) = Frame::read(&bytes[..20], 0, true).unwrap();
        assert_eq!(
            (cut_off.complete, cut_off.payload, next),
            (false, 16..20, 20)
        );

        let mut short = bytes.to_vec();
        short[0] = 15;
        assert!(
            Frame::read(&short, 0, true).is_err(),
            "shorter than its header"
        );
    }
}
