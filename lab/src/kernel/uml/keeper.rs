//! The keeper: starts the guest's kernel, and ends it when the launcher ends for any reason.
//!
//! Killing linux.uml alone is not enough. It runs the guest's programs in processes of the machine, which would go on, and one of them would keep
//! a CPU busy. So the keeper puts all of them in a PID namespace, which ends with its first process.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio, exit};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getegid, geteuid, getppid, setpgid};

use super::preload;
use super::terminal::Restore;
use crate::error::{Result, failed};
use crate::kernel::process::{Signals, fork, supervise};

/// The guest's ends of the channels to the launcher.
pub(super) struct Ends {
    pub(super) input: OwnedFd,
    pub(super) output: OwnedFd,
    pub(super) log: OwnedFd,
    /// Closes when the launcher dies.
    pub(super) life: OwnedFd,
}

/// Runs the keeper's process.
pub(super) fn keep(command: Command, ends: Ends, signals: Signals) -> ! {
    // The name prevents `pkill PROGRAM` from killing the keeper with the launcher. The group keeps Ctrl-C away, which the launcher handles.
    let _ = set_name(c"lab-keeper");
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    let (launcher, terminal) = (getppid(), Restore::note());
    let restore = move || {
        if getppid() != launcher {
            terminal.put_back();
        }
    };
    if !pid_namespace() {
        // Outside a PID namespace, a kernel that was ending has killed every process of its user.
        let complaint =
            "User Mode Linux needs a PID namespace around it, and this machine allows none\n";
        let _ = nix::unistd::write(&ends.log, complaint.as_bytes());
        exit(1);
    }
    match fork("the keeper's first process") {
        Err(error) => {
            eprintln!("lab: {error}");
            exit(1)
        }
        Ok(ForkResult::Parent { child }) => {
            drop((ends.input, ends.output, ends.log));
            let status = supervise(child, &signals, Some(ends.life.as_fd()));
            restore();
            exit(status)
        }
        Ok(ForkResult::Child) => {
            let _ = set_pdeathsig(Signal::SIGKILL);
            exit(run(command, ends, &signals))
        }
    }
}

/// Puts this process's children in a new PID namespace, if the machine allows it. An ordinary user needs a user namespace for this, and keeps its
/// number there, because it opens the machine's files for the guest.
fn pid_namespace() -> bool {
    let (user, group) = (geteuid(), getegid());
    if unshare(CloneFlags::CLONE_NEWPID).is_ok() {
        return true;
    }
    if unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID).is_err() {
        return false;
    }
    let _ = fs::write("/proc/self/setgroups", "deny");
    let _ = fs::write("/proc/self/uid_map", format!("{user} {user} 1"));
    let _ = fs::write("/proc/self/gid_map", format!("{group} {group} 1"));
    true
}

/// Starts the kernel, waits for its end, and ends its remaining processes.
fn run(mut command: Command, ends: Ends, signals: &Signals) -> i32 {
    let complaint = ends.log.try_clone();
    command
        .stdin(Stdio::from(ends.input))
        .stdout(Stdio::from(ends.output))
        .stderr(Stdio::from(ends.log))
        .process_group(0);
    // SAFETY: prctl is async-signal-safe, and nothing is allocated between fork and exec.
    unsafe {
        command.pre_exec(|| set_pdeathsig(Signal::SIGKILL).map_err(Into::into));
    }
    // Most machines do not need the library, so its absence is not an error.
    let library = preload::into(&mut command).ok().flatten();
    let child = match command.spawn() {
        Ok(child) => Pid::from_raw(child.id() as i32),
        Err(error) => {
            if let Ok(complaint) = complaint {
                let text = format!(
                    "start {}: {error}\n",
                    command.get_program().to_string_lossy()
                );
                let _ = nix::unistd::write(complaint, text.as_bytes());
            }
            return 1;
        }
    };
    // The ends that the command holds must close with the kernel, not with this process.
    drop((command, complaint, library));
    let status = supervise(child, signals, Some(ends.life.as_fd()));
    let _ = end_group(child);
    status
}

/// Kills the remaining processes of the kernel, and waits until they are gone.
fn end_group(group: Pid) -> Result<()> {
    loop {
        match killpg(group, Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => {}
            Err(error) => return Err(failed("end", "the guest's processes")(error)),
        }
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Stopped(pid, _)) => {
                let _ = kill(pid, Signal::SIGKILL);
            }
            Ok(_) => {}
            Err(_) => return Ok(()),
        }
    }
}
