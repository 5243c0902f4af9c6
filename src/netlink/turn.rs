//! How long a handle may keep its thread before it lets other tasks run.

use std::time::{Duration, Instant};

use tokio::task;

/// How long a task may run. The last kernel call may end later.
const TIME: Duration = Duration::from_millis(1);
/// How many datagrams a task may send and receive. A large one takes about 0.1 ms, so the time is
/// over first unless they are small.
const DATAGRAMS: usize = 32;

/// The part that a task had of its thread's time since it last let other tasks run.
///
/// Tokio's own budget lets a task do 128 things, which takes much too long if each of them is a
/// large datagram.
#[derive(Debug)]
pub(super) struct Turn {
    began: Instant,
    datagrams: usize,
    gave_way: bool,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            datagrams: 0,
            gave_way: false,
        }
    }

    /// Counts datagrams that were sent or received.
    pub(super) fn count(&mut self, datagrams: usize) {
        self.datagrams += datagrams;
    }

    /// Returns true if it is time to let other tasks run. That is also so after the handle was not
    /// used for a while, which costs about a microsecond.
    pub(super) fn is_over(&self) -> bool {
        self.datagrams >= DATAGRAMS || self.began.elapsed() >= TIME
    }

    /// Lets other tasks run if the turn is over, or tokio's budget is used up. Then a new turn
    /// begins.
    ///
    /// If this future is dropped while it waits, the next one does not wait again. So a caller that
    /// makes a new future for each poll gets on.
    pub(super) async fn give_way(&mut self) {
        if self.is_over() {
            if !std::mem::replace(&mut self.gave_way, true) {
                task::yield_now().await;
            }
            *self = Self::new();
        }
        task::coop::consume_budget().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Polls a new future once, as an implementation of `Stream` does.
    fn poll(turn: &mut Turn) -> Poll<()> {
        pin!(turn.give_way()).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn gives_way_after_some_datagrams_and_once() {
        let mut turn = Turn::new();
        for _ in 0..3 {
            turn.count(DATAGRAMS);
            assert!(turn.is_over());
            assert!(poll(&mut turn).is_pending());
            assert!(poll(&mut turn).is_ready());
            assert_eq!(turn.datagrams, 0);
        }
    }

    #[test]
    fn gives_way_after_some_time() {
        let mut turn = Turn::new();
        std::thread::sleep(TIME);
        assert!(turn.is_over());
        assert!(poll(&mut turn).is_pending());
    }
}
