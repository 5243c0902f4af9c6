//! Runs the program on the running kernel, in new namespaces, so that the machine's network, mounts and processes stay untouched and nothing is
//! left after it ends.
//!
//! Three processes: the launcher, which was started; the keeper, which enters the namespaces; the first process of the new PID namespace, which
//! starts the program. When any of them dies, those below it are killed, and with the first process of a PID namespace the kernel kills
//! everything in it, so that no server or shell which the program started outlives it.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::exit;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Gid, Uid, getegid, geteuid, getppid, pipe};

use super::process::{Signals, fork, supervise};
use super::{Entered, Needs};
use crate::error::{Error, Result, failed};
use crate::link;

pub(super) enum Attempt {
    Entered(Entered),
    Unsuitable(String),
}

/// Tries to run the program on the running kernel. In the process that continues as the program, it returns [`Entered::Inside`].
pub(super) fn enter(needs: &Needs) -> Result<Attempt> {
    if let Some(why) = hopeless(needs) {
        return Ok(Attempt::Unsuitable(why));
    }
    let (verdict, report) = pipe().map_err(failed("open", "a pipe"))?;
    let signals = Signals::block()?;
    match fork("the keeper")? {
        ForkResult::Parent { child } => {
            drop(report);
            let mut why = String::new();
            // The pipe closes when the program's process has been made, or when that failed.
            let _ = fs::File::from(verdict).read_to_string(&mut why);
            let status = supervise(child, &signals, None);
            signals.unblock()?;
            if why.is_empty() {
                return Ok(Attempt::Entered(Entered::Ended(status)));
            }
            Ok(Attempt::Unsuitable(why))
        }
        ForkResult::Child => {
            drop(verdict);
            keeper(needs, signals, report)
        }
    }
}

/// Returns a reason why an attempt would fail, if it is known beforehand.
fn hopeless(needs: &Needs) -> Option<String> {
    if needs.wants_root() && !geteuid().is_root() {
        return Some(
            "IPVS over netlink needs root (CAP_NET_ADMIN in the initial user namespace)".to_owned(),
        );
    }
    None
}

fn keeper(needs: &Needs, signals: Signals, report: OwnedFd) -> Result<Attempt> {
    let entered = follow_parent().and_then(|()| namespaces());
    if let Err(error) = entered {
        refuse(report, &error.to_string());
    }
    match fork("the first process") {
        Err(error) => refuse(report, &error.to_string()),
        Ok(ForkResult::Parent { child }) => {
            drop(report);
            exit(supervise(child, &signals, None))
        }
        Ok(ForkResult::Child) => first_process(needs, signals, report),
    }
}

fn first_process(needs: &Needs, signals: Signals, report: OwnedFd) -> Result<Attempt> {
    // With this name, `pkill PROGRAM` does not kill the process that supervises the program.
    let _ = set_name(c"lab-keeper");
    let ready = die_with_parent()
        .and_then(|()| mounts())
        .and_then(|()| link::up("lo"));
    let ready = ready
        .map_err(|error| error.to_string())
        .and_then(|()| needs.check());
    if let Err(why) = ready {
        refuse(report, &why);
    }
    match fork("the program") {
        Err(error) => refuse(report, &error.to_string()),
        Ok(ForkResult::Parent { child }) => {
            drop(report);
            exit(supervise(child, &signals, None))
        }
        Ok(ForkResult::Child) => {
            drop(report);
            signals.unblock()?;
            Ok(Attempt::Entered(Entered::Inside))
        }
    }
}

fn refuse(report: OwnedFd, why: &str) -> ! {
    let _ = fs::File::from(report).write_all(why.as_bytes());
    exit(1)
}

fn die_with_parent() -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).map_err(failed("follow", "the keeper"))
}

/// Like [`die_with_parent`], but also detects a parent that died before the call.
fn follow_parent() -> Result<()> {
    let parent = getppid();
    die_with_parent()?;
    if getppid() != parent {
        return Err(Error::Other("the launcher is gone".to_owned()));
    }
    Ok(())
}

/// Leaves the machine's network, mounts and PID namespace. An ordinary user may do so in a user namespace, as its root.
fn namespaces() -> Result<()> {
    let own = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC;
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        return unshare(own).map_err(failed("enter", "new namespaces"));
    }
    unshare(own | CloneFlags::CLONE_NEWUSER).map_err(failed("enter", "a new user namespace"))?;
    // The change of credentials has cleared this setting.
    die_with_parent()?;
    map_root(user, group)
}

/// Maps the user and the group to root of the calling process's user namespace.
pub(crate) fn map_root(user: Uid, group: Gid) -> Result<()> {
    for (file, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {user} 1")),
        ("/proc/self/gid_map", format!("0 {group} 1")),
    ] {
        fs::write(file, text).map_err(failed("write", file))?;
    }
    Ok(())
}

const NONE: Option<&Path> = None;

/// Mounts a new /proc, because the old one does not show the new PID namespace, and a new /run.
fn mounts() -> Result<()> {
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .map_err(failed("detach", "the machine's mounts"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, NONE).map_err(failed("mount", "/proc"))?;
    mount_run()
}

/// Mounts a new /run for the names of namespaces and for iptables' lock, which an ordinary user could not open.
pub(crate) fn mount_run() -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(
        Some("tmpfs"),
        "/run",
        Some("tmpfs"),
        flags,
        Some("mode=755"),
    )
    .map_err(failed("mount", "/run"))?;
    for folder in ["/run/netns", "/run/lock"] {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
    }
    Ok(())
}
