//! The terminal, which the launcher lends to a shell in the guest, and the requests for it.

use std::io;
use std::os::fd::AsFd;

use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

/// The socket at which init listens for programs that want the terminal. It is a path, which works from every network namespace.
pub(crate) const SOCKET: &str = "/run/lab/terminal";

/// The size of the terminal, which a program in the guest receives when it connects to [`SOCKET`]. It has the terminal until it hangs up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) rows: u16,
    pub(crate) columns: u16,
}

impl Request {
    pub(crate) fn to_bytes(self) -> [u8; 4] {
        let (rows, columns) = (self.rows.to_le_bytes(), self.columns.to_le_bytes());
        [rows[0], rows[1], columns[0], columns[1]]
    }

    pub(crate) fn from_bytes(bytes: [u8; 4]) -> Request {
        Request {
            rows: u16::from_le_bytes([bytes[0], bytes[1]]),
            columns: u16::from_le_bytes([bytes[2], bytes[3]]),
        }
    }

    /// Whether there is a terminal.
    pub(crate) fn is_terminal(self) -> bool {
        self.rows > 0 && self.columns > 0
    }
}

nix::ioctl_read_bad!(window_size, libc::TIOCGWINSZ, libc::winsize);

/// Returns the size of the terminal of standard input and output, or zeros if they are not a terminal.
pub(super) fn size() -> Request {
    use std::io::IsTerminal;
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Request::default();
    }
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the kernel fills in the struct, which outlives the call.
    let known = unsafe { window_size(libc::STDIN_FILENO, &mut size) }.is_ok();
    // A terminal may not know its size, for example a serial line.
    let or = |value, default| if known && value > 0 { value } else { default };
    Request {
        rows: or(size.ws_row, 24),
        columns: or(size.ws_col, 80),
    }
}

/// Keeps the terminal in raw mode while this value exists: every key goes to the guest, and the guest's output is not changed.
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    pub(super) fn enter() -> nix::Result<Raw> {
        let before = tcgetattr(io::stdin())?;
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw_from(&before))?;
        Ok(Raw { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, &self.before);
    }
}

fn raw_from(settings: &Termios) -> Termios {
    let mut raw = settings.clone();
    cfmakeraw(&mut raw);
    raw
}

/// The terminal's settings at the start, for the keeper: a launcher that was killed while a shell had the terminal cannot put them back.
pub(super) struct Restore(Option<Termios>);

impl Restore {
    pub(super) fn note() -> Restore {
        Restore(tcgetattr(io::stdin()).ok())
    }

    /// Restores the settings, unless another program has changed them.
    pub(super) fn put_back(self) {
        let (Some(before), Ok(now)) = (self.0, tcgetattr(io::stdin())) else {
            return;
        };
        if now != raw_from(&before) {
            return;
        }
        // The keeper is not a foreground process, and the kernel would stop it for the next call.
        let mut stop = SigSet::empty();
        stop.add(Signal::SIGTTOU);
        let _ = stop.thread_block();
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
    }
}
