//! The launcher: the process that the user started. It passes streams, signals and the exit status between the machine and the guest in one loop.
//! It never blocks on one of them, so that a stalled reader does not delay a signal.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Pid, pipe2};

use super::cause;
use super::keeper::{self, Ends};
use super::order::Order;
use super::terminal::{self, Raw};
use super::{Kernel, TerminalRequest};
use crate::error::{Error, Result, failed};
use crate::kernel::frame::{self, Decoder, Kind, ON_THE_WAY};
use crate::kernel::process::{GRACE, Signals, fork, reap, timeout, to_pass_on};

/// How long the kernel may take to start its init, even on a busy machine.
const BOOT: Duration = Duration::from_secs(90);

/// How many bytes of the kernel's log are kept, to show them after a failure.
const LOG: usize = 16 * 1024;

/// How many bytes of output may wait for their reader before the guest must wait too.
const BACKLOG: usize = 256 * 1024;

/// How many bytes a pipe takes without blocking once poll reports that it is writable (PIPE_BUF).
const CHUNK: usize = 4096;

/// Boots the kernel, runs the order in it, and returns the exit status.
pub(super) fn run(
    kernel: &Kernel,
    arguments: &[OsString],
    memory: &Path,
    order: &Order,
) -> Result<i32> {
    let mut command = Command::new(&kernel.executable);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TMPDIR", memory);
    let open = || pipe2(OFlag::O_CLOEXEC).map_err(failed("open", "a pipe"));
    let (input, to_guest) = open()?;
    let (from_guest, output) = open()?;
    let (kernel_log, log) = open()?;
    let (life, held) = open()?;
    let signals = Signals::block()?;
    match fork("the keeper")? {
        ForkResult::Child => {
            drop((to_guest, from_guest, kernel_log, held));
            keeper::keep(
                command,
                Ends {
                    input,
                    output,
                    log,
                    life,
                },
                signals,
            )
        }
        ForkResult::Parent { child } => {
            drop((input, output, log, life));
            for fd in [&to_guest, &from_guest, &kernel_log] {
                fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
                    .map_err(failed("unblock", "a pipe"))?;
            }
            let guest = Guest {
                to: File::from(to_guest),
                from: File::from(from_guest),
                log: File::from(kernel_log),
                keeper: child,
            };
            let ended = Launcher::new(guest, &signals).serve(order);
            // The keeper ends the guest when this closes. Nothing is lost, because init has synced before it reported the exit status.
            drop(held);
            while nix::sys::wait::waitpid(child, None) == Err(Errno::EINTR) {}
            signals.unblock()?;
            ended
        }
    }
}

struct Guest {
    to: File,
    from: File,
    log: File,
    keeper: Pid,
}

/// Standard output or standard error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Output,
    Errors,
}

impl Stream {
    fn fd(self) -> BorrowedFd<'static> {
        // SAFETY: the runtime keeps descriptors 1 and 2 open for as long as the process lives.
        match self {
            Stream::Output => unsafe { BorrowedFd::borrow_raw(libc::STDOUT_FILENO) },
            Stream::Errors => unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) },
        }
    }
}

struct Launcher<'a> {
    guest: Guest,
    signals: &'a Signals,
    frames: Decoder,
    /// Whether the magic bytes have arrived, and the deadline for them.
    started: bool,
    boot: Instant,
    to_guest: VecDeque<u8>,
    /// How many sent bytes the guest has not acknowledged.
    on_the_way: usize,
    output: VecDeque<(Stream, Vec<u8>)>,
    waiting: usize,
    credit: usize,
    input_open: bool,
    terminal: TerminalRequest,
    raw: Option<Raw>,
    log: Vec<u8>,
    show_log: bool,
    /// The signal that asked the program to end, and the deadline for its end.
    ending: Option<(Signal, Instant)>,
    exit: Option<i32>,
    failure: Option<String>,
}

impl<'a> Launcher<'a> {
    fn new(guest: Guest, signals: &'a Signals) -> Launcher<'a> {
        Launcher {
            guest,
            signals,
            frames: Decoder::default(),
            started: false,
            boot: Instant::now() + BOOT,
            to_guest: VecDeque::new(),
            on_the_way: 0,
            output: VecDeque::new(),
            waiting: 0,
            credit: 0,
            input_open: true,
            terminal: terminal::size(),
            raw: None,
            log: Vec::new(),
            show_log: env::var_os("IPVSET_LAB_LOG").is_some(),
            ending: None,
            exit: None,
            failure: None,
        }
    }

    fn serve(&mut self, order: &Order) -> Result<i32> {
        let mut keeper_ended = false;
        loop {
            if self.output.is_empty() {
                if let Some(status) = self.exit {
                    return Ok(status);
                }
                if let Some(failure) = self.failure.take() {
                    return Err(self.broken(&failure));
                }
                if keeper_ended {
                    return self.ended_early();
                }
            }
            if let Some((signal, deadline)) = self.ending {
                if deadline <= Instant::now() {
                    return Ok(128 + signal as i32);
                }
            } else if !self.started && self.boot <= Instant::now() {
                return Err(self.broken("the guest's kernel did not start the program"));
            }
            self.wait();
            // Asked before the pipes are read for the last time, so that nothing written before the end is missed.
            keeper_ended = keeper_ended || reap(self.guest.keeper).is_some();
            self.take_signals();
            self.read_log();
            self.read_frames(order);
            self.read_input();
            self.write_guest();
            self.write_output();
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self) {
        let deadline = match self.ending {
            Some((_, deadline)) => Some(deadline),
            None if self.started => None,
            None => Some(self.boot),
        };
        let stdin = io::stdin();
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.guest.log.as_fd(), PollFlags::POLLIN),
        ];
        if self.waiting < BACKLOG {
            fds.push(PollFd::new(self.guest.from.as_fd(), PollFlags::POLLIN));
        }
        if self.may_send() > 0 {
            fds.push(PollFd::new(self.guest.to.as_fd(), PollFlags::POLLOUT));
        }
        if self.wants_input() {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        if let Some((stream, _)) = self.output.front() {
            fds.push(PollFd::new(stream.fd(), PollFlags::POLLOUT));
        }
        let _ = poll(&mut fds, timeout(deadline));
        // When the guest's ends have closed, poll returns at once, until the keeper has been reaped.
        let closed = fds[1]
            .revents()
            .is_some_and(|events| events == PollFlags::POLLHUP);
        if closed {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn take_signals(&mut self) {
        while let Some(info) = self.signals.next() {
            if info.ssi_signo as i32 == libc::SIGWINCH {
                self.terminal = terminal::size();
                if self.started {
                    self.send(Kind::Window, &self.terminal.to_bytes());
                }
            }
            let Some(signal) = to_pass_on(&info, false) else {
                continue;
            };
            let interrupted_before = self.ending.is_some();
            // Ends at once before the program has started, or after a second signal.
            let wait = if self.started && !interrupted_before {
                GRACE
            } else {
                Duration::ZERO
            };
            self.ending = Some((signal, Instant::now() + wait));
            self.send(Kind::Signal, &(signal as i32).to_le_bytes());
        }
    }

    fn read_log(&mut self) {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = self.guest.log.read(&mut bytes) {
            self.note(&bytes[..length]);
        }
    }

    /// Appends to the log and keeps only its end.
    fn note(&mut self, bytes: &[u8]) {
        if self.show_log {
            self.queue(Stream::Errors, bytes.to_vec());
        }
        self.log.extend_from_slice(bytes);
        let surplus = self.log.len().saturating_sub(LOG);
        self.log.drain(..surplus);
    }

    fn read_frames(&mut self, order: &Order) {
        let mut bytes = [0; 16 * 1024];
        while self.waiting < BACKLOG {
            match self.guest.from.read(&mut bytes) {
                Ok(length @ 1..) => self.frames.push(&bytes[..length]),
                _ => break,
            }
            if !self.started {
                let Some(noise) = self.frames.magic() else {
                    continue;
                };
                self.note(&noise);
                self.started = true;
                self.send(Kind::Order, &order.encode());
                self.send(Kind::Window, &self.terminal.to_bytes());
            }
            loop {
                match self.frames.next() {
                    Ok(Some((kind, payload))) => self.take(kind, payload),
                    Ok(None) => break,
                    Err(lost) => {
                        self.failure = Some(lost);
                        break;
                    }
                }
            }
        }
    }

    fn take(&mut self, kind: Kind, payload: Vec<u8>) {
        match kind {
            Kind::Output => self.queue(Stream::Output, payload),
            Kind::Errors => self.queue(Stream::Errors, payload),
            Kind::Credit => self.credit += frame::number(&payload) as usize,
            Kind::Received => {
                let length = frame::number(&payload) as usize;
                self.on_the_way = self.on_the_way.saturating_sub(length);
            }
            Kind::Exit => {
                self.raw = None;
                self.exit = Some(frame::number(&payload));
            }
            Kind::Failed => self.failure = Some(String::from_utf8_lossy(&payload).into_owned()),
            Kind::Terminal if payload == [1] && self.terminal.is_terminal() => {
                self.raw = Raw::enter().ok()
            }
            Kind::Terminal => self.raw = None,
            Kind::Order | Kind::Input | Kind::Signal | Kind::Window => {}
        }
    }

    /// A terminal is only read while a shell has it. A background job that reads its terminal is stopped, and text that is typed while a
    /// program runs belongs to the shell that started it.
    fn wants_input(&self) -> bool {
        self.input_open
            && self.credit > 0
            && (self.raw.is_some() || !self.terminal.is_terminal() && !stdin_is_terminal())
    }

    fn read_input(&mut self) {
        let stdin = io::stdin();
        let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        if !self.wants_input() || !matches!(poll(&mut fds, 0u8), Ok(1)) {
            return;
        }
        let mut bytes = vec![0; self.credit.min(CHUNK)];
        // Not through std's buffer, from which poll would not know that there is more to read.
        match nix::unistd::read(stdin.as_fd(), &mut bytes) {
            Ok(length) => {
                self.input_open = length > 0;
                self.credit -= length;
                self.send(Kind::Input, &bytes[..length]);
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => {
                self.input_open = false;
                self.send(Kind::Input, &[]);
            }
        }
    }

    fn send(&mut self, kind: Kind, payload: &[u8]) {
        self.to_guest.extend(frame::encode(kind, payload));
    }

    fn may_send(&self) -> usize {
        let room = ON_THE_WAY.saturating_sub(self.on_the_way);
        self.to_guest.len().min(room)
    }

    fn write_guest(&mut self) {
        while self.may_send() > 0 {
            let bytes = self.to_guest.as_slices().0;
            match self
                .guest
                .to
                .write(&bytes[..bytes.len().min(self.may_send())])
            {
                Ok(length) => {
                    self.to_guest.drain(..length);
                    self.on_the_way += length;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The guest is gone, which the loop detects elsewhere.
                Err(_) => self.to_guest.clear(),
            }
        }
    }

    fn queue(&mut self, stream: Stream, bytes: Vec<u8>) {
        self.waiting += bytes.len();
        self.output.push_back((stream, bytes));
    }

    fn write_output(&mut self) {
        while let Some((stream, bytes)) = self.output.front_mut() {
            let mut fds = [PollFd::new(stream.fd(), PollFlags::POLLOUT)];
            if !matches!(poll(&mut fds, 0u8), Ok(1)) {
                return;
            }
            let chunk = &bytes[..bytes.len().min(CHUNK)];
            let written = match nix::unistd::write(stream.fd(), chunk) {
                Ok(written) => written,
                Err(Errno::EAGAIN | Errno::EINTR) => return,
                Err(error) => {
                    let lost = bytes.len();
                    self.waiting -= lost;
                    self.output.pop_front();
                    // The reader has closed the stream. The program gets the signal that it would get on the machine.
                    if error == Errno::EPIPE && self.ending.is_none() {
                        self.ending = Some((Signal::SIGPIPE, Instant::now() + GRACE));
                        self.send(Kind::Signal, &(Signal::SIGPIPE as i32).to_le_bytes());
                    }
                    continue;
                }
            };
            self.waiting -= written;
            if written == bytes.len() {
                self.output.pop_front();
            } else {
                bytes.drain(..written);
            }
        }
    }

    /// Returns the error for a kernel that ended without an exit status.
    fn ended_early(&self) -> Result<i32> {
        if let Some((signal, _)) = self.ending {
            return Ok(128 + signal as i32);
        }
        if self.started {
            return Err(self.broken("the guest's kernel ended before the program did"));
        }
        let cause = cause::of(&String::from_utf8_lossy(&self.log));
        Err(self.broken(&format!(
            "the guest's kernel ended before it started the program: {cause}"
        )))
    }

    fn broken(&self, what: &str) -> Error {
        let log = String::from_utf8_lossy(&self.log).replace('\r', "");
        Error::Other(format!("{what}. The end of its log:\n{}", log.trim_end()))
    }
}

fn stdin_is_terminal() -> bool {
    use std::io::IsTerminal;
    io::stdin().is_terminal()
}
