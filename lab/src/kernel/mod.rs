//! A kernel to run on.
//!
//! Many machines that build ipvset cannot run it, because there is no root access or no IPVS in the kernel. [`main`] finds a kernel that can: the
//! one that `IPVSET_UML` names, or the running one, or User Mode Linux.
//!
//! | variable | what it does |
//! |--|--|
//! | `IPVSET_UML` | a User Mode Linux executable, used before any other kernel |
//! | `IPVSET_UML_MODULES` | its modules: a folder with one sub-folder per release, or one release's folder. `/usr/lib/uml/modules` if unset |
//! | `IPVSET_KERNEL` | `running` or `uml`: only this kind, instead of the first that is suitable |
//! | `IPVSET_LAB_LOG` | if set, the guest kernel's log is shown while it is written |

mod frame;
mod needs;
mod probe;
pub(crate) mod process;
pub(crate) mod running;
mod uml;

use std::env;
use std::process::ExitCode;

pub use needs::Needs;
pub(crate) use uml::{TERMINAL_SOCKET, TerminalRequest};

use crate::error::{Error, Result, failed};

/// The command that installs everything the lab may need on Debian.
pub const INSTALL: &str = "apt-get install user-mode-linux kmod iptables ipvsadm ipset";

/// The exit status of a program for which no kernel was found, or whose kernel failed.
const NO_KERNEL: u8 = 125;

/// Runs `body` on a kernel that has what it `needs`, and returns the exit status for `main`.
///
/// Call it first in `main`, while the process has one thread: the lab forks, and on User Mode Linux the whole program starts again in the
/// guest, with the same arguments, environment and working folder. Code before it would run on the machine and again in the guest.
///
/// On either kernel, `body` runs as root (or as the root of a user namespace), in a new network namespace with the loopback device up and an empty
/// `/run/netns`, and ends when this process does. In the guest, `/tmp` and `/run` are new, the target folder is writable, and the machine's other
/// files are read-only.
///
/// Standard output, standard error and standard input are the program's. The exit status is 128 plus the signal's number if a
/// signal ended the program, and 125 if there is no kernel to run it on. A message then says what is missing and how to install it.
pub fn main(needs: &Needs, body: impl FnOnce() -> ExitCode) -> ExitCode {
    match enter(needs) {
        Ok(Entered::Inside) => body(),
        Ok(Entered::Ended(status)) => ExitCode::from(u8::try_from(status).unwrap_or(NO_KERNEL)),
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::from(NO_KERNEL)
        }
    }
}

/// The role of a process after the lab has started the program.
enum Entered {
    /// The process is on a suitable kernel and continues as the program.
    Inside,
    /// The program ran in another process, which ended with this status.
    Ended(i32),
}

fn enter(needs: &Needs) -> Result<Entered> {
    if uml::guest::is_init() {
        uml::guest::init();
    }
    if uml::guest::is_program() {
        uml::guest::enter_program();
        complete_path();
        return match needs.check() {
            Ok(()) => Ok(Entered::Inside),
            Err(missing) => Err(Error::Other(format!(
                "the guest's kernel will not do: {missing}"
            ))),
        };
    }
    single_threaded()?;
    complete_path();

    if env::var_os("IPVSET_UML").is_some() {
        return uml::run(needs, &uml::Kernel::find()?).map(Entered::Ended);
    }
    let only = env::var("IPVSET_KERNEL").unwrap_or_default();
    if !matches!(only.as_str(), "" | "running" | "uml") {
        return Err(Error::Other(format!(
            "IPVSET_KERNEL is `{only}`; it can be `running` or `uml`"
        )));
    }
    let unsuitable = match only.as_str() {
        "uml" => "IPVSET_KERNEL=uml rules it out".to_owned(),
        _ if needs.wants_guest() => {
            "the program changes the kernel, so it needs a guest".to_owned()
        }
        _ => match running::enter(needs)? {
            running::Attempt::Entered(entered) => return Ok(entered),
            running::Attempt::Unsuitable(why) => why,
        },
    };
    if only == "running" {
        return Err(Error::Other(format!(
            "the running kernel will not do, and IPVSET_KERNEL=running rules out any other: {unsuitable}"
        )));
    }
    match uml::Kernel::find() {
        Ok(kernel) => uml::run(needs, &kernel).map(Entered::Ended),
        Err(missing) => Err(Error::Other(format!(
            "there is no kernel to run on.\n  The running kernel: {unsuitable}\n  User Mode Linux: {missing}\n  On Debian, install it with: {INSTALL}"
        ))),
    }
}

/// Checks that the process has one thread. Otherwise forking is unsafe and entering a user namespace impossible.
fn single_threaded() -> Result<()> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(failed("read", "/proc/self/task"))?
        .count();
    if threads == 1 {
        return Ok(());
    }
    Err(Error::Other(format!(
        "lab::main has to come first in main, but the process has {threads} threads already"
    )))
}

/// Adds the folders of ip, ipset and ipvsadm to PATH, which lacks them for an ordinary user on Debian.
fn complete_path() {
    let mut folders: Vec<_> =
        env::var_os("PATH").map_or_else(Vec::new, |path| env::split_paths(&path).collect());
    for folder in ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"] {
        if !folders.iter().any(|known| known.as_os_str() == folder) {
            folders.push(folder.into());
        }
    }
    if let Ok(path) = env::join_paths(folders) {
        // SAFETY: the process has one thread: `single_threaded` has checked, or init has just started it in the guest.
        unsafe { env::set_var("PATH", path) };
    }
}
