//! User Mode Linux: a Linux kernel that is an ordinary program. It needs no root and no disk image: it mounts the machine's own files, read-only,
//! as its root, and starts the program again as its init.
//!
//! | process | where | what it does | file |
//! |--|--|--|--|
//! | the launcher | machine | the started process: passes streams, signals and the exit status on | launcher.rs |
//! | the keeper | machine | ends the guest when the launcher ends | keeper.rs |
//! | linux.uml | machine | the guest's kernel, and one process for each of the guest's | |
//! | init | guest | sets the guest up, starts the program, serves the launcher | guest.rs, setup.rs |
//! | the program | guest | runs the tests, example or command | |

mod cause;
pub(super) mod guest;
mod keeper;
mod launcher;
pub(crate) mod order;
mod preload;
mod setup;
mod terminal;

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};

use super::Needs;
use crate::error::{Error, Result};
use crate::tool::find;
pub(crate) use terminal::{Request as TerminalRequest, SOCKET as TERMINAL_SOCKET};

/// The variable that names a process's role in the guest.
const STAGE: &str = "IPVSET_LAB_STAGE";

/// A User Mode Linux kernel and its modules.
pub(super) struct Kernel {
    executable: PathBuf,
    modules: PathBuf,
}

impl Kernel {
    /// Finds the kernel that `IPVSET_UML` names, or the installed one. The error says what is missing.
    pub(super) fn find() -> Result<Kernel> {
        let executable = match env::var_os("IPVSET_UML") {
            Some(named) => {
                let named = PathBuf::from(named);
                if !named.is_file() {
                    return Err(Error::Other(format!(
                        "IPVSET_UML names {}, which is not a file",
                        named.display()
                    )));
                }
                named
            }
            None => find("linux.uml").ok_or_else(|| {
                Error::Other("linux.uml (package user-mode-linux) is not installed".to_owned())
            })?,
        };
        let modules = match env::var_os("IPVSET_UML_MODULES") {
            Some(named) => {
                let named = PathBuf::from(named);
                if !named.is_dir() {
                    return Err(Error::Other(format!(
                        "IPVSET_UML_MODULES names {}, which is not a folder",
                        named.display()
                    )));
                }
                named
            }
            None => PathBuf::from("/usr/lib/uml/modules"),
        };
        if find("modprobe").is_none() {
            return Err(Error::Other(
                "modprobe (package kmod), which loads its modules, is not installed".to_owned(),
            ));
        }
        Ok(Kernel {
            executable,
            modules,
        })
    }

    /// Returns the command line. `program` becomes the guest's init.
    fn arguments(&self, needs: &Needs, program: &Path) -> Vec<OsString> {
        let mut init = OsString::from("init=");
        if program.as_os_str().as_bytes().contains(&b' ') {
            // The kernel splits its command line at blanks outside quotes.
            init = OsString::from("init=\"");
            init.push(program);
            init.push("\"");
        } else {
            init.push(program);
        }
        let mut arguments: Vec<OsString> = vec![
            format!("mem={}M", needs.mebibytes()).into(),
            "root=/dev/root".into(),
            "rootfstype=hostfs".into(),
            "rootflags=/".into(),
            // The guest cannot change the machine's files.
            "ro".into(),
            init,
            // The kernel's own messages go to standard error, the frames over console 1.
            "con=null".into(),
            "con0=null,fd:2".into(),
            "con1=fd:0,fd:1".into(),
            "quiet".into(),
            "noreboot".into(),
            // No folder can be created there, so the kernel does without its control socket, which it would leave behind when killed.
            "uml_dir=/dev/null/".into(),
        ];
        arguments.push(format!("{STAGE}=init").into());
        arguments
    }
}

/// Runs the program in a guest and returns its exit status.
pub(super) fn run(needs: &Needs, kernel: &Kernel) -> Result<i32> {
    let order = order::Order::here(&kernel.modules)?;
    let arguments = kernel.arguments(needs, &order.executable);
    launcher::run(kernel, &arguments, &memory_folder(needs), &order)
}

/// Returns the folder for the file that is the guest's memory. The kernel unlinks the file at once, but the folder must have room and allow
/// mapping code. In a container, /dev/shm often has only 64 MB, and a guest that needs more dies.
fn memory_folder(needs: &Needs) -> PathBuf {
    let wanted = u64::from(needs.mebibytes()) << 20;
    let temporary = env::var_os("TMPDIR").map(PathBuf::from);
    let mut candidates = vec![PathBuf::from("/dev/shm")];
    candidates.extend(temporary);
    candidates.extend(["/tmp", "/var/tmp"].map(PathBuf::from));
    let fits = |folder: &PathBuf| {
        nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok()
            && statvfs(folder).is_ok_and(|stat| {
                !stat.flags().contains(FsFlags::ST_NOEXEC)
                    && stat.blocks_available().saturating_mul(stat.fragment_size()) >= wanted
            })
    };
    candidates
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| PathBuf::from("/tmp"))
}
