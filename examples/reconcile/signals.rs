//! SIGINT and SIGTERM, which end the program between two changes.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

pub(crate) struct Signals(Receiver<()>);

impl Signals {
    /// From now on, the signals no longer end the program by themselves. The program must not
    /// have other threads yet, which would receive them.
    pub(crate) fn catch() -> io::Result<Self> {
        let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
        signals.thread_block()?;
        let (sender, receiver) = channel();
        thread::Builder::new().spawn(
            move || {
                while signals.wait().is_ok() && sender.send(()).is_ok() {}
            },
        )?;
        Ok(Self(receiver))
    }

    /// Waits. Returns true if the program is to end.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        self.0.recv_timeout(time) != Err(RecvTimeoutError::Timeout)
    }
}
