//! The child process: this executable once more, with its part in the environment.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};

use crate::{Result, interference, kills, memory, scenarios};

const PART: &str = "IPVSET_TEST_PART";
/// What the work must be able to bear.
const FAULT: &str = "IPVSET_TEST_FAULT";

/// A fault, as the child knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing may come of it.
    Harmless,
    /// Replies are lost, or the socket fails.
    Harmful,
}

/// Plays the part that the environment names, if it does.
pub(crate) fn play_if_asked() -> Option<ExitCode> {
    let part = env::var(PART).ok()?;
    let fault = match env::var_os(FAULT) {
        Some(_) => Fault::Harmful,
        None => Fault::Harmless,
    };
    let played = scenarios::play(&part, fault)
        .or_else(|| interference::play(&part))
        .or_else(|| kills::play(&part))
        .or_else(|| memory::play(&part));
    Some(match played {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            println!("{error}");
            ExitCode::FAILURE
        }
        None => {
            println!("there is no part {part}");
            ExitCode::FAILURE
        }
    })
}

/// Returns a command that plays the part in the calling thread's network namespace.
pub(crate) fn command(part: &str) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.env(PART, part).stdout(Stdio::piped());
    Ok(command)
}

/// Returns a command that plays the part under a tracer: the calling thread.
pub(crate) fn traced(part: &str, fault: Fault) -> Result<Command> {
    let mut command = command(part)?;
    if fault == Fault::Harmful {
        command.env(FAULT, "");
    }
    // SAFETY: one system call and no allocation between fork and exec.
    unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
    Ok(command)
}

/// Works under the tracer's eyes. Before and after, its faults do not happen.
pub(crate) fn watched<T>(work: impl FnOnce() -> T) -> Result<T> {
    raise(Signal::SIGSTOP)?;
    let done = work();
    raise(Signal::SIGSTOP)?;
    Ok(done)
}
