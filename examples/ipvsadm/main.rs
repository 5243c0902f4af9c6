//! `ipvsadm` over ipvset: its commands, options, listings and exit status.
//!
//! A thin layer. What the options mean, which go with which command and how a table is written
//! down is known to the crate (`ipvset::ipvs::text`); here are only the shell's side of the
//! arguments, names instead of numbers, and the columns of the listings. `--help` says where
//! this differs from `ipvsadm` 1.31, and why.

mod arguments;
mod columns;
mod connections;
mod failure;
mod list;
mod names;
mod restore;
mod save;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use arguments::Command;
use failure::Failure;
use ipvset::ipvs::Ipvs;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os()
        .skip(1)
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    let mut out = BufWriter::new(io::stdout().lock());
    let done = arguments::parse(arguments).and_then(|command| run(command, &mut out));
    let done = done.and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // What was listed before it comes before it.
            let _ = out.flush();
            if !failure.is_silent() {
                eprintln!("{failure}");
            }
            failure.status()
        }
    }
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
