//! What is sent for a set that is as wanted, counted by a tracer.

use std::io::Read;
use std::process::{Command, Stdio};

use ipvset::Family;
use ipvset::ipset::IpSets;
use ipvset::ipset::plan::Policy;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use proptest::collection::vec;
use proptest::test_runner::TestRunner;

use super::apply::pick;
use super::common::{Outcome, has_family, tests};
use super::stored::members;
use super::{ALL, Test, small};

pub(crate) fn tests() -> Vec<Test> {
    // Tokio asks for the time and waits by other calls, from other threads.
    match env!("CARGO_CRATE_NAME") {
        "ipset" => tests![ALL => nothing_is_sent_for_what_is_as_wanted],
        _ => Vec::new(),
    }
}

/// The environment variable of the traced process.
const TRACED: &str = "IPVSET_TEST_TRACED";

/// How many contents of each type are applied.
const CONTENTS: usize = 3;

/// Brings a set of each type to any content, twice. Stops before and after the second time.
pub(crate) fn apply_if_asked() {
    if std::env::var_os(TRACED).is_some() {
        ptrace::traceme().unwrap();
        raise(Signal::SIGSTOP).unwrap();
        apply_twice_each().unwrap();
    }
}

fn apply_twice_each() -> Outcome {
    let mut sets = IpSets::connect()?;
    let mut runner = TestRunner::deterministic();
    for name in ALL {
        let families: &[Family] = match has_family(name) {
            true => &[Family::Ipv4, Family::Ipv6],
            false => &[Family::Ipv4],
        };
        for family in families.iter().cycle().take(families.len() * CONTENTS) {
            let set = pick(small::set(name.parse()?, *family), &mut runner);
            let entries = pick(vec(small::entry(&set), 1..30), &mut runner);
            let policy = Policy::new();
            match sets.apply(&set, entries.clone(), &policy)?.stopped() {
                // Linux before 6.2 does not have all masks.
                Some(error) => assert!(error.is_unavailable(), "{error}"),
                None => {
                    raise(Signal::SIGSTOP)?;
                    let report = sets.apply(&set, entries, &policy)?;
                    raise(Signal::SIGSTOP)?;
                    assert!(report.counts().is_unchanged(), "{report}");
                    println!("{name} {family}");
                }
            }
            sets.destroy_if_present(set.name())?;
        }
    }
    std::process::exit(0);
}

fn nothing_is_sent_for_what_is_as_wanted() -> Outcome {
    members("list:set")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.env(TRACED, "").stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let sent = match count_sent(Pid::from_raw(child.id().try_into()?)) {
        Ok(sent) => sent,
        Err(error) => {
            // It may have ended by itself, and the tracer has waited for it.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
    };
    // The tracer has waited for its end.
    let mut said = String::new();
    let stdout = child.stdout.as_mut().ok_or("a pipe")?;
    stdout.read_to_string(&mut said)?;
    // The names of all sets, to find what killed programs left, and the set with its entries.
    let expected: Vec<_> = said.lines().map(|line| (line, 2)).collect();
    let found: Vec<_> = said.lines().zip(sent.iter().copied()).collect();
    assert_eq!(found, expected);
    assert_eq!(sent.len(), expected.len());
    let types: std::collections::BTreeSet<_> =
        said.lines().filter_map(|it| it.split(' ').next()).collect();
    assert_eq!(types.len(), ALL.len(), "{said}");
    Ok(())
}

/// Returns how many messages a process sent in each span between two of its stops.
fn count_sent(pid: Pid) -> Outcome<Vec<usize>> {
    let begun = waitpid(pid, None)?;
    assert_eq!(begun, WaitStatus::Stopped(pid, Signal::SIGSTOP));
    ptrace::setoptions(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD)?;
    let mut spans = Vec::new();
    loop {
        ptrace::cont(pid, None)?;
        match waitpid(pid, None)? {
            WaitStatus::Stopped(_, Signal::SIGSTOP) => spans.push(count_until_stop(pid)?),
            WaitStatus::Exited(_, 0) => return Ok(spans),
            other => return Err(format!("{other:?} between two runs").into()),
        }
    }
}

fn count_until_stop(pid: Pid) -> Outcome<usize> {
    let (mut sent, mut is_inside) = (0, true);
    loop {
        ptrace::syscall(pid, None)?;
        match waitpid(pid, None)? {
            // The first one returns from raising the signal.
            WaitStatus::PtraceSyscall(_) => is_inside = !is_inside,
            WaitStatus::Stopped(_, Signal::SIGSTOP) => return Ok(sent),
            other => return Err(format!("{other:?} while counting").into()),
        }
        sent += usize::from(is_inside && sends(pid)?);
    }
}

/// Returns true if the process is in a system call that sends a message.
#[cfg(target_arch = "x86_64")]
fn sends(pid: Pid) -> Outcome<bool> {
    use nix::libc::{SYS_sendmmsg, SYS_sendmsg, SYS_sendto};

    let number = i64::try_from(ptrace::getregs(pid)?.orig_rax)?;
    Ok([SYS_sendto, SYS_sendmsg, SYS_sendmmsg].contains(&number))
}

#[cfg(not(target_arch = "x86_64"))]
fn sends(_: Pid) -> Outcome<bool> {
    Err("only the registers of x86-64 are known here".into())
}
