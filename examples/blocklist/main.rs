//! Fills two sets, one for IPv4 and one for IPv6, from lists of addresses.
//!
//! The crate reads the lists ([`AddressLines`](ipvset::ipset::text::AddressLines)), compares
//! (`IpSets::plan`) and changes (`IpSets::apply`). `--help` says what the program does.

mod apply;
mod arguments;
mod list;
mod plan;
#[path = "../reconcile/signals.rs"]
mod signals;
mod watch;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use ipvset::ipset::IpSets;
use list::Files;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The exit status of a run without errors. An error is status 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    AsWanted = 0,
    NotAsWanted = 1,
    ToDo = 2,
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
    let Some(arguments) = arguments::parse(std::env::args_os().skip(1))? else {
        out.write_all(include_bytes!("help.txt"))?;
        return Ok(Status::AsWanted);
    };
    let mut files = Files::new(&arguments);
    if let Some(interval) = arguments.watch {
        return watch::watch(&arguments.sets, &mut files, interval, &mut out);
    }
    let list = files.read()?;
    list.report();
    if !arguments.apply {
        return plan::plan(&arguments.sets, &list, &mut out);
    }
    let done = apply::apply(&mut IpSets::connect()?, &arguments.sets, &list);
    done.report();
    writeln!(out, "{}", done.line)?;
    Ok(done.status())
}

/// Writes a line to standard error. Ignores a failure, which could not be reported anywhere.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "blocklist: {line}");
}
