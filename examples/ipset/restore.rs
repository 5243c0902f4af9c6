//! `restore`: commands from a file, entries in bulk.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use ipvset::ipset::text::words;
use ipvset::ipset::{AnyEntry, AnySet};

use crate::arguments::{Call, Command};
use crate::complaint::Complaint;
use crate::session::{Session, set_name};
use crate::system::System;

pub fn restore(session: &mut Session, call: &Call) -> Result<(), Complaint> {
    let input: Box<dyn BufRead> = match &call.flags.file {
        None => Box::new(io::stdin().lock()),
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                let error = error.to_string();
                let error = error.split(" (os error").next().unwrap_or_default();
                Complaint::new(format!("Cannot open {path} for reading: {error}"))
            })?;
            Box::new(BufReader::with_capacity(1 << 16, file))
        }
    };
    let mut lines = Lines {
        input,
        line: String::new(),
        number: 0,
        again: false,
        odd: false,
    };
    let exist = call.flags.exist;
    while lines.advance()? {
        let number = lines.number;
        let plain = Plain::read(&lines.line).filter(|_| !lines.odd);
        lines.odd = false;
        let Some(Plain { command, set, .. }) = plain else {
            match other(session, &lines.line, exist) {
                Ok(true) => return Ok(()),
                Ok(false) => continue,
                Err(complaint) => return Err(complaint.in_line(number)),
            }
        };
        let name = set.to_owned();
        let set = set_name(&name).and_then(|name| session.known(name, command));
        let set = set.map_err(|complaint| complaint.in_line(number))?;
        lines.again = true;
        entries(session, &mut lines, command, &name, &set, exist)?;
    }
    Ok(())
}

/// The lines of the input.
struct Lines {
    input: Box<dyn BufRead>,
    line: String,
    number: usize,
    /// The line is still to be dealt with.
    again: bool,
    /// And not as one of many: something is wrong with it.
    odd: bool,
}

impl Lines {
    /// Goes to the next line, if there is one.
    fn advance(&mut self) -> Result<bool, Complaint> {
        if std::mem::take(&mut self.again) {
            return Ok(true);
        }
        self.line.clear();
        self.number += 1;
        let read = self.input.read_line(&mut self.line);
        let read = read.map_err(|error| Complaint::from(error).in_line(self.number))?;
        Ok(read > 0)
    }
}

/// A line as `save` writes it: nothing but command, set, entry.
struct Plain<'a> {
    command: Command,
    set: &'a str,
    entry: &'a str,
}

impl<'a> Plain<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (command, rest) = line.trim().split_once(' ')?;
        let command = match command {
            "add" | "-A" => Command::Add,
            "del" | "-D" => Command::Del,
            _ => return None,
        };
        let (set, entry) = rest.split_once(' ')?;
        let plain = !set.is_empty()
            && !set.starts_with(['-', '"'])
            && !entry.starts_with([' ', '-', '"'])
            && !rest.contains(" -");
        // The options of what is removed are for the command line to refuse.
        let plain = plain && (command == Command::Add || !entry.contains(' '));
        plain.then_some(Self {
            command,
            set,
            entry,
        })
    }
}

/// Takes the lines from here on that add to, or remove from, the same set.
fn entries(
    session: &mut Session,
    lines: &mut Lines,
    command: Command,
    name: &str,
    set: &AnySet,
    exist: bool,
) -> Result<(), Complaint> {
    let mut run = Run {
        lines,
        command,
        name,
        set,
        jumps: Vec::new(),
        count: 0,
        stopped: None,
    };
    let outcome = session.change_all(command, exist, set, &mut run)?;
    let (jumps, stopped) = (run.jumps, run.stopped);
    let line_of = |position: u64| {
        let jump = jumps.iter().rev().find(|(from, _)| *from <= position);
        jump.map_or(0, |(from, line)| line + (position - from) as usize)
    };
    if let Some(failed) = outcome.failures().first() {
        let complaint = Complaint::from_error(command, Some(set.type_name()), &failed.error);
        return Err(complaint.in_line(line_of(failed.position)));
    }
    if let Some(error) = outcome.stopped() {
        let complaint = Complaint::from_error(command, Some(set.type_name()), error);
        return Err(complaint.in_line(line_of(outcome.applied())));
    }
    stopped.map_or(Ok(()), Err)
}

/// Reads entries until a line is about something else.
struct Run<'a> {
    lines: &'a mut Lines,
    command: Command,
    name: &'a str,
    set: &'a AnySet,
    /// Positions of entries, and the lines on which they stand, wherever these do not follow
    /// one another.
    jumps: Vec<(u64, usize)>,
    count: u64,
    stopped: Option<Complaint>,
}

impl Iterator for &mut Run<'_> {
    type Item = AnyEntry;

    fn next(&mut self) -> Option<AnyEntry> {
        if self.stopped.is_some() || self.lines.again && self.count > 0 {
            return None;
        }
        match self.lines.advance() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(complaint) => {
                self.stopped = Some(complaint);
                return None;
            }
        }
        let plain = Plain::read(&self.lines.line)
            .filter(|plain| plain.command == self.command && plain.set == self.name);
        let Some(plain) = plain else {
            self.lines.again = true;
            return None;
        };
        match self.set.parse_entry_with(plain.entry, &System) {
            Ok(entry) => {
                let line = self.lines.number;
                let expected = self
                    .jumps
                    .last()
                    .map(|(from, at)| at + usize::try_from(self.count - from).unwrap_or_default());
                if expected != Some(line) {
                    self.jumps.push((self.count, line));
                }
                self.count += 1;
                Some(entry)
            }
            Err(_) => {
                (self.lines.again, self.lines.odd) = (true, true);
                None
            }
        }
    }
}

/// Any other line; true if it ends the input.
fn other(session: &mut Session, line: &str, exist: bool) -> Result<bool, Complaint> {
    let words = words(line).map_err(|error| Complaint::syntax(&error))?;
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    match words.first().map(String::as_str) {
        None | Some("COMMIT") => return Ok(false),
        Some(word) if word.starts_with('#') => return Ok(false),
        _ => {}
    }
    command(session, &words, exist).map_err(|complaint| complaint.unless_quiet(&words))
}

fn command(session: &mut Session, words: &[String], exist: bool) -> Result<bool, Complaint> {
    let mut call = Call::parse(words)?;
    call.flags.exist |= exist;
    match call.command {
        Command::Quit => Ok(true),
        Command::Restore | Command::Help | Command::Version | Command::Interactive => {
            Err(Complaint::usage(format!(
                "Command `{}' is invalid in restore mode.",
                call.command.name()
            )))
        }
        _ => session.run(&call).map(|()| false),
    }
}
