use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;

use super::connection::Transport;
use super::discard::Rest;
use super::exchange::Dump;
use super::inbox::Inbox;
use super::turn::Turn;
use super::{Failure, Socket};

/// The maximum number of a dump's datagrams that are received in one system call.
const DUMPED: usize = 2;

/// A netlink socket that lets other tasks of a tokio runtime run from time to time.
#[derive(Debug)]
pub(crate) struct AsyncSocket {
    shared: Arc<Mutex<Shared>>,
    turn: Turn,
    send_limit: usize,
    reply_limit: u32,
}

/// What a handle shares with the task that discards the rest of a dump.
#[derive(Debug)]
struct Shared {
    socket: Socket,
    rest: Option<(Rest, Inbox)>,
}

impl Shared {
    /// Discards datagrams that are received in one system call. Returns true if no rest is left.
    fn discard(&mut self) -> bool {
        let Some((rest, inbox)) = &mut self.rest else {
            return true;
        };
        let is_over = rest.receive(&mut self.socket, inbox);
        if is_over {
            self.rest = None;
        }
        is_over
    }
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Discards the rest of a dump, unless the handle does so first or is dropped.
async fn discard(shared: Weak<Mutex<Shared>>) {
    let mut turn = Turn::new();
    while let Some(shared) = shared.upgrade() {
        if locked(&shared).discard() {
            break;
        }
        drop(shared);
        turn.count(DUMPED);
        turn.give_way().await;
    }
}

impl AsyncSocket {
    pub(crate) fn new(socket: Socket) -> Self {
        let (send_limit, reply_limit) = (socket.send_limit(), socket.reply_limit());
        let rest = None;
        Self {
            shared: Arc::new(Mutex::new(Shared { socket, rest })),
            turn: Turn::new(),
            send_limit,
            reply_limit,
        }
    }
}

impl Transport for AsyncSocket {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        self.turn.count(1);
        locked(&self.shared).socket.send(datagram)
    }

    fn receive(&mut self, inbox: &mut Inbox) -> Result<bool, Failure> {
        let received = locked(&self.shared).socket.receive(inbox);
        self.turn.count(inbox.datagrams());
        received
    }

    async fn give_way(&mut self) {
        self.turn.give_way().await;
    }

    /// Discards as much as a turn allows, and leaves the rest to a task. Without a runtime there
    /// are no tasks, and nobody else to wait.
    fn discard(&mut self, dump: Dump, inbox: &mut Inbox) {
        let runtime = Handle::try_current().ok();
        let mut shared = locked(&self.shared);
        let mut rest = Rest::new(dump);
        let mut is_over = rest.read(inbox);
        let mut turn = Turn::new();
        while !is_over && (runtime.is_none() || !turn.is_over()) {
            is_over = rest.receive(&mut shared.socket, inbox);
            turn.count(DUMPED);
        }
        if let (Some(runtime), false) = (runtime, is_over) {
            shared.rest = Some((rest, Inbox::new()));
            runtime.spawn(discard(Arc::downgrade(&self.shared)));
        }
    }

    async fn discarded(&mut self) {
        while !locked(&self.shared).discard() {
            self.turn.count(DUMPED);
            self.turn.give_way().await;
        }
    }

    async fn pause(&mut self, time: Duration) {
        // The program's runtime may have no timer, or there may be no runtime.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || thread::sleep(time)).await),
            Err(_) => thread::sleep(time),
        }
    }

    fn send_limit(&self) -> usize {
        self.send_limit
    }

    fn reply_limit(&self) -> u32 {
        self.reply_limit
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::super::connection::{Connection, DumpStep, ready};
    use super::super::generic;
    use super::super::socket::Protocol;
    use super::*;

    fn connection() -> Connection<AsyncSocket> {
        Connection::new(AsyncSocket::new(Socket::open(Protocol::Generic).unwrap()))
    }

    #[tokio::test]
    async fn many_requests_are_answered_and_let_other_tasks_run() {
        let mut connection = connection();
        let ran = Arc::new(AtomicBool::new(false));
        let other = Arc::clone(&ran);
        tokio::spawn(async move { other.store(true, Ordering::Relaxed) });
        for _ in 0..200 {
            let number = generic::resolve(&mut connection, "nlctrl").await;
            assert_eq!(number.unwrap(), Some(16));
        }
        assert!(ran.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn a_dump_that_is_left_does_not_stand_in_the_way_of_the_next() {
        let mut connection = connection();
        for _ in 0..2 {
            generic::families(&mut connection).await.unwrap();
            connection.leave_dump();
        }
        generic::families(&mut connection).await.unwrap();
        let mut count = 0;
        while connection.dump_next().await.unwrap() != DumpStep::End {
            count += 1;
        }
        assert!(count > 0, "the family of generic netlink itself");
    }

    #[test]
    fn limits_are_those_of_the_socket() {
        let socket = Socket::open(Protocol::Generic).unwrap();
        let limits = (socket.send_limit(), socket.reply_limit());
        let socket = AsyncSocket::new(socket);
        assert_eq!((socket.send_limit(), socket.reply_limit()), limits);
    }

    #[tokio::test]
    async fn a_pause_takes_its_time() {
        let mut socket = AsyncSocket::new(Socket::open(Protocol::Generic).unwrap());
        let (began, time) = (Instant::now(), Duration::from_millis(5));
        socket.pause(time).await;
        assert!(began.elapsed() >= time);
    }

    #[test]
    fn a_pause_needs_no_runtime() {
        let mut socket = AsyncSocket::new(Socket::open(Protocol::Generic).unwrap());
        let (began, time) = (Instant::now(), Duration::from_millis(5));
        ready(socket.pause(time));
        assert!(began.elapsed() >= time);
    }
}
