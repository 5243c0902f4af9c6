//! `ipvsadm` over ipvset: its commands, options, listings and exit status.
//!
//! The crate (`ipvset::ipvs::text`) parses the options, checks which commands accept them, and
//! formats saved tables. This program only splits the arguments into words, resolves names, and
//! prints listings. `--help` lists the differences from `ipvsadm` 1.31 with their reasons.

mod arguments;
mod columns;
mod connections;
mod failure;
mod list;
mod names;
mod output;
mod restore;
mod save;

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use arguments::Command;
use failure::Failure;
use ipvset::ipvs::Ipvs;
use output::Output;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os()
        .skip(1)
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    let mut out = Output::new(BufWriter::new(io::stdout().lock()));
    let command = arguments::parse(arguments).and_then(arguments::as_typed);
    let done = command.and_then(|command| run(command, &mut out));
    // Flushes the listing, so that it precedes the message of a failure.
    let lost = out.finish();
    if let Some(error) = lost {
        say(format_args!("The output cannot be written: {error}"));
    }
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            say(format_args!("{failure}"));
            failure.status()
        }
    }
}

/// Writes a line to standard error. Ignores a failure, which could not be reported anywhere.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn run(command: Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Help => out.write_all(include_bytes!("help.txt"))?,
        Command::Version => writeln!(out, "ipvsadm over ipvset {}", env!("CARGO_PKG_VERSION"))?,
        Command::Operation(operation) => Ipvs::connect()?.execute(&operation)?,
        Command::List(wish) => list::list(&wish, out)?,
        Command::Save { numeric } => save::save(numeric, out)?,
        Command::Restore => restore::restore(io::stdin().lock(), out)?,
    }
    Ok(())
}
