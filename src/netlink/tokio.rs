use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;

use super::connection::Transport;
use super::inbox::Inbox;
use super::{Failure, Socket};

/// A netlink socket that lets other tasks of a tokio runtime run before it receives.
#[derive(Debug)]
pub(crate) struct AsyncSocket {
    inner: Socket,
}

impl AsyncSocket {
    pub(crate) fn new(inner: Socket) -> Self {
        Self { inner }
    }
}

impl Transport for AsyncSocket {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        self.inner.send(datagram)
    }

    async fn receive(&mut self, inbox: &mut Inbox) -> Result<bool, Failure> {
        tokio::task::coop::consume_budget().await;
        self.inner.receive_now(inbox)
    }

    fn receive_now(&mut self, inbox: &mut Inbox) -> Result<bool, Failure> {
        self.inner.receive_now(inbox)
    }

    async fn pause(&mut self, time: Duration) {
        // The program's runtime may have no timer, or there may be no runtime.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || thread::sleep(time)).await),
            Err(_) => thread::sleep(time),
        }
    }

    fn send_limit(&self) -> usize {
        self.inner.send_limit()
    }

    fn reply_limit(&self) -> u32 {
        self.inner.reply_limit()
    }
}
