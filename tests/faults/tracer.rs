//! A tracer that lets system calls of a socket fail.

use std::io::Read;

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::Result;
use crate::child::{Fault, traced};

/// What a system call of a socket does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Send,
    Receive,
    Option,
}

/// What becomes of a system call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// It does nothing and returns this.
    LeftOut(i64),
    /// It is carried out, and returns this.
    CarriedOut(i64),
}

/// Plays a part, and calls `decide` at each system call of a socket, with the number of calls before.
/// Returns the number of calls.
pub(crate) fn trace(
    part: &str,
    fault: Fault,
    mut decide: impl FnMut(Call, usize) -> Result<Option<Fate>>,
) -> Result<usize> {
    let mut child = traced(part, fault)?.spawn()?;
    let pid = Pid::from_raw(child.id().try_into()?);
    let traced = follow(pid, &mut decide);
    if traced.is_err() {
        child.kill()?;
    }
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said)?;
    }
    let status = child.wait()?;
    let calls = traced.map_err(|error| format!("{part}: {error} {said}"))?;
    match status.success() {
        true => Ok(calls),
        false => Err(format!("{part}: {status}: {said}").into()),
    }
}

#[cfg(target_arch = "x86_64")]
fn follow(pid: Pid, decide: &mut impl FnMut(Call, usize) -> Result<Option<Fate>>) -> Result<usize> {
    expect_stop(pid, Signal::SIGTRAP)?;
    let options = ptrace::Options::PTRACE_O_TRACESYSGOOD | ptrace::Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(pid, options)?;
    ptrace::cont(pid, None)?;
    expect_stop(pid, Signal::SIGSTOP)?;
    let mut calls = 0;
    let mut is_inside = false;
    // The descriptor of the call whose result is replaced, and what it returns.
    let mut replaced = None;
    loop {
        ptrace::syscall(pid, None)?;
        match waitpid(pid, None)? {
            WaitStatus::PtraceSyscall(_) => is_inside = !is_inside,
            WaitStatus::Stopped(_, Signal::SIGSTOP) => break,
            other => return Err(format!("{other:?}").into()),
        }
        let mut registers = ptrace::getregs(pid)?;
        if let (false, Some((descriptor, returned))) = (is_inside, replaced.take()) {
            (registers.rdi, registers.rax) = (descriptor, returned);
            ptrace::setregs(pid, registers)?;
            continue;
        }
        let Some(call) = kind(registers.orig_rax).filter(|_| is_inside) else {
            continue;
        };
        let fate = decide(call, calls)?;
        if let Some(Fate::LeftOut(returned) | Fate::CarriedOut(returned)) = fate {
            replaced = Some((registers.rdi, returned as u64));
        }
        if let Some(Fate::LeftOut(_)) = fate {
            // No descriptor has this number, so the kernel does nothing.
            registers.rdi = u64::from(u32::MAX);
            ptrace::setregs(pid, registers)?;
        }
        calls += 1;
    }
    ptrace::detach(pid, None)?;
    Ok(calls)
}

#[cfg(not(target_arch = "x86_64"))]
fn follow(_: Pid, _: &mut impl FnMut(Call, usize) -> Result<Option<Fate>>) -> Result<usize> {
    Err("only the registers of x86-64 are known here".into())
}

#[cfg(target_arch = "x86_64")]
fn kind(number: u64) -> Option<Call> {
    use nix::libc;

    let calls = [
        (libc::SYS_sendto, Call::Send),
        (libc::SYS_sendmsg, Call::Send),
        (libc::SYS_recvfrom, Call::Receive),
        (libc::SYS_recvmsg, Call::Receive),
        (libc::SYS_recvmmsg, Call::Receive),
        (libc::SYS_getsockopt, Call::Option),
        (libc::SYS_setsockopt, Call::Option),
    ];
    let found = calls.into_iter().find(|(it, _)| *it as u64 == number);
    found.map(|(_, call)| call)
}

fn expect_stop(pid: Pid, signal: Signal) -> Result {
    match waitpid(pid, None)? {
        WaitStatus::Stopped(_, by) if by == signal => Ok(()),
        other => Err(format!("{other:?} instead of {signal}").into()),
    }
}
