//! The commands of the `ipset` tool (version 7.17) over the crate: the same arguments, output,
//! messages and exit status. It is meant to stand in for the tool, and to show how the crate is
//! used; what it knows about types of sets it has from there.
//!
//! ```sh
//! cargo run --example ipset -- create web hash:ip,port
//! cargo run --example ipset -- add web 10.0.0.11,tcp:8080
//! cargo run --example ipset -- list
//! ```
//!
//! `help` names what it does otherwise than the tool.

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

/// Prints on standard output. What cannot be printed is lost, and the command has its status.
fn print(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What `version` prints.
fn version() {
    print(&format!("ipset v{VERSION}, protocol version: 7\n"));
}
