use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{self, MsgFlags, MultiHeaders, NetlinkAddr, sockopt};

use super::Failure;
use super::connection::Transport;
use super::discard::Rest;
use super::exchange::Dump;
use super::inbox::Inbox;

/// The netlink protocols that this crate uses: `NETLINK_*` of include/uapi/linux/netlink.h.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Netfilter = 12,
    Generic = 16,
}

/// The requested size of the receive buffer in bytes. This is only a limit: the kernel allocates
/// memory when replies come.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// The requested size of the send buffer in bytes. This is only a limit too.
const SEND_BUFFER: usize = 1024 * 1024;
/// The bytes that the kernel adds to a datagram when it charges it to the send buffer.
const SEND_OVERHEAD: usize = 32;
/// The bytes that an error message takes in the receive buffer, rounded up: 36 bytes of message,
/// the extended ACK, and the kernel's bookkeeping (`SKB_TRUESIZE`).
const REPLY_COST: usize = 2048;

/// A blocking netlink socket to the kernel.
#[derive(Debug)]
pub(crate) struct Socket {
    // Private, because a clone of a netlink_sys::Socket closes the same descriptor twice.
    inner: netlink_sys::Socket,
    send_limit: usize,
    reply_limit: u32,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace.
    pub(crate) fn open(protocol: Protocol) -> Result<Self, Failure> {
        let inner = netlink_sys::Socket::new(protocol as isize)?;
        // Short errors (Linux 4.3), so that many fit the receive buffer, and extended ACKs (4.12).
        // Older kernels work without them.
        if_known(inner.set_cap_ack(true))?;
        if_known(inner.set_ext_ack(true))?;
        // With CAP_NET_ADMIN the size may exceed the system's limit.
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

    /// Receives at most as many datagrams as there are buffers.
    fn receive_once(&self, inbox: &mut Inbox) -> nix::Result<()> {
        let (buffers, mut arrivals) = inbox.receive();
        let mut headers = MultiHeaders::<NetlinkAddr>::preallocate(buffers.len(), None);
        let mut slices: Vec<_> = buffers.map(|it| [IoSliceMut::new(it)]).collect();
        let (fd, flags) = (self.inner.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let received = socket::recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None)?;
        for (index, datagram) in received.enumerate() {
            let cut_off = datagram.flags.contains(MsgFlags::MSG_TRUNC);
            // A datagram without an address counts as one that is not from the kernel.
            let sender = datagram.address.map_or(u32::MAX, |address| address.pid());
            arrivals.filled(index, datagram.bytes, cut_off, sender);
        }
        Ok(())
    }
}

impl Transport for Socket {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        let fd = self.inner.as_raw_fd();
        uninterrupted(|| socket::send(fd, datagram, MsgFlags::empty()))?;
        Ok(())
    }

    fn receive(&mut self, inbox: &mut Inbox) -> Result<bool, Failure> {
        match uninterrupted(|| self.receive_once(inbox)) {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(Errno::ENOBUFS) => Err(Failure::RepliesLost),
            Err(errno) => Err(errno.into()),
        }
    }

    async fn give_way(&mut self) {}

    fn discard(&mut self, dump: Dump, inbox: &mut Inbox) {
        Rest::new(dump).discard(self, inbox);
    }

    async fn discarded(&mut self) {}

    async fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn send_limit(&self) -> usize {
        self.send_limit
    }

    fn reply_limit(&self) -> u32 {
        self.reply_limit
    }
}

/// Ignores the error of an option that the kernel is too old to know.
fn if_known(outcome: io::Result<()>) -> io::Result<()> {
    outcome.or_else(|error| match error.raw_os_error() {
        Some(libc::ENOPROTOOPT) => Ok(()),
        _ => Err(error),
    })
}

/// Makes a system call until no signal interrupts it.
fn uninterrupted<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::connection::{Connection, DumpStep, ready};
    use super::super::generic;
    use super::super::inbox::{Content, Expected};
    use super::super::message::{flag, kind, write};
    use super::*;
    use crate::wire::Writer;

    #[test]
    fn a_socket_asks_for_short_errors_and_extended_acks() {
        let socket = Socket::open(Protocol::Generic).unwrap();
        assert!(socket.inner.get_cap_ack().unwrap());
        assert!(socket.inner.get_ext_ack().unwrap());
        // The least that a system without larger limits gives.
        assert!(socket.send_limit() > 60_000 && socket.reply_limit() > 50);
        assert!(socket.reply_limit() as usize <= socket.inner.get_rx_buf_sz().unwrap() / 1000);
    }

    #[test]
    fn requests_are_sent_and_answered() {
        let socket = Socket::open(Protocol::Generic).unwrap();
        let mut connection = Connection::new(socket);
        // The family of generic netlink itself, which every kernel has.
        let number = ready(generic::resolve(&mut connection, "nlctrl"));
        assert_eq!(number.unwrap(), Some(16));
        let unheard_of = ready(generic::resolve(&mut connection, "unheard-of"));
        assert_eq!(unheard_of.unwrap(), None);
    }

    /// The kernel serves one dump of a socket at a time.
    #[test]
    fn a_dump_that_is_left_does_not_stand_in_the_way_of_the_next() {
        let mut connection = Connection::new(Socket::open(Protocol::Generic).unwrap());
        for _ in 0..2 {
            ready(generic::families(&mut connection)).unwrap();
            connection.leave_dump();
        }
        ready(generic::families(&mut connection)).unwrap();
        let mut count = 0;
        while ready(connection.dump_next()).unwrap() != DumpStep::End {
            count += 1;
        }
        assert!(count > 0, "the family of generic netlink itself");
    }

    /// The kernel echoes the whole request that it refuses.
    #[test]
    fn a_refusal_that_is_longer_than_its_buffer_is_read() {
        let mut socket = Socket::open(Protocol::Generic).unwrap();
        socket.inner.set_cap_ack(false).unwrap();
        let (mut request, mut inbox) = (Writer::default(), Inbox::new());
        write(
            &mut request,
            generic::CONTROLLER,
            flag::REQUEST,
            1,
            |writer| {
                generic::header(writer, generic::GET_FAMILY, 1);
                writer.string(generic::FAMILY_NAME, "unheard-of");
                writer.attribute(99, &[0; 1000]);
            },
        );
        socket.send(request.bytes()).unwrap();
        inbox.expect(Expected::Replies(1));
        assert!(socket.receive(&mut inbox).unwrap());
        let event = inbox.next().unwrap().unwrap();
        assert!(matches!(event.content, Content::Rejected(_)), "{event:?}");
    }

    #[test]
    fn a_pause_takes_its_time() {
        let mut socket = Socket::open(Protocol::Generic).unwrap();
        let (began, time) = (Instant::now(), Duration::from_millis(5));
        ready(socket.pause(time));
        assert!(began.elapsed() >= time);
    }

    #[test]
    fn an_option_that_an_old_kernel_does_not_know_is_no_failure() {
        let failed = |code| if_known(Err(io::Error::from_raw_os_error(code)));
        assert!(failed(libc::ENOPROTOOPT).is_ok() && if_known(Ok(())).is_ok());
        assert_eq!(
            failed(libc::EPERM).unwrap_err().raw_os_error(),
            Some(libc::EPERM)
        );
    }

    #[test]
    fn an_interrupted_call_is_made_again() {
        let mut outcomes = [Err(Errno::EINTR), Err(Errno::EINTR), Ok(5)].into_iter();
        assert_eq!(uninterrupted(|| outcomes.next().unwrap()), Ok(5));
        let mut outcomes = [Err(Errno::EINTR), Err(Errno::EAGAIN)].into_iter();
        let refused: nix::Result<()> = uninterrupted(|| outcomes.next().unwrap());
        assert_eq!(refused, Err(Errno::EAGAIN));
    }

    /// Processes may send to each other over this protocol without any right.
    #[test]
    fn a_datagram_of_another_process_is_received_and_ignored() {
        const USERSOCK: isize = 2;
        let mut receiver = netlink_sys::Socket::new(USERSOCK).unwrap();
        let address = receiver.bind_auto().unwrap();
        let mut socket = Socket {
            inner: receiver,
            send_limit: 0,
            reply_limit: 1,
        };
        let mut inbox = Inbox::new();
        assert!(!socket.receive(&mut inbox).unwrap());
        let mut sender = netlink_sys::Socket::new(USERSOCK).unwrap();
        sender.bind_auto().unwrap();
        let mut forged = Writer::default();
        write(&mut forged, kind::ERROR, 0, 1, |writer| {
            writer.raw(&[0; 20])
        });
        sender.send_to(forged.bytes(), &address, 0).unwrap();
        assert!(socket.receive(&mut inbox).unwrap(), "a datagram is there");
        assert!(inbox.next().unwrap().is_none());
    }
}
