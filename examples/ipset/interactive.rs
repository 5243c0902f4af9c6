//! The command `-`: carries out commands from standard input and goes on after failures.

use std::io::{self, BufRead};

use crate::arguments::{Call, Command, Word};
use crate::complaint::Complaint;
use crate::session::Session;
use crate::{help, print};

/// Carries out commands until `quit`. `exist` applies to all of them.
pub fn interactive(session: &mut Session, exist: bool) -> Result<(), Complaint> {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        print("ipset> ");
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let words = match words(&line) {
            Ok(words) => words,
            Err(complaint) => {
                complaint.print();
                continue;
            }
        };
        if words.first().is_none_or(|word| word.starts_with(b"#")) {
            // The tool prints the prompt twice.
            print("ipset> ");
            continue;
        }
        match run(session, &words, exist) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(complaint) if complaint.is_no_command() => print("No command specified\n"),
            Err(complaint) => complaint.unless_quiet(&words).print(),
        }
    }
}

/// Splits a line into words.
pub fn words(line: &[u8]) -> Result<Vec<Word>, Complaint> {
    let words = ipvset::ipset::text::words(line).map_err(|error| Complaint::syntax(&error))?;
    Ok(words.into_iter().map(Into::into).collect())
}

/// Carries out a command. Returns true if it ends the session.
fn run(session: &mut Session, words: &[Word], exist: bool) -> Result<bool, Complaint> {
    let mut call = Call::parse(words)?;
    call.flags.exist |= exist;
    match call.command {
        Command::Quit => return Ok(true),
        Command::Restore | Command::Interactive => {
            let why = "Restore command is not supported in interactive mode";
            return Err(Complaint::usage(why));
        }
        Command::Help => help::help(call.words.first())?,
        _ => session.run(&call)?,
    }
    Ok(false)
}
