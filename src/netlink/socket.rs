use std::io::IoSliceMut;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{self, MsgFlags, MultiHeaders, NetlinkAddr, sockopt};

use super::connection::Transport;
use super::inbox::Inbox;
use super::{Failure, Namespace};

/// The netlink protocols in use: `NETLINK_*` of include/uapi/linux/netlink.h.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Netfilter = 12,
    Generic = 16,
}

/// What the receive buffer is asked to hold. Only a limit: memory is taken when replies come.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// What the send buffer is asked to hold, as above.
const SEND_BUFFER: usize = 1024 * 1024;
/// What the kernel adds to a datagram when it charges it to the send buffer.
const SEND_OVERHEAD: usize = 32;
/// What an error message costs in the receive buffer, rounded up: 36 bytes of message, the
/// extended ACK, and the kernel's bookkeeping (`SKB_TRUESIZE`).
const REPLY_COST: usize = 2048;

/// A blocking netlink socket to the kernel.
#[derive(Debug)]
pub(crate) struct Socket {
    // Clone of a netlink_sys::Socket closes its descriptor twice: it never leaves this struct.
    inner: netlink_sys::Socket,
    send_limit: usize,
    reply_limit: u32,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace.
    pub(crate) fn open(protocol: Protocol) -> Result<Self, Failure> {
        let inner = netlink_sys::Socket::new(protocol as isize)?;
        // Short errors, so that many of them fit the receive buffer; and errors that say more.
        inner.set_cap_ack(true)?;
        inner.set_ext_ack(true)?;
        // Beyond the system's limit for those who may, else up to it.
        if socket::setsockopt(&inner, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            socket::setsockopt(&inner, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        }
        if socket::setsockopt(&inner, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            socket::setsockopt(&inner, sockopt::SndBuf, &SEND_BUFFER)?;
        }
        let send_buffer = socket::getsockopt(&inner, sockopt::SndBuf)?;
        let receive_buffer = socket::getsockopt(&inner, sockopt::RcvBuf)?;
        Ok(Self {
            inner,
            send_limit: send_buffer.saturating_sub(SEND_OVERHEAD),
            reply_limit: u32::try_from(receive_buffer / REPLY_COST)
                .unwrap_or(u32::MAX)
                .max(1),
        })
    }

    /// Opens a socket in another network namespace; it stays there whoever uses it.
    pub(crate) fn open_in(namespace: &Namespace, protocol: Protocol) -> Result<Self, Failure> {
        namespace.enter(|| Self::open(protocol))?
    }

    /// Makes sending and receiving fail where they would wait.
    #[cfg(feature = "tokio")]
    pub(super) fn set_nonblocking(&self) -> Result<(), Failure> {
        Ok(self.inner.set_non_blocking(true)?)
    }

    /// Sends a datagram, waiting as `flags` says.
    pub(super) fn send_now(&self, datagram: &[u8], flags: MsgFlags) -> nix::Result<()> {
        loop {
            match socket::send(self.inner.as_raw_fd(), datagram, flags) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Receives as many datagrams as there are buffers, waiting as `flags` says.
    pub(super) fn receive_now(&self, inbox: &mut Inbox, flags: MsgFlags) -> nix::Result<()> {
        loop {
            match self.receive_once(inbox, flags) {
                Err(Errno::EINTR) => {}
                received => return received,
            }
        }
    }

    fn receive_once(&self, inbox: &mut Inbox, flags: MsgFlags) -> nix::Result<()> {
        let (buffers, mut arrivals) = inbox.receive();
        let mut headers = MultiHeaders::<NetlinkAddr>::preallocate(buffers.len(), None);
        let mut slices: Vec<_> = buffers.map(|it| [IoSliceMut::new(it)]).collect();
        let fd = self.inner.as_raw_fd();
        let received = socket::recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None)?;
        for (index, datagram) in received.enumerate() {
            let cut_off = datagram.flags.contains(MsgFlags::MSG_TRUNC);
            // Without an address nobody knows who sent it: as good as a stranger.
            let sender = datagram.address.map_or(u32::MAX, |address| address.pid());
            arrivals.filled(index, datagram.bytes, cut_off, sender);
        }
        Ok(())
    }
}

impl Transport for Socket {
    async fn send(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        Ok(self.send_now(datagram, MsgFlags::empty())?)
    }

    async fn receive(&mut self, inbox: &mut Inbox) -> Result<(), Failure> {
        // Waits for the first datagram only.
        self.receive_now(inbox, MsgFlags::MSG_WAITFORONE)
            .map_err(receive_failure)
    }

    fn try_send(&mut self, datagram: &[u8]) -> Result<bool, Failure> {
        match self.send_now(datagram, MsgFlags::MSG_DONTWAIT) {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn try_receive(&mut self, inbox: &mut Inbox) -> Result<bool, Failure> {
        match self.receive_now(inbox, MsgFlags::MSG_DONTWAIT) {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(errno) => Err(receive_failure(errno)),
        }
    }

    fn send_limit(&self) -> usize {
        self.send_limit
    }

    fn reply_limit(&self) -> u32 {
        self.reply_limit
    }
}

/// What tokio registers.
#[cfg(feature = "tokio")]
impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.inner.as_raw_fd()
    }
}

pub(super) fn receive_failure(errno: Errno) -> Failure {
    match errno {
        Errno::ENOBUFS => Failure::RepliesLost,
        errno => errno.into(),
    }
}
