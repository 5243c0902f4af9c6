//! Init in the guest: sets the guest up, starts the program, and serves the launcher until the program has ended.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::termios::{FlushArg, SetArg, cfmakeraw, tcdrain, tcflush, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpid, pipe2, sync};

use super::order::Order;
use super::{STAGE, TERMINAL_SOCKET, TerminalRequest, setup};
use crate::error::{Error, Result, failed};
use crate::kernel::frame::{self, Decoder, Kind, MAGIC, WINDOW};
use crate::kernel::process::{Signals, reap};

/// The console that leads to the launcher.
const CONSOLE: &str = "/dev/tty1";

/// Whether this process is the init of a guest.
pub(crate) fn is_init() -> bool {
    getpid().as_raw() == 1 && env::var_os(STAGE).is_some_and(|stage| stage == "init")
}

/// Whether init has started this process as the program.
pub(crate) fn is_program() -> bool {
    env::var_os(STAGE).is_some_and(|stage| stage == "program")
}

/// Removes the variable that marks this process as the program, so that its children do not inherit it.
pub(crate) fn enter_program() {
    // SAFETY: `lab::main` comes first in `main`, with one thread.
    unsafe { env::remove_var(STAGE) };
}

/// Runs as init until the guest ends.
pub(crate) fn init() -> ! {
    let console = match Console::open() {
        Ok(console) => console,
        // The kernel panics when its init ends, and shows its log, which contains this error.
        Err(error) => {
            let _ = fs::write("/dev/kmsg", format!("lab: {error}\n"));
            std::process::exit(1)
        }
    };
    let mut init = Init {
        console,
        input: None,
        pending: Vec::new(),
        input_ended: false,
        taken: 0,
        window: TerminalRequest::default(),
        borrower: None,
    };
    let (kind, report) = match init.run() {
        Ok(status) => (Kind::Exit, status.to_le_bytes().to_vec()),
        Err(error) => (Kind::Failed, error.to_string().into_bytes()),
    };
    // Processes that the program left could still write to the target folder.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    sync();
    let _ = init.console.send(kind, &report);
    let _ = tcdrain(&init.console.tty);
    let _ = reboot(RebootMode::RB_POWER_OFF);
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Gives init priority over all other processes. It then forwards the program's output before the program goes on, so that a panic of the kernel
/// does not lose the line that says what the program tried.
fn come_first() -> Result<()> {
    let lowest = libc::sched_param { sched_priority: 1 };
    // Other processes keep their priority.
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: a pointer to a parameter that is only read; 0 is the calling process.
    let changed = unsafe { libc::sched_setscheduler(0, policy, &lowest) };
    Errno::result(changed)
        .map(drop)
        .map_err(failed("set the scheduling of", "init"))
}

/// The console that carries frames to and from the launcher.
struct Console {
    tty: File,
    frames: Decoder,
}

impl Console {
    fn open() -> Result<Console> {
        let tty = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
            .open(CONSOLE)
            .map_err(failed("open", CONSOLE))?;
        let mut settings = tcgetattr(&tty).map_err(failed("read the settings of", CONSOLE))?;
        cfmakeraw(&mut settings);
        tcsetattr(&tty, SetArg::TCSANOW, &settings).map_err(failed("set up", CONSOLE))?;
        let _ = tcflush(&tty, FlushArg::TCIFLUSH);
        let mut console = Console {
            tty,
            frames: Decoder::default(),
        };
        // The launcher may send only from now on. A console drops bytes that arrive before it is open, and changes those before it is raw.
        console.write(MAGIC)?;
        Ok(console)
    }

    fn send(&mut self, kind: Kind, payload: &[u8]) -> Result<()> {
        self.write(&frame::encode(kind, payload))
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.tty.write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut fds = [PollFd::new(self.tty.as_fd(), PollFlags::POLLOUT)];
                    let _ = poll(&mut fds, 100u8);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("write to", CONSOLE)(error)),
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Option<(Kind, Vec<u8>)>> {
        let mut bytes = [0; 4096];
        loop {
            if let Some(frame) = self.frames.next().map_err(Error::Other)? {
                return Ok(Some(frame));
            }
            match self.tty.read(&mut bytes) {
                // The launcher is gone.
                Ok(0) => return Err(Error::Other("the console was closed".to_owned())),
                Ok(length) => {
                    self.frames.push(&bytes[..length]);
                    self.send(Kind::Received, &(length as i32).to_le_bytes())?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read", CONSOLE)(error)),
            }
        }
    }
}

struct Init {
    console: Console,
    /// The program's standard input, until it is closed.
    input: Option<File>,
    /// Input that the program has not taken yet, and whether it is the last.
    pending: Vec<u8>,
    input_ended: bool,
    /// How many bytes the program has taken since the launcher last got credit.
    taken: usize,
    window: TerminalRequest,
    /// The shell that has the terminal.
    borrower: Option<UnixStream>,
}

impl Init {
    fn run(&mut self) -> Result<i32> {
        let order = self.order()?;
        setup::guest(&order)?;
        let listener =
            UnixListener::bind(TERMINAL_SOCKET).map_err(failed("listen on", TERMINAL_SOCKET))?;
        listener
            .set_nonblocking(true)
            .map_err(failed("listen on", TERMINAL_SOCKET))?;
        let signals = Signals::block()?;
        come_first()?;
        let (program, mut output, mut errors) = self.start(&order)?;
        self.console
            .send(Kind::Credit, &(WINDOW as i32).to_le_bytes())?;
        loop {
            self.wait(&signals, &listener, &output, &errors);
            while signals.next().is_some() {}
            let ended = reap(program);
            self.relay(&mut output, Kind::Output)?;
            self.relay(&mut errors, Kind::Errors)?;
            if let Some(status) = ended {
                return Ok(status);
            }
            while let Some((kind, payload)) = self.console.receive()? {
                self.take(kind, payload, program)?;
            }
            self.feed()?;
            self.lend(&listener)?;
        }
    }

    /// Waits for the first frame, which is the order.
    fn order(&mut self) -> Result<Order> {
        loop {
            match self.console.receive()? {
                Some((Kind::Order, bytes)) => {
                    return Order::decode(&bytes).ok_or_else(|| {
                        Error::Other("the launcher's order is incomplete".to_owned())
                    });
                }
                Some((kind, _)) => {
                    return Err(Error::Other(format!(
                        "the launcher sent {kind:?} before its order"
                    )));
                }
                None => {
                    let mut fds = [PollFd::new(self.console.tty.as_fd(), PollFlags::POLLIN)];
                    let _ = poll(&mut fds, PollTimeout::NONE);
                }
            }
        }
    }

    /// Starts the program. Its streams are pipes, not the console, so that they have an end and are not a terminal.
    fn start(&mut self, order: &Order) -> Result<(Pid, Option<File>, Option<File>)> {
        let open = || pipe2(OFlag::O_CLOEXEC).map_err(failed("open", "a pipe"));
        let ((input, to_program), (from_output, output), (from_errors, errors)) =
            (open()?, open()?, open()?);
        for fd in [&to_program, &from_output, &from_errors] {
            fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(failed("unblock", "a pipe"))?;
        }
        let mut command = Command::new(&order.executable);
        if let Some((name, arguments)) = order.arguments.split_first() {
            command.arg0(name).args(arguments);
        }
        let child = command
            .env_clear()
            .envs(order.environment.iter().map(|(name, value)| (name, value)))
            // Programs that this one starts use the guest's kernel.
            .env_remove("IPVSET_UML")
            .env_remove("IPVSET_UML_MODULES")
            .env_remove("TMPDIR")
            .env("IPVSET_KERNEL", "running")
            .env(STAGE, "program")
            .current_dir(&order.folder)
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(errors))
            .process_group(0)
            .spawn()
            .map_err(failed("start", order.executable.display().to_string()))?;
        self.input = Some(File::from(to_program));
        let reader = |fd: OwnedFd| Some(File::from(fd));
        Ok((
            Pid::from_raw(child.id() as i32),
            reader(from_output),
            reader(from_errors),
        ))
    }

    fn wait(
        &self,
        signals: &Signals,
        listener: &UnixListener,
        output: &Option<File>,
        errors: &Option<File>,
    ) {
        let mut fds = vec![
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.console.tty.as_fd(), PollFlags::POLLIN),
        ];
        for file in [output, errors].into_iter().flatten() {
            fds.push(PollFd::new(file.as_fd(), PollFlags::POLLIN));
        }
        if let Some(borrower) = &self.borrower {
            fds.push(PollFd::new(borrower.as_fd(), PollFlags::POLLIN));
        }
        if let Some(input) = self.input.as_ref().filter(|_| !self.pending.is_empty()) {
            fds.push(PollFd::new(input.as_fd(), PollFlags::POLLOUT));
        }
        let _ = poll(&mut fds, PollTimeout::NONE);
    }

    /// Passes on the program's available output.
    fn relay(&mut self, from: &mut Option<File>, kind: Kind) -> Result<()> {
        let mut bytes = [0; 16 * 1024];
        while let Some(file) = from {
            match file.read(&mut bytes) {
                Ok(0) => *from = None,
                Ok(length) => self.console.send(kind, &bytes[..length])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    fn take(&mut self, kind: Kind, payload: Vec<u8>, program: Pid) -> Result<()> {
        match kind {
            Kind::Input if payload.is_empty() => self.input_ended = true,
            Kind::Input => self.pending.extend_from_slice(&payload),
            Kind::Signal => {
                if let Ok(signal) = Signal::try_from(frame::number(&payload)) {
                    let _ = killpg(program, signal);
                }
            }
            Kind::Window => {
                if let Some(bytes) = payload.first_chunk::<4>() {
                    self.window = TerminalRequest::from_bytes(*bytes);
                    if let Some(borrower) = &mut self.borrower {
                        let _ = borrower.write_all(bytes);
                    }
                }
            }
            other => return Err(Error::Other(format!("the launcher sent {other:?}"))),
        }
        Ok(())
    }

    /// Writes input to the program, and credits the launcher for it.
    fn feed(&mut self) -> Result<()> {
        while let (Some(input), false) = (&mut self.input, self.pending.is_empty()) {
            match input.write(&self.pending) {
                Ok(length) => {
                    self.pending.drain(..length);
                    self.taken += length;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The program has closed its input, so the rest is lost, as in any pipe.
                Err(_) => {
                    self.input = None;
                    self.pending.clear();
                }
            }
        }
        if self.pending.is_empty() && self.input_ended {
            self.input = None;
        } else if self.taken >= WINDOW / 4 || self.taken > 0 && self.pending.is_empty() {
            let credit = std::mem::take(&mut self.taken);
            self.console
                .send(Kind::Credit, &(credit as i32).to_le_bytes())?;
        }
        Ok(())
    }

    /// Lends the terminal to a shell that asks for it, and takes it back when the shell hangs up.
    fn lend(&mut self, listener: &UnixListener) -> Result<()> {
        if let Some(borrower) = &mut self.borrower {
            if matches!(borrower.read(&mut [0; 16]), Ok(0)) {
                self.borrower = None;
                self.console.send(Kind::Terminal, &[0])?;
            }
        }
        if self.borrower.is_none() {
            if let Ok((mut borrower, _)) = listener.accept() {
                let _ = borrower.set_nonblocking(true);
                let _ = borrower.write_all(&self.window.to_bytes());
                self.borrower = Some(borrower);
                self.console.send(Kind::Terminal, &[1])?;
            }
        }
        Ok(())
    }
}
