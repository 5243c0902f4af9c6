//! Discards what is left of a dump. The kernel has no request that ends a dump.

use super::Failure;
use super::connection::Transport;
use super::exchange::Dump;
use super::inbox::Inbox;
use super::message::{self, flag, kind};
use crate::wire::Writer;

/// The rest of a dump that nobody reads.
#[derive(Debug)]
pub(crate) struct Rest {
    dump: Dump,
    /// True after a message was sent to make the kernel go on.
    nudged: bool,
}

impl Rest {
    pub(crate) fn new(dump: Dump) -> Self {
        let nudged = false;
        Self { dump, nudged }
    }

    /// Receives the whole rest.
    pub(crate) fn discard(mut self, transport: &mut impl Transport, inbox: &mut Inbox) {
        if !self.read(inbox) {
            while !self.receive(transport, inbox) {}
        }
    }

    /// Discards the messages in the inbox. Returns true if the end of the dump was among them.
    pub(crate) fn read(&mut self, inbox: &mut Inbox) -> bool {
        loop {
            match inbox.next() {
                Ok(Some(event)) => {
                    if Dump::is_over(&self.dump.event(event)) {
                        return true;
                    }
                }
                Ok(None) => return false,
                Err(_) => {}
            }
        }
    }

    /// Receives once and discards the messages. Returns true if nothing more of the dump comes.
    pub(crate) fn receive(&mut self, transport: &mut impl Transport, inbox: &mut Inbox) -> bool {
        match transport.receive(inbox) {
            Ok(true) => self.read(inbox),
            Err(Failure::RepliesLost) => false,
            Ok(false) | Err(_) => !self.nudge(transport),
        }
    }

    /// Makes the kernel go on with a dump for whose next part it had no memory: it goes on once any
    /// message is received over the socket, and refuses other dumps until then. Returns false if
    /// that was tried before, or fails.
    fn nudge(&mut self, transport: &mut impl Transport) -> bool {
        if self.nudged {
            return false;
        }
        self.nudged = true;
        let mut writer = Writer::default();
        let flags = flag::REQUEST | flag::ACK;
        // No exchange has the number zero, so each ignores the ACK.
        message::write(&mut writer, kind::NOOP, flags, 0, |_| {});
        transport.send(writer.bytes()).is_ok()
    }
}
