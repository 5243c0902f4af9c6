//! Reads restore files.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

use super::command::{Command, CommandLine, Verb, end};
use super::entry;
use super::lines::Lines;
use super::piece::{Flaw, Piece, Words, is_blank};
use super::set::{Quoted, read, read_name};
use crate::Names;
use crate::error::Cause;
use crate::ipset::message::encode::Purpose;
use crate::ipset::{AnySet, SetName};
use crate::wire;
use crate::{Error, Result};

/// A function that finds a set that the file does not create.
type Find<'a> = dyn FnMut(&SetName) -> Result<Option<AnySet>> + Send + 'a;

/// Reads a restore file command by command.
///
/// It reads all commands that `ipset restore` accepts, in every spelling (`create`, `-N`, `n` …),
/// with options such as `-exist` and `-!` anywhere in the line.
///
/// ```
/// use ipvset::ipset::text::{Command, Commands};
///
/// let file = b"\
/// -N web hash:ip comment
/// -A web 10.0.0.11 comment \"caf\xe9\" -exist
/// swap web old
/// COMMIT
/// ";
/// let lines = Commands::new(&file[..]).collect::<Result<Vec<_>, _>>()?;
/// assert!(matches!(&lines[0].command, Command::Create(_)));
/// let Command::Add(name, entry) = &lines[1].command else { panic!() };
/// assert_eq!(entry.options().comment_bytes(), Some(&b"caf\xe9"[..]));
/// assert_eq!((lines[1].line, lines[1].exist), (2, true));
/// assert!(matches!(&lines[2].command, Command::Swap(..)));
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// Lines consist of bytes, since names and comments need not be UTF-8. A malformed line is an error
/// with the position of the mistake. The iterator goes on with the next line. Empty lines,
/// `COMMIT`, and lines that begin with `#` are skipped. `quit` ends the file.
///
/// An entry can only be read if the type of its set is known. `Commands` keeps track of the sets
/// that the file creates, renames, swaps and destroys. Other sets have to be given in advance
/// ([`with_set`](Self::with_set)), or when their first entry is read
/// ([`with_sets`](Self::with_sets)).
///
/// It differs from the tool in these points:
///
/// - A word in quotes is never an option.
/// - A quote is only accepted around a whole word.
/// - `-exist` applies only to its own line.
/// - Lines may be longer than 1,024 bytes.
///
/// # Errors
/// The iterator returns [`InvalidInput`](crate::ErrorKind::InvalidInput) for a malformed line,
/// [`Io`](crate::ErrorKind::Io) if reading fails, and the errors of the function given to
/// [`with_sets`](Self::with_sets).
pub struct Commands<'a, R> {
    lines: Lines<R>,
    operation: &'static str,
    /// Whether only the commands that `ipset save` writes are accepted.
    saved: bool,
    names: &'a (dyn Names + Sync),
    find: Option<Box<Find<'a>>>,
    sets: HashMap<SetName, AnySet>,
    /// The set of the last line, since most lines are about the same set as the line before.
    current: Option<AnySet>,
    scratch: wire::Writer,
}

/// The reason why a line is not a command.
enum Wrong {
    Flaw(Flaw),
    /// An error of the caller's function that finds sets.
    Error(Error),
}

impl From<Flaw> for Wrong {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl<'a, R: BufRead> Commands<'a, R> {
    /// Reads from a file, a pipe or a byte slice.
    pub fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            operation: "read restore file",
            saved: false,
            names: &(),
            find: None,
            sets: HashMap::new(),
            current: None,
            scratch: wire::Writer::default(),
        }
    }

    /// Reads a file of `ipset save`, and refuses other commands than those that it writes.
    pub(super) fn of_saved(input: R) -> Self {
        Self {
            operation: "read save file",
            saved: true,
            ..Self::new(input)
        }
    }

    /// Adds a set that already exists, so that its entries can be read without a `create` line
    /// before them.
    #[must_use]
    pub fn with_set(mut self, set: AnySet) -> Self {
        self.sets.insert(*set.name(), set);
        self
    }

    /// Sets a function that is called for an unknown set when its first entry is read.
    ///
    /// If a program carries out each command before it reads the next one, the function can ask
    /// the kernel. An error of the function becomes the error of the line.
    #[must_use]
    pub fn with_sets(
        mut self,
        find: impl FnMut(&SetName) -> Result<Option<AnySet>> + Send + 'a,
    ) -> Self {
        self.find = Some(Box::new(find));
        self
    }

    /// Also reads names of hosts, services and protocols.
    #[must_use]
    pub fn with_names(mut self, names: &'a (dyn Names + Sync)) -> Self {
        self.names = names;
        self
    }

    /// Returns the number of the last line that was read, from 1.
    pub fn line_number(&self) -> usize {
        self.lines.number()
    }

    /// Returns the last line that was read, without its line ending.
    pub fn line_bytes(&self) -> &[u8] {
        self.lines.line()
    }

    /// Reads the next command.
    fn read(&mut self) -> Result<Option<CommandLine>> {
        loop {
            let read = self.lines.advance();
            if !read.map_err(|it| Error::new(self.operation, Cause::Io(it)))? {
                return Ok(None);
            }
            let line = self.lines.take();
            let read = self.line(&line).map_err(|wrong| match wrong {
                Wrong::Flaw(flaw) => flaw.error(self.operation, &line, self.lines.number()),
                Wrong::Error(error) => error,
            });
            self.lines.give_back(line);
            if let Some(command) = read? {
                return Ok(Some(command));
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<CommandLine>, Wrong> {
        let blanks = line.iter().take_while(|it| is_blank(it)).count();
        if line.get(blanks) == Some(&b'#') {
            return Ok(None);
        }
        if self.lines.is_too_long() {
            let end = Piece {
                text: b"",
                at: line.len(),
            };
            return Err(end.flaw("the line is longer than any command").into());
        }
        let mut words = Words::of_command(line);
        let Some(word) = words.next()? else {
            return match blanks == line.len() {
                true => Ok(None),
                false => Err(words.rest().flaw("the command is missing").into()),
            };
        };
        if word.text == b"COMMIT" {
            end(&mut words)?;
            return Ok(None);
        }
        let verb = Verb::read(word);
        if self.saved && !matches!(verb, Ok(Verb::Create | Verb::Add)) {
            let word_shown = word.shown();
            let why = format!("'{word_shown}' is neither 'create' nor 'add'");
            return Err(word.flaw(why).into());
        }
        let Some(command) = self.command(verb?, word, &mut words)? else {
            return Ok(None);
        };
        let switches = words.switches();
        Ok(Some(CommandLine {
            line: self.lines.number(),
            command,
            exist: switches.exist,
            quiet: switches.quiet,
        }))
    }

    #[inline]
    fn command(
        &mut self,
        verb: Verb,
        word: Piece<'_>,
        words: &mut Words<'_>,
    ) -> Result<Option<Command>, Wrong> {
        let (purpose, make): (_, fn(_, _) -> _) = match verb {
            Verb::Add => (Purpose::Add, Command::Add),
            Verb::Remove => (Purpose::Remove, Command::Remove),
            Verb::Test => (Purpose::Test, Command::Test),
            _ => return self.about_sets(verb, word, words),
        };
        let set = words.expect("the set's name")?;
        self.find(set)?;
        let Some(set) = &self.current else {
            let name = read_name(set)?;
            let why = format!("no line before creates the set {}", Quoted(&name));
            return Err(set.flaw(why).into());
        };
        let entry = entry::read_for(set, words, self.names, purpose, &mut self.scratch)?;
        Ok(Some(make(*set.name(), entry)))
    }

    /// Makes the set with this name the current one, or none if the set is unknown.
    #[inline]
    fn find(&mut self, word: Piece<'_>) -> Result<(), Wrong> {
        let current = self.current.as_ref();
        if current.is_some_and(|set| set.name().as_bytes() == word.text) {
            return Ok(());
        }
        let name = read_name(word)?;
        self.current = self.sets.get(&name).cloned();
        if let (None, Some(find)) = (&self.current, &mut self.find) {
            if let Some(set) = find(&name).map_err(Wrong::Error)? {
                self.sets.insert(name, set.clone());
                self.current = Some(set);
            }
        }
        Ok(())
    }

    fn about_sets(
        &mut self,
        verb: Verb,
        word: Piece<'_>,
        words: &mut Words<'_>,
    ) -> Result<Option<Command>, Wrong> {
        let command = match verb {
            Verb::Quit => {
                self.lines.end();
                return Ok(None);
            }
            Verb::Create => Command::Create(read(words, self.names)?),
            _ => verb.of_sets(words)?.ok_or_else(|| {
                let word_shown = word.shown();
                word.flaw(format!("'{word_shown}' is no command for a restore file"))
            })?,
        };
        self.keep_in_mind(&command);
        Ok(Some(command))
    }

    /// Updates the known sets as if the command was carried out.
    fn keep_in_mind(&mut self, command: &Command) {
        let sets = &mut self.sets;
        let renamed = |sets: &mut HashMap<_, _>, set: Option<AnySet>, name: &SetName| {
            if let Some(Ok(set)) = set.map(|set| set.with_name(*name)) {
                sets.insert(*name, set);
            }
        };
        match command {
            Command::Create(set) => {
                sets.insert(*set.name(), set.clone());
            }
            Command::Destroy(None) => sets.clear(),
            Command::Destroy(Some(name)) => {
                sets.remove(name);
            }
            Command::Rename(from, to) => {
                let set = sets.remove(from);
                renamed(sets, set, to);
            }
            Command::Swap(one, other) => {
                let (first, second) = (sets.remove(one), sets.remove(other));
                renamed(sets, first, other);
                renamed(sets, second, one);
            }
            _ => return,
        }
        self.current = None;
    }
}

impl<R: BufRead> Iterator for Commands<'_, R> {
    type Item = Result<CommandLine>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

// The input and the sets, of which there may be many, would not help a reader.
impl<R> fmt::Debug for Commands<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands")
            .field("line_number", &self.lines.number())
            .finish_non_exhaustive()
    }
}
