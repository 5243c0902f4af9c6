//! The command `-R`: carries out commands from standard input, one in each line.

use ipvset::OnFailure;
use ipvset::ipvs::Operations;
use std::io::{BufRead, Write};

use ipvset::ipvs::{Ipvs, Operation};

use super::arguments::{BLANKS, Command, parse};
use super::failure::{self, Failure};

/// Reads all lines before it carries out any, so that input with a wrong line changes nothing.
pub(crate) fn restore(text: impl BufRead, out: &mut impl Write) -> Result<(), Failure> {
    let mut commands = Vec::new();
    let mut wrong = Vec::new();
    for (line, number) in text.split(b'\n').zip(1..) {
        match read(&line?) {
            Ok(command) => commands.extend(command.map(|command| (number, command))),
            Err(failure) => wrong.push((number, failure)),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Lines(wrong));
    }
    let mut failed = Vec::new();
    let mut together = Vec::new();
    for (number, command) in commands {
        match command {
            Command::Operation(operation) => together.push((number, operation)),
            other => {
                carry_out(&mut together, &mut failed)?;
                match super::run(other, out) {
                    Err(failure) if !failure.is_closed_pipe() => failed.push((number, failure)),
                    _ => {}
                }
            }
        }
    }
    carry_out(&mut together, &mut failed)?;
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::Lines(failed)),
    }
}

/// Reads the command of a line. Returns `None` for an empty line or a comment.
fn read(line: &[u8]) -> Result<Option<Command>, Failure> {
    let start = line.trim_ascii_start();
    if start.starts_with(b"#") {
        return Ok(None);
    }
    let line = std::str::from_utf8(line).map_err(|error| {
        let place = error.valid_up_to() + 1;
        Failure::Usage(format!("byte {place} is not UTF-8"))
    })?;
    let words = line.split(BLANKS).filter(|word| !word.is_empty());
    let mut words: Vec<_> = words.map(str::to_owned).collect();
    if words.first().is_some_and(|first| first == "ipvsadm") {
        words.remove(0);
    }
    if words.is_empty() {
        return Ok(None);
    }
    match parse(words)? {
        Command::Restore => Err(Failure::Usage(
            "--restore cannot be used in restored input".into(),
        )),
        command => Ok(Some(command)),
    }
}

/// Carries out operations, goes on after failures, and empties their list.
fn carry_out(
    operations: &mut Vec<(usize, Operation)>,
    failed: &mut Vec<(usize, Failure)>,
) -> Result<(), Failure> {
    if operations.is_empty() {
        return Ok(());
    }
    let mut ipvs = Ipvs::connect()?;
    let mut batch = Operations::new();
    let mut numbers = Vec::new();
    for (number, operation) in operations.drain(..) {
        numbers.push(number);
        batch.push(operation);
    }
    let outcome = ipvs.execute_all(batch, OnFailure::Continue);
    failed.extend(failure::of_lines(outcome, &numbers));
    Ok(())
}
