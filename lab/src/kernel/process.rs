//! The lab's processes: forks, waits, and passes signals on.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

use crate::error::{Result, failed};

/// How long a program may take to end after a signal, before it is killed.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// Forks. The caller must be single-threaded. Otherwise a thread that does not exist in the child may hold a lock there.
pub(crate) fn fork(what: &str) -> Result<ForkResult> {
    // SAFETY: `super::main` has checked that no second thread exists, and the lab starts none before its last fork.
    unsafe { nix::unistd::fork() }.map_err(failed("start", what))
}

/// The signals that end a program, those that a launcher passes on, and SIGCHLD. They are blocked and read from a descriptor, because a handler can
/// do little, and because even the first process of a PID namespace receives blocked signals.
pub(crate) struct Signals {
    fd: SignalFd,
    set: SigSet,
}

impl Signals {
    pub(crate) fn block() -> Result<Signals> {
        let mut set = SigSet::empty();
        for signal in [
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGQUIT,
            Signal::SIGCHLD,
            Signal::SIGWINCH,
        ] {
            set.add(signal);
        }
        set.thread_block().map_err(failed("block", "signals"))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = SignalFd::with_flags(&set, flags).map_err(failed("open", "a signalfd"))?;
        Ok(Signals { fd, set })
    }

    /// Undoes `block` in a child that will run the program.
    pub(crate) fn unblock(self) -> Result<()> {
        self.set
            .thread_unblock()
            .map_err(failed("unblock", "signals"))
    }

    /// Returns the next signal, if one has arrived.
    pub(crate) fn next(&self) -> Option<siginfo> {
        self.fd.read_signal().ok().flatten()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Returns the signal if it must be passed on to the program. SIGCHLD and SIGWINCH are not passed on, nor are signals that the kernel sent to a
/// whole foreground process group (Ctrl-C), because the program is in the same group.
pub(crate) fn to_pass_on(info: &siginfo, same_group: bool) -> Option<Signal> {
    const SI_KERNEL: i32 = 0x80;
    let signal = Signal::try_from(info.ssi_signo as i32).ok()?;
    match signal {
        Signal::SIGCHLD | Signal::SIGWINCH => None,
        _ if same_group && info.ssi_code == SI_KERNEL => None,
        signal => Some(signal),
    }
}

/// Converts a wait status as a shell does: the program's status, or 128 plus the number of the signal that killed it.
pub(crate) fn status(of: WaitStatus) -> Option<(Pid, i32)> {
    match of {
        WaitStatus::Exited(pid, status) => Some((pid, status)),
        WaitStatus::Signaled(pid, signal, _) => Some((pid, 128 + signal as i32)),
        _ => None,
    }
}

/// Reaps every child that has ended. Returns the status of `of` if it was among them.
pub(crate) fn reap(of: Pid) -> Option<i32> {
    let mut found = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return found,
            Ok(wait) => {
                if let Some((pid, code)) = status(wait) {
                    if pid == of {
                        found = Some(code);
                    }
                }
            }
            Err(_) => {}
        }
    }
}

/// Waits until `child` has ended, passes signals on to it, and returns its status. Kills the child if it ignores them, or when `life`, a pipe that
/// this process's starter holds open, closes.
pub(crate) fn supervise(child: Pid, signals: &Signals, life: Option<BorrowedFd<'_>>) -> i32 {
    let mut deadline: Option<Instant> = None;
    let mut orphaned = false;
    loop {
        if let Some(code) = reap(child) {
            return code;
        }
        let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if let Some(life) = life.filter(|_| !orphaned) {
            fds.push(PollFd::new(life, PollFlags::POLLIN));
        }
        let _ = poll(&mut fds, timeout(deadline));
        if fds
            .get(1)
            .and_then(PollFd::revents)
            .is_some_and(|events| !events.is_empty())
        {
            orphaned = true;
            let _ = kill(child, Signal::SIGKILL);
        }
        while let Some(info) = signals.next() {
            if let Some(signal) = to_pass_on(&info, true) {
                // A second signal ends the program at once.
                let signal = if deadline.is_some() {
                    Signal::SIGKILL
                } else {
                    signal
                };
                let _ = kill(child, signal);
            }
            // Also for Ctrl-C, which the program got itself; SIGINT alone sets no deadline, since a shell rightly ignores it.
            if matches!(info.ssi_signo as i32, libc::SIGTERM | libc::SIGHUP) {
                deadline.get_or_insert(Instant::now() + GRACE);
            }
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            let _ = kill(child, Signal::SIGKILL);
            deadline = Some(Instant::now() + GRACE);
        }
    }
}

/// Returns the time until `deadline`, for poll.
pub(crate) fn timeout(deadline: Option<Instant>) -> PollTimeout {
    deadline.map_or(PollTimeout::NONE, |deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
    })
}
