//! The command `restore`: carries out commands from a file and sends many entries at once.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use ipvset::ipset::text::{Command as Line, Commands};
use ipvset::ipset::{AnyEntry, AnySet, IpSets, SetName};
use ipvset::{Error, ErrorKind};

use crate::arguments::{Call, Command, Word};
use crate::complaint::{Complaint, io_text, said};
use crate::interactive::words;
use crate::session::Session;
use crate::system::System;

/// The longest line in bytes. No command is longer.
const LONGEST: usize = 1 << 15;

pub fn restore(session: &mut Session, call: &Call) -> Result<(), Complaint> {
    let mut sets = None;
    let commands = Commands::new(open(call)?)
        .with_names(&System)
        .with_sets(|name| find(&mut sets, name));
    let mut lines = Lines {
        commands,
        again: None,
    };
    let exist = call.flags.exist;
    while let Some(read) = lines.next() {
        let number = lines.commands.line_number();
        match read {
            Ok(Some(first)) => changes(session, &mut lines, first, exist)?,
            Err(error) if error.kind() == ErrorKind::Io => {
                return Err(Complaint::new(error.reason()).in_line(number));
            }
            // The reader dropped the end of the line.
            Err(error) if lines.commands.line_bytes().len() > LONGEST => {
                return Err(Complaint::syntax(&error).in_line(number));
            }
            // Parses a wrong line again for the tool's message.
            Ok(None) | Err(_) => other(session, lines.commands.line_bytes(), exist)
                .map_err(|complaint| complaint.in_line(number))?,
        }
    }
    Ok(())
}

fn open(call: &Call) -> Result<Box<dyn BufRead>, Complaint> {
    let Some(path) = &call.flags.file else {
        return Ok(Box::new(io::stdin().lock()));
    };
    let file = File::open(path).map_err(|error| {
        let behind = format!(" for reading: {}", io_text(&error));
        let path = path.as_encoded_bytes();
        Complaint::new(said(b"Cannot open ", path, behind.as_bytes()))
    })?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

/// Finds a set that the file does not create. It uses a separate handle, because the session's handle
/// is in use.
fn find(sets: &mut Option<IpSets>, name: &SetName) -> ipvset::Result<Option<AnySet>> {
    let sets = match sets {
        Some(sets) => sets,
        none => none.insert(IpSets::connect()?),
    };
    Ok(sets.header(name)?.set)
}

/// The lines of the file.
struct Lines<'a> {
    commands: Commands<'a, Box<dyn BufRead>>,
    again: Option<Read>,
}

/// The change of a line that adds or removes an entry, or `None` for any other line.
type Read = Result<Option<Change>, Error>;

struct Change {
    command: Command,
    set: SetName,
    entry: AnyEntry,
    exist: bool,
    line: usize,
}

impl Lines<'_> {
    fn next(&mut self) -> Option<Read> {
        if let Some(read) = self.again.take() {
            return Some(read);
        }
        let line = match self.commands.next()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let (command, set, entry) = match line.command {
            Line::Add(set, entry) if !line.quiet => (Command::Add, set, entry),
            Line::Remove(set, entry) if !line.quiet => (Command::Del, set, entry),
            _ => return Some(Ok(None)),
        };
        Some(Ok(Some(Change {
            command,
            set,
            entry,
            exist: line.exist,
            line: line.line,
        })))
    }
}

/// Applies this line and the following ones that make the same kind of change to the same set.
fn changes(
    session: &mut Session,
    lines: &mut Lines<'_>,
    first: Change,
    exist: bool,
) -> Result<(), Complaint> {
    let (command, name) = (first.command, first.set);
    let set = session.known(name, command);
    let set = set.map_err(|complaint| complaint.in_line(first.line))?;
    let exist = exist || first.exist;
    let mut run = Run {
        lines,
        command,
        set: name,
        exist: first.exist,
        first: Some(first),
        jumps: Vec::new(),
        count: 0,
    };
    let outcome = session.change_all(command, exist, &set, &mut run)?;
    let jumps = run.jumps;
    let line_of = |index: usize| {
        let jump = jumps.iter().rev().find(|(from, _)| *from <= index);
        jump.map_or(0, |(from, line)| line + index - from)
    };
    let failed = outcome.failures().first();
    let failed = failed.map(|failed| (&failed.error, failed.index));
    let failed = failed.or_else(|| outcome.stopped().map(|error| (error, outcome.applied())));
    match failed {
        None => Ok(()),
        Some((error, index)) => {
            let complaint = Complaint::from_error(command, Some(set.type_name()), error);
            Err(complaint.in_line(line_of(index)))
        }
    }
}

/// An iterator of entries that ends at the first line with another command, set or flag.
struct Run<'l, 'c> {
    lines: &'l mut Lines<'c>,
    command: Command,
    set: SetName,
    exist: bool,
    first: Option<Change>,
    /// The index and line number of each entry whose line does not directly follow the line of the
    /// entry before it.
    jumps: Vec<(usize, usize)>,
    count: usize,
}

impl Run<'_, '_> {
    fn change(&mut self) -> Option<Change> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let wanted = (self.command, self.set, self.exist);
        match self.lines.next()? {
            Ok(Some(it)) if (it.command, it.set, it.exist) == wanted => Some(it),
            other => {
                self.lines.again = Some(other);
                None
            }
        }
    }
}

impl Iterator for &mut Run<'_, '_> {
    type Item = AnyEntry;

    fn next(&mut self) -> Option<AnyEntry> {
        let change = self.change()?;
        let last = self.jumps.last();
        let expected = last.map(|(from, line)| line + self.count - from);
        if expected != Some(change.line) {
            self.jumps.push((self.count, change.line));
        }
        self.count += 1;
        Some(change.entry)
    }
}

/// Carries out a line that does not add or remove an entry.
fn other(session: &mut Session, line: &[u8], exist: bool) -> Result<(), Complaint> {
    let words = words(line)?;
    command(session, &words, exist).map_err(|complaint| complaint.unless_quiet(&words))
}

fn command(session: &mut Session, words: &[Word], exist: bool) -> Result<(), Complaint> {
    let mut call = Call::parse(words)?;
    call.flags.exist |= exist;
    match call.command {
        Command::Restore | Command::Help | Command::Version | Command::Interactive => {
            let name = call.command.name();
            Err(Complaint::usage(format!(
                "Command `{name}' is invalid in restore mode."
            )))
        }
        _ => session.run(&call),
    }
}
