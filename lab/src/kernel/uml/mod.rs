//! User Mode Linux: a Linux kernel that is an ordinary program. It needs no root and no disk image: it mounts the machine's own files, read-only,
//! as its root, and starts the program again as its init.
//!
//! | process | where | what it does | file |
//! |--|--|--|--|
//! | the launcher | machine | what was started: passes streams, signals and the exit status on | launcher.rs |
//! | the keeper | machine | ends the guest with the launcher, however that ends | keeper.rs |
//! | linux.uml | machine | the guest's kernel, and one process for each of the guest's | |
//! | init | guest | sets the guest up, starts the program, serves the launcher | guest.rs, setup.rs |
//! | the program | guest | what was asked for | |

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

/// Set in the guest: what the process is to be.
const STAGE: &str = "IPVSET_LAB_STAGE";

/// A User Mode Linux kernel and its modules.
pub(super) struct Kernel {
    executable: PathBuf,
    modules: PathBuf,
}

impl Kernel {
    /// The kernel that `IPVSET_UML` names, or the one installed here. The error says what is missing.
    pub(super) fn find() -> Result<Kernel> {
        let executable = match env::var_os("IPVSET_UML") {
            Some(named) => {
                let named = PathBuf::from(named);
                if !named.is_file() {
                    return Err(Error::Other(format!(
                        "IPVSET_UML names {}, which is no file",
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
                        "IPVSET_UML_MODULES names {}, which is no folder",
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

    /// The command line. `program` becomes the guest's init.
    fn arguments(&self, needs: &Needs, program: &Path) -> Vec<OsString> {
        let mut init = OsString::from("init=");
        if program.as_os_str().as_bytes().contains(&b' ') {
            // The kernel splits its command line at blanks, but for those in quotes.
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
            // The machine's files are safe from the guest.
            "ro".into(),
            init,
            // The kernel's own messages go to standard error, the frames over console 1.
            "con=null".into(),
            "con0=null,fd:2".into(),
            "con1=fd:0,fd:1".into(),
            "quiet".into(),
            "noreboot".into(),
            // Where no folder can be made: the kernel then does without its control socket, and none is left behind when it is killed.
            "uml_dir=/dev/null/".into(),
        ];
        arguments.push(format!("{STAGE}=init").into());
        arguments
    }
}

/// Runs the program in a guest and gives its exit status.
pub(super) fn run(needs: &Needs, kernel: &Kernel) -> Result<i32> {
    let order = order::Order::here(&kernel.modules)?;
    let arguments = kernel.arguments(needs, &order.executable);
    launcher::run(kernel, &arguments, &memory_folder(needs), &order)
}

/// The folder for the file that is the guest's memory: the kernel unlinks it at once, but it has to have room, and to allow mapping code. In a
/// container /dev/shm often has 64 MB only, and a guest that outgrows it dies.
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
