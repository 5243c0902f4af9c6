//! Runs a shell in an environment, to try things by hand.

use std::env;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
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
        let ends = [
            Some(master.as_fd()),
            typing.then(|| stdin.as_fd()),
            lending.then(|| lender.as_fd()),
        ];
        let Ok([shown, typed, resized]) = readable(ends) else {
            return;
        };
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
        if typed {
            typing = pass(stdin.as_fd(), master.as_fd());
        }
        if resized {
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

/// Waits until one of the ends can be read or is closed. Returns which of them. An end that stays closed is always ready, so that waiting for it
/// again would not wait: it must be left out.
fn readable<const N: usize>(ends: [Option<BorrowedFd<'_>>; N]) -> nix::Result<[bool; N]> {
    let given = || ends.iter().flatten();
    let mut fds: Vec<_> = given()
        .map(|end| PollFd::new(*end, PollFlags::POLLIN))
        .collect();
    while let Err(error) = poll(&mut fds, PollTimeout::NONE) {
        if error != Errno::EINTR {
            return Err(error);
        }
    }
    let mut fds = fds.iter();
    Ok(ends.map(|end| end.is_some() && fds.next().and_then(PollFd::any).unwrap_or(false)))
}

/// Passes on available bytes. Returns false at the end of the input, and when nothing more can be read or written.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_is_left_out_is_not_ready_even_if_it_is_closed() {
        let (closed, _) = UnixStream::pair().unwrap();
        let (open, mut other) = UnixStream::pair().unwrap();
        let ready = readable([Some(closed.as_fd()), Some(open.as_fd())]);
        assert_eq!(ready, Ok([true, false]));
        other.write_all(b"text").unwrap();
        let ready = readable([None, Some(open.as_fd())]);
        assert_eq!(ready, Ok([false, true]));
    }
}
