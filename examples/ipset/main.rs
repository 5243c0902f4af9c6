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
//! - `save` writes names with blanks in quotes, as `restore` reads them. A set or an entry that a
//!   line cannot carry is named, everything else is saved, and the status is 1.
//! - `save` and `list` have status 1 if their output cannot be written; a file that `-file` names is
//!   replaced whole or not at all.
//! - In XML, `<`, `>` and `&` are escaped.
//! - `-sorted` takes a fraction of a second for 65,536 entries, and shortens none.
//! - What stands before a wrong line in `restore` is applied; a test that fails there is an error;
//!   lines may be longer than 1,024 bytes.
//! - `-exist` and `-quiet` in a line of `restore` or `-` hold for this line alone. A line of `-` that is
//!   wrong is not carried out, and leaves nothing behind.
//! - `test` of a member `before` another says so, not `after`; networks and interfaces are shown as
//!   the kernel has them.
//! - An entry that is added starts with counters of zero, not with those of one that was removed.
//!
//! And where it is stricter:
//! - What the crate refuses before it asks the kernel has the crate's words, and status 1 whatever
//!   else is wrong: zero addresses, networks of prefix length 0, ranges that keep kernels busy or
//!   that they store one by one, ICMP of the other family, netmasks of ranges, empty names.
//! - A quote stands around a whole word. Numbers have no sign, families are `inet` and `inet6` (or
//!   `ipv4` and `ipv6`), a bitmask is an address without a prefix, a port is found by its service's name
//!   whatever the protocol is. `skbmark` and `skbprio` are right up to their last letter.
//!
//! An option that the kernel is too old for is refused after whatever else is wrong, in the crate's
//! words. Ranges go to the kernel with their first address first, and a range of one address is one for
//! `bitmap:ip`.
//!
//! Of `-output json` it is known how version 7.20 prints a set without members: that is how this
//! prints it. Members are objects with `elem` and the entry's options, as in XML; whether the tool
//! lays them out in the same way is not known.
//!
//! `-resolve` is accepted but prints addresses.

mod arguments;
mod complaint;
mod help;
mod interactive;
mod json;
mod list;
mod output;
mod restore;
mod session;
mod sort;
mod spelling;
mod system;
mod tested;

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
