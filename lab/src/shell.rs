//! Runs a shell in an environment, to try things by hand.

use std::env;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{read, setsid, write};

use crate::Namespace;
use crate::error::{Result, failed};
use crate::kernel::{TERMINAL_SOCKET, TerminalRequest};

/// Runs a shell (`$SHELL`, or `/bin/sh`) in the namespace until it ends. If standard input is a pipe or a file, the shell reads its commands from it.
pub fn shell(namespace: &Namespace) -> Result<()> {
    let program = env::var("SHELL")
        .ok()
        .filter(|shell| !shell.is_empty())
        .unwrap_or_else(|| "/bin/sh".to_owned());
    let mut command = namespace.command(&program)?;
    // SAFETY: signal is async-signal-safe, and nothing is allocated between fork and exec.
    unsafe {
        command.pre_exec(|| {
            // Undoes `Patience`. Otherwise nothing in the shell could be interrupted.
            signal(Signal::SIGINT, SigHandler::SigDfl)?;
            signal(Signal::SIGQUIT, SigHandler::SigDfl)?;
            Ok(())
        });
    }
    let _patience = Patience::begin();
    match UnixStream::connect(TERMINAL_SOCKET) {
        Ok(lender) => in_guest(lender, command, &program),
        // Outside a guest, the shell uses the program's own terminal.
        Err(_) => attached(command, &program),
    }
}

fn attached(mut command: Command, program: &str) -> Result<()> {
    command.status().map(drop).map_err(failed("run", program))
}

/// Ignores Ctrl-C, which is meant for the commands in the shell, not for the program that opened it.
struct Patience([(Signal, SigHandler); 2]);

impl Patience {
    fn begin() -> Patience {
        Patience([Signal::SIGINT, Signal::SIGQUIT].map(|number| {
            // SAFETY: ignoring a signal runs no code in a handler.
            let before = unsafe { signal(number, SigHandler::SigIgn) };
            (number, before.unwrap_or(SigHandler::SigDfl))
        }))
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        for (number, before) in self.0 {
            // SAFETY: this restores the previous handlers.
            let _ = unsafe { signal(number, before) };
        }
    }
}

nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, libc::winsize);
nix::ioctl_write_int_bad!(take_terminal, libc::TIOCSCTTY);

/// Runs the shell in a guest, where the program's streams are pipes. If these lead to a terminal of the machine, the shell gets a terminal in the
/// guest. This function passes on input and output, while the launcher keeps the real terminal in raw mode.
fn in_guest(mut lender: UnixStream, mut command: Command, program: &str) -> Result<()> {
    let mut size = [0; 4];
    lender
        .read_exact(&mut size)
        .map_err(failed("ask init for", "the terminal"))?;
    let size = TerminalRequest::from_bytes(size);
    if !size.is_terminal() {
        drop(lender);
        return attached(command, program);
    }
    let OpenptyResult { master, slave } =
        openpty(&window(size), None).map_err(failed("open", "a terminal"))?;
    let end = || {
        slave
            .try_clone()
            .map(Stdio::from)
            .map_err(failed("open", "a terminal"))
    };
    command.stdin(end()?).stdout(end()?).stderr(end()?);
    // SAFETY: setsid and ioctl are async-signal-safe, and nothing is allocated between fork and exec.
    unsafe {
        command.pre_exec(|| {
            setsid()?;
            take_terminal(libc::STDIN_FILENO, 0)?;
            Ok(())
        });
    }
    let mut child = command.spawn().map_err(failed("run", program))?;
    // Only the shell may hold the terminal's other end. Otherwise its end is not noticed.
    drop((slave, command));
    converse(&master, &mut lender);
    finish(&mut child, program)
}

fn finish(child: &mut Child, program: &str) -> Result<()> {
    child.wait().map(drop).map_err(failed("wait for", program))
}

fn window(size: TerminalRequest) -> Winsize {
    Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Passes bytes between the program's streams and the shell's terminal until the shell has closed it.
fn converse(master: &OwnedFd, lender: &mut UnixStream) {
    let stdin = io::stdin();
    let mut typing = true;
    let mut lending = true;
    loop {
        let events = |on: bool| {
            if on {
                PollFlags::POLLIN
            } else {
                PollFlags::empty()
            }
        };
        let mut fds = [
            PollFd::new(master.as_fd(), PollFlags::POLLIN),
            PollFd::new(stdin.as_fd(), events(typing)),
            PollFd::new(lender.as_fd(), events(lending)),
        ];
        if poll(&mut fds, PollTimeout::NONE).is_err() {
            continue;
        }
        let [shown, typed, resized] = fds.map(|fd| fd.any().unwrap_or(false));
        if shown {
            let mut bytes = [0; 4096];
            match read(master.as_fd(), &mut bytes) {
                Ok(length @ 1..) => {
                    let mut out = io::stdout().lock();
                    let _ = out.write_all(&bytes[..length]).and_then(|()| out.flush());
                }
                // EIO: no process holds the other end any more.
                _ => return,
            }
        }
        if typed && typing {
            typing = pass(stdin.as_fd(), master.as_fd());
        }
        if resized && lending {
            let mut size = [0; 4];
            lending = lender.read_exact(&mut size).is_ok();
            if lending {
                let size = window(TerminalRequest::from_bytes(size));
                // SAFETY: the kernel reads the struct, which outlives the call.
                let _ = unsafe { set_size(std::os::fd::AsRawFd::as_raw_fd(master), &size) };
            }
        }
    }
}

/// Passes on available bytes. Returns false at the end of the input.
fn pass(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> bool {
    let mut bytes = [0; 1024];
    match read(from, &mut bytes) {
        Ok(length @ 1..) => {
            let mut rest = &bytes[..length];
            while let (false, Ok(written)) = (rest.is_empty(), write(to, rest)) {
                rest = &rest[written..];
            }
            true
        }
        _ => false,
    }
}
