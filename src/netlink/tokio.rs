use std::io;

use nix::sys::socket::MsgFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::connection::Transport;
use super::inbox::Inbox;
use super::socket::receive_failure;
use super::{Failure, Socket};

/// A netlink socket whose owner waits for it on tokio's reactor.
///
/// The kernel carries requests out while they are being sent, so that replies are there when
/// sending returns; only a lock that somebody else holds makes the sending thread itself wait.
#[derive(Debug)]
pub(crate) struct AsyncSocket {
    inner: AsyncFd<Socket>,
}

impl AsyncSocket {
    /// Registers a socket with the reactor of the runtime that the caller runs on.
    pub(crate) fn new(socket: Socket) -> Result<Self, Failure> {
        socket.set_nonblocking()?;
        // What tokio offers instead since 1.53.3 is unsafe, because nobody but the caller can
        // know that the descriptor stays open and the same. A Socket keeps its own until it is
        // dropped.
        #[allow(deprecated, reason = "its successor is unsafe, which nothing here is")]
        let inner = AsyncFd::new(socket)?;
        Ok(Self { inner })
    }
}

impl Transport for AsyncSocket {
    async fn send(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        let send = |socket: &Socket| {
            let sent = socket.send_now(datagram, MsgFlags::MSG_DONTWAIT);
            sent.map_err(io::Error::from)
        };
        Ok(self.inner.async_io(Interest::WRITABLE, send).await?)
    }

    async fn receive(&mut self, inbox: &mut Inbox) -> Result<(), Failure> {
        // The reactor need not be asked for what is there; but a long listing lets others run.
        tokio::task::coop::consume_budget().await;
        if self.try_receive(inbox)? {
            return Ok(());
        }
        let received = self
            .inner
            .async_io(Interest::READABLE, |socket| {
                let received = socket.receive_now(inbox, MsgFlags::MSG_DONTWAIT);
                received.map_err(io::Error::from)
            })
            .await;
        received.map_err(|error| match error.raw_os_error() {
            Some(errno) => receive_failure(nix::Error::from_raw(errno)),
            None => error.into(),
        })
    }

    fn try_send(&mut self, datagram: &[u8]) -> Result<bool, Failure> {
        self.inner.get_mut().try_send(datagram)
    }

    fn try_receive(&mut self, inbox: &mut Inbox) -> Result<bool, Failure> {
        self.inner.get_mut().try_receive(inbox)
    }

    fn send_limit(&self) -> usize {
        self.inner.get_ref().send_limit()
    }

    fn reply_limit(&self) -> u32 {
        self.inner.get_ref().reply_limit()
    }
}
