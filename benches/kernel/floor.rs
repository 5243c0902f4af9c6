//! The floor: the time of the kernel itself. It sends bytes encoded beforehand with the fewest
//! system calls and reads the ACKs. It receives dumps and drops them. It only checks that nothing
//! failed.

use std::fs::File;
use std::io::{IoSliceMut, Read};
use std::os::fd::{AsRawFd, OwnedFd};

use netlink_packet_core::NLM_F_ACK;
use nix::sys::socket::{
    AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockProtocol, SockType, recv, recvmmsg, send,
    setsockopt, socket, sockopt,
};

use crate::Outcome;

const HEADER: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// The largest datagram of a dump.
const DATAGRAM: usize = 32 * 1024;

/// A plain netlink socket.
pub(crate) struct Floor {
    socket: OwnedFd,
    /// Two buffers, because the end of a dump is a separate datagram.
    buffers: [Vec<u8>; 2],
    headers: MultiHeaders<()>,
}

impl Floor {
    pub(crate) fn netfilter() -> Outcome<Self> {
        Self::open(SockProtocol::NetlinkNetFilter)
    }

    pub(crate) fn generic() -> Outcome<Self> {
        Self::open(SockProtocol::NetlinkGeneric)
    }

    pub(crate) fn open(protocol: SockProtocol) -> Outcome<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )?;
        setsockopt(&socket, sockopt::SndBufForce, &(4 * 1024 * 1024))?;
        setsockopt(&socket, sockopt::RcvBufForce, &(4 * 1024 * 1024))?;
        Ok(Self {
            socket,
            buffers: [vec![1; DATAGRAM], vec![1; DATAGRAM]],
            headers: MultiHeaders::preallocate(2, None),
        })
    }

    /// Sends a datagram whose last message asks for an ACK, and waits for it.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> Outcome {
        send(self.socket.as_raw_fd(), datagram, MsgFlags::empty())?;
        let answer = self.receive()?;
        match (kind(answer), code(answer)) {
            (ERROR, 0) => Ok(()),
            (kind, code) => {
                Err(format!("message {kind} with code {code} instead of an ACK").into())
            }
        }
    }

    /// Sends a request and returns the first datagram of the answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Outcome<&[u8]> {
        send(self.socket.as_raw_fd(), request, MsgFlags::empty())?;
        self.receive()
    }

    /// Requests a dump and drops it. Returns its size in bytes.
    pub(crate) fn dump(&mut self, request: &[u8]) -> Outcome<usize> {
        let socket = self.socket.as_raw_fd();
        send(socket, request, MsgFlags::empty())?;
        let mut total = 0;
        loop {
            let mut slices = self.buffers.each_mut().map(|it| [IoSliceMut::new(it)]);
            let flags = MsgFlags::MSG_WAITFORONE;
            let received = recvmmsg(socket, &mut self.headers, &mut slices, flags, None)?;
            let lengths: [usize; 2] = {
                let mut lengths = received.map(|it| it.bytes);
                [0; 2].map(|none| lengths.next().unwrap_or(none))
            };
            for (buffer, length) in self.buffers.iter().zip(lengths) {
                let datagram = &buffer[..length];
                total += length;
                match datagram.first_chunk::<HEADER>().map(|it| kind(it)) {
                    Some(DONE) => return Ok(total),
                    Some(ERROR) => {
                        return Err(format!("code {} instead of a dump", code(datagram)).into());
                    }
                    _ => {}
                }
            }
        }
    }

    fn receive(&mut self) -> Outcome<&[u8]> {
        let buffer = &mut self.buffers[0];
        let length = recv(self.socket.as_raw_fd(), buffer, MsgFlags::empty())?;
        Ok(&buffer[..length])
    }
}

/// Requests packed into datagrams.
#[derive(Default)]
pub(crate) struct Datagrams {
    full: Vec<Vec<u8>>,
    open: Vec<u8>,
    /// Where the last message of the open datagram begins.
    last: usize,
}

impl Datagrams {
    /// The maximum size of a datagram, as in the crate.
    const ROOM: usize = 64 * 1024;

    pub(crate) fn push(&mut self, message: &[u8]) {
        if self.open.len() + message.len() > Self::ROOM {
            self.close();
        }
        self.last = self.open.len();
        self.open.extend_from_slice(message);
    }

    pub(crate) fn finish(mut self) -> Vec<Vec<u8>> {
        self.close();
        self.full
    }

    /// Makes the last message ask for an ACK.
    fn close(&mut self) {
        if let Some(flags) = self.open.get_mut(self.last + 6..self.last + 8) {
            let with_ack = u16::from_ne_bytes([flags[0], flags[1]]) | NLM_F_ACK;
            flags.copy_from_slice(&with_ack.to_ne_bytes());
            self.full.push(std::mem::take(&mut self.open));
        }
    }
}

/// Reads the table's text and drops it. Returns its size in bytes.
pub(crate) fn read_text() -> Outcome<usize> {
    let mut file = File::open("/proc/net/ip_vs")?;
    // The kernel returns one page at a time.
    let mut buffer = [1; 4096];
    let mut total = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(total),
            length => total += length,
        }
    }
}

fn kind(datagram: &[u8]) -> u16 {
    u16::from_ne_bytes([datagram[4], datagram[5]])
}

fn code(datagram: &[u8]) -> i32 {
    let code = datagram[HEADER..].first_chunk();
    code.map_or(0, |code| i32::from_ne_bytes(*code))
}
