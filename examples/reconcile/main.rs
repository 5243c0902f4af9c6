//! Brings the IPVS table and sets to those in files, and keeps them there.
//!
//! The crate (`ipvset::ipvs::plan`, `ipvset::ipset::plan`) compares, plans, applies and drains. This program only parses
//! the arguments, reads and writes files, waits, and prints. `--help` says what it does.

mod apply;
mod arguments;
mod changes;
mod goal;
mod plan;
mod record;
mod sets;
mod sets_text;
mod signals;
mod source;
mod summary;
mod text;
mod watch;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::Arguments;
use signals::Signals;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The exit status of a run without errors. An error is status 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    AsWanted = 0,
    NotAsWanted = 1,
    ToDo = 2,
}

impl Status {
    /// Returns the status of two parts together.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::AsWanted, it) | (it, Self::AsWanted) => it,
            (Self::NotAsWanted, _) | (_, Self::NotAsWanted) => Self::NotAsWanted,
            (Self::ToDo, Self::ToDo) => Self::ToDo,
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(status) => ExitCode::from(status as u8),
        Err(error) => {
            say(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Status> {
    let mut out = io::stdout().lock();
    match arguments::parse(std::env::args_os().skip(1))? {
        Some(arguments) => reconcile(arguments, &mut out),
        None => {
            out.write_all(include_bytes!("help.txt"))?;
            Ok(Status::AsWanted)
        }
    }
}

fn reconcile(arguments: Arguments, out: &mut impl Write) -> Result<Status> {
    if !arguments.apply {
        return plan::plan(arguments, out);
    }
    // Before anything is changed. A signal ends the program between two changes.
    let signals = Signals::catch()?;
    match arguments.watch {
        None => apply::apply(arguments, &signals, out),
        Some(interval) => watch::watch(arguments, interval, &signals, out),
    }
}

/// Writes a line to standard error. Ignores a failure, which could not be reported anywhere.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "reconcile: {line}");
}
