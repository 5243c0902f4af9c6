//! A replacement for the `ipset` tool (version 7.17) that uses the crate: the same arguments,
//! output, messages and exit status. It also shows how to use the crate, which provides everything
//! it knows about set types.
//!
//! ```sh
//! cargo run --example ipset -- create web hash:ip,port
//! cargo run --example ipset -- add web 10.0.0.11,tcp:8080
//! cargo run --example ipset -- list
//! ```
//!
//! `help` lists the differences from the tool.

mod arguments;
mod complaint;
mod help;
mod interactive;
mod json;
mod list;
mod output;
mod range;
mod restore;
mod session;
mod sort;
mod spelling;
mod system;
mod tested;
mod xml;

use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use arguments::{Call, Command, Word};
use complaint::{Complaint, VERSION};
use session::Session;

fn main() -> ExitCode {
    let words: Vec<Word> = std::env::args_os()
        .skip(1)
        .map(OsStringExt::into_vec)
        .collect();
    match Call::parse(&words).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            let complaint = complaint.unless_quiet(&words);
            complaint.print();
            ExitCode::from(complaint.status)
        }
    }
}

fn run(call: Call) -> Result<(), Complaint> {
    let mut session = Session::new();
    match call.command {
        Command::Restore => restore::restore(&mut session, &call),
        Command::Interactive => interactive::interactive(&mut session, call.flags.exist),
        Command::Help => help::help(call.words.first()),
        _ => session.run(&call),
    }
}

/// Prints to standard output. Ignores a failure to print, so the command keeps its exit status.
fn print(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints the version.
fn version() {
    print(&format!("ipset v{VERSION}, protocol version: 7\n"));
}
