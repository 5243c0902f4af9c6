//! Signals, as messages.

use std::thread;

use nix::sys::signal::{SigSet, Signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Compare everything with the kernel.
    Look,
    Stop,
}

/// Reports signals from now on. It has to be called before other threads start, which inherit
/// that signals do not end the program.
pub fn watch(report: impl Fn(Asked) -> bool + Send + 'static) -> std::io::Result<()> {
    let signals: SigSet = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT]
        .into_iter()
        .collect();
    signals.thread_block()?;
    let wait = move || {
        while let Ok(signal) = signals.wait() {
            let asked = match signal {
                Signal::SIGHUP => Asked::Look,
                _ => Asked::Stop,
            };
            if !report(asked) {
                return;
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}
