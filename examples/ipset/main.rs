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
//! It differs from the tool where the tool loses or garbles something:
//! - `save` and `list` show `forceadd`, which the tool forgets.
//! - `save` writes names with blanks in quotes, as `restore` reads them; what a line cannot carry
//!   is an error.
//! - In XML, `<`, `>` and `&` are escaped.
//! - `-sorted` takes a fraction of a second for 65,536 entries, and shortens none.
//! - What stands before a wrong line in `restore` is applied; a test that fails there is an error.
//! - `test` of a member `before` another says so, not `after`.
//!
//! `-resolve` is accepted but prints addresses. What the crate refuses before it asks the kernel
//! has the crate's words.

mod arguments;
mod complaint;
mod help;
mod list;
mod restore;
mod session;
mod sort;
mod spelling;
mod system;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Call, Command};
use complaint::{Complaint, VERSION};
use session::Session;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
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
        Command::Interactive => interactive(&mut session),
        Command::Help => help::help(call.words.first().map(String::as_str)),
        _ => session.run(&call),
    }
}

/// Reads commands from standard input and goes on after wrong ones.
fn interactive(session: &mut Session) -> Result<(), Complaint> {
    loop {
        print!("ipset> ");
        io::stdout().flush()?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            return Ok(());
        }
        let words = ipvset::ipset::text::words(&line);
        let words: Vec<String> = match words {
            Ok(words) => words.into_iter().map(str::to_owned).collect(),
            Err(error) => {
                Complaint::syntax(&error).print();
                continue;
            }
        };
        if words.first().is_none_or(|word| word.starts_with('#')) {
            continue;
        }
        let result = Call::parse(&words).and_then(|call| match call.command {
            Command::Quit => Ok(true),
            Command::Restore | Command::Interactive => Err(Complaint::usage(
                "Restore command is not supported in interactive mode",
            )),
            Command::Help => help::help(call.words.first().map(String::as_str)).map(|()| false),
            _ => session.run(&call).map(|()| false),
        });
        match result {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(complaint) => complaint.unless_quiet(&words).print(),
        }
    }
}

/// What `version` prints.
fn version() {
    println!("ipset v{VERSION}, protocol version: 7");
}
