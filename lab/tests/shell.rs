//! Tests the shell in the environment, with a terminal and with a pipe, in a guest and on the running
//! kernel.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};

use lab::test::eventually;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::setsid;

nix::ioctl_write_int_bad!(take_terminal, libc::TIOCSCTTY);
nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, libc::winsize);

fn command(kernel: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab-run"));
    if kernel == "running" {
        command.args(["--sets", ""]);
    }
    command
        .env_remove("IPVSET_UML")
        .env_remove("IPVSET_UML_MODULES");
    command
        .env("IPVSET_KERNEL", kernel)
        .env("SHELL", "/bin/sh")
        .env("PS1", "lab# ")
        .env_remove("ENV");
    command
}

/// `lab-run` at a terminal, whose keyboard and screen the test controls.
struct Terminal {
    child: Child,
    screen: File,
    /// The terminal's other end, kept open so that its settings can be read after the program has
    /// ended.
    other: OwnedFd,
    before: Termios,
    shown: String,
}

impl Terminal {
    fn open(kernel: &str) -> Terminal {
        let size = Winsize {
            ws_row: 33,
            ws_col: 99,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let ends = openpty(&size, None).unwrap();
        let before = tcgetattr(&ends.slave).unwrap();
        let mut command = command(kernel);
        let end = || Stdio::from(ends.slave.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        // SAFETY: both calls are async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                take_terminal(0, 0)?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        fcntl(&ends.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        Terminal {
            child,
            screen: File::from(ends.master),
            other: ends.slave,
            before,
            shown: String::new(),
        }
    }

    /// Reads until the text has been shown. Removes and returns everything up to it.
    fn expect(&mut self, text: &str) -> String {
        let found = eventually(|| {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = self.screen.read(&mut bytes) {
                self.shown
                    .push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
            self.shown.find(text).ok_or("was not shown")
        });
        match found {
            Ok(at) => self.shown.drain(..at + text.len()).collect(),
            Err(what) => panic!(
                "{text:?} {what}, but {:?}; the launcher has ended with {:?}; its terminal is as {} the shell",
                self.shown,
                self.child.try_wait(),
                if self.settings() == self.before {
                    "before"
                } else {
                    "during"
                },
            ),
        }
    }

    fn type_in(&mut self, text: &str) {
        self.screen.write_all(text.as_bytes()).unwrap();
    }

    fn wait(&mut self) -> Option<i32> {
        match eventually(|| self.child.try_wait().unwrap().ok_or("it did not end")) {
            Ok(status) => status.code(),
            Err(what) => panic!("{what}; shown: {}", self.shown),
        }
    }

    fn settings(&self) -> Termios {
        tcgetattr(self.other.as_fd()).unwrap()
    }
}

fn a_session(kernel: &str) {
    let mut terminal = Terminal::open(kernel);
    terminal.expect("# ");
    terminal.type_in("echo $((6*7)) $(tty)\n");
    terminal.expect("42 /dev/pts/");
    terminal.expect("# ");
    terminal.type_in("stty size\n");
    terminal.expect("33 99\r\n");
    // Ctrl-C ends only the program in the shell. The test waits for output of the program itself, because dash loses a Ctrl-C that arrives
    // while it starts a command.
    terminal.expect("# ");
    terminal.type_in("cat\n");
    terminal.expect("cat\r\n");
    terminal.type_in("begun\n");
    terminal.expect("begun\r\n");
    terminal.expect("begun\r\n");
    terminal.type_in("\x03");
    terminal.expect("# ");
    terminal.type_in("ip -brief link\n");
    terminal.expect("lo ");
    terminal.expect("# ");
    // Changes the size of the terminal.
    let size = libc::winsize {
        ws_row: 44,
        ws_col: 111,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the struct outlives the call.
    unsafe { set_size(std::os::fd::AsRawFd::as_raw_fd(&terminal.screen), &size) }.unwrap();
    terminal
        .type_in("until test \"$(stty size)\" = '44 111'; do sleep 0.1; done; echo resi''zed\n");
    terminal.expect("resized\r\n");
    terminal.expect("# ");
    terminal.type_in("exit\n");
    assert_eq!(terminal.wait(), Some(0));
    assert_eq!(terminal.settings(), terminal.before);
}

#[test]
fn a_terminal_in_the_guest() {
    a_session("uml");
}

#[test]
fn a_terminal_on_the_running_kernel() {
    a_session("running");
}

#[test]
fn a_killed_launcher_gives_the_terminal_back() {
    for signal in [
        nix::sys::signal::Signal::SIGKILL,
        nix::sys::signal::Signal::SIGTERM,
    ] {
        let mut terminal = Terminal::open("uml");
        terminal.expect("# ");
        assert_ne!(terminal.settings(), terminal.before);
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(terminal.child.id() as i32),
            signal,
        )
        .unwrap();
        terminal.wait();
        let given_back = eventually(|| match terminal.settings() {
            settings if settings == terminal.before => Ok(()),
            settings => Err(Box::new(settings)),
        });
        assert_eq!(given_back, Ok(()));
    }
}

fn from_a_pipe(kernel: &str) -> Output {
    let mut child = command(kernel)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"echo $((6*7))\ncat /proc/sys/kernel/osrelease\nip -brief link\n")
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn commands_from_a_pipe() {
    let guest = from_a_pipe("uml");
    let here = from_a_pipe("running");
    let machine = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    for output in [&guest, &here] {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success());
        assert!(text.starts_with("42\n") && text.contains("lo "), "{text}");
        assert_eq!(
            text.contains(&machine),
            std::ptr::eq(output, &here),
            "{text}"
        );
    }
}
