//! The commands in the lines of a restore file.

use std::path::PathBuf;

use super::piece::{Flaw, Piece, Words};
use super::set::read_name;
use super::switches::{Output, Switches};
use crate::ipset::{AnyEntry, AnySet, SetName};

/// The command in a line of a restore file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// `create`: creates a set.
    Create(AnySet),
    /// `add`: adds an entry to the set with this name.
    Add(SetName, AnyEntry),
    /// `del`: removes an entry from the set with this name.
    Remove(SetName, AnyEntry),
    /// `test`: tests whether an entry is in the set with this name.
    Test(SetName, AnyEntry),
    /// `destroy`: destroys a set, or all sets.
    Destroy(Option<SetName>),
    /// `flush`: removes all entries of a set, or of all sets.
    Flush(Option<SetName>),
    /// `rename`: renames a set from the first name to the second.
    Rename(SetName, SetName),
    /// `swap`: swaps the contents of two sets.
    Swap(SetName, SetName),
    /// `list`: prints sets for a person to read.
    List(Listing),
    /// `save`: prints sets as commands.
    Save(Listing),
}

/// A [`Command`] with its line number and the options that any command can have.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CommandLine {
    /// The number of the line, from 1.
    pub line: usize,
    /// The command.
    pub command: Command,
    /// `-exist`: it is not an error if the set or entry to be created or added exists, or the one
    /// to be destroyed or removed does not. It applies only to this line.
    pub exist: bool,
    /// `-quiet`: nothing is printed.
    pub quiet: bool,
}

/// The arguments of `list` and `save`: which sets are printed, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// The set that is listed, or `None` for all sets.
    pub set: Option<SetName>,
    /// `-output`: the format, or `None` for that of the command.
    pub output: Option<Output>,
    /// `-file`: the file to which the output is written.
    pub file: Option<PathBuf>,
    /// `-sorted`: the entries are sorted.
    pub sorted: bool,
    /// `-name`: only the names of the sets are listed.
    pub names: bool,
    /// `-terse`: the sets are listed without their entries.
    pub terse: bool,
    /// `-resolve`: addresses are printed as names of hosts.
    pub resolve: bool,
}

impl Listing {
    fn new(set: Option<SetName>, switches: &Switches<'_>) -> Self {
        Self {
            set,
            output: switches.output,
            file: switches.file.map(path),
            sorted: switches.sorted,
            names: switches.names,
            terse: switches.terse,
            resolve: switches.resolve,
        }
    }
}

fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

/// The commands of the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Add,
    Remove,
    Test,
    Destroy,
    List,
    Save,
    Restore,
    Flush,
    Rename,
    Swap,
    Help,
    Version,
    Quit,
}

/// The names of the commands, new and old. An abbreviation stands for the first command with a
/// name that begins with it.
static VERBS: &[(Verb, [&str; 3])] = &[
    (Verb::Create, ["create", "-N", "new"]),
    (Verb::Add, ["add", "-A", ""]),
    (Verb::Remove, ["del", "-D", ""]),
    (Verb::Test, ["test", "-T", ""]),
    (Verb::Destroy, ["destroy", "-X", "x"]),
    (Verb::List, ["list", "-L", ""]),
    (Verb::Save, ["save", "-S", ""]),
    (Verb::Restore, ["restore", "-R", ""]),
    (Verb::Flush, ["flush", "-F", ""]),
    (Verb::Rename, ["rename", "-E", "e"]),
    (Verb::Swap, ["swap", "-W", "w"]),
    (Verb::Help, ["help", "-H", "-h"]),
    (Verb::Version, ["version", "-V", "-v"]),
    (Verb::Quit, ["quit", "", ""]),
];

impl Verb {
    #[inline]
    pub(super) fn read(word: Piece<'_>) -> Result<Self, Flaw> {
        match word.text {
            b"add" => Ok(Self::Add),
            b"del" => Ok(Self::Remove),
            _ => Self::named(word.text)
                .ok_or_else(|| word.flaw(format!("there is no command '{}'", word.shown()))),
        }
    }

    /// Finds a command by its name or the beginning of its name.
    fn named(word: &[u8]) -> Option<Self> {
        let name = word.strip_prefix(b"--").unwrap_or(word);
        if matches!(name, b"" | b"-") {
            return None;
        }
        let is = |names: &[&str; 3]| names.iter().any(|it| it.as_bytes().starts_with(name));
        VERBS
            .iter()
            .find(|(_, names)| is(names))
            .map(|(verb, _)| *verb)
    }

    /// Reads the words of a command about whole sets. Returns `None` for other commands.
    pub(super) fn of_sets(self, words: &mut Words<'_>) -> Result<Option<Command>, Flaw> {
        let mut one = || words.next()?.map(read_name).transpose();
        let command = match self {
            Self::Destroy => Command::Destroy(one()?),
            Self::Flush => Command::Flush(one()?),
            Self::Rename | Self::Swap => {
                let first = read_name(words.expect("the set's name")?)?;
                let second = read_name(words.expect("the second set's name")?)?;
                match self {
                    Self::Rename => Command::Rename(first, second),
                    _ => Command::Swap(first, second),
                }
            }
            Self::List | Self::Save => {
                let set = one()?;
                end(words)?;
                let listing = Listing::new(set, &words.switches());
                match self {
                    Self::List => Command::List(listing),
                    _ => Command::Save(listing),
                }
            }
            _ => return Ok(None),
        };
        end(words)?;
        Ok(Some(command))
    }
}

/// Refuses words after the end of a command.
pub(super) fn end(words: &mut Words<'_>) -> Result<(), Flaw> {
    match words.next()? {
        Some(word) => Err(word.flaw(format!("unknown argument '{}'", word.shown()))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are those that version 7.17 of the tool accepts.
    #[test]
    fn commands_have_names_and_shorter_names() {
        let verb = |word: &str| Verb::named(word.as_bytes());
        for (verb_meant, words) in [
            (Verb::Create, "create crea c n ne new -N --create --new"),
            (Verb::Add, "add ad a -A --add"),
            (Verb::Remove, "del de d -D"),
            (Verb::Test, "test te t -T"),
            (Verb::Destroy, "destroy des x -X --x"),
            (Verb::List, "list li l -L"),
            (Verb::Save, "save sa s -S"),
            (Verb::Restore, "restore res re r -R"),
            (Verb::Flush, "flush fl f -F"),
            (Verb::Rename, "rename ren e -E"),
            (Verb::Swap, "swap sw w -W"),
            (Verb::Help, "help he h -H -h"),
            (Verb::Version, "version v -V -v"),
            (Verb::Quit, "quit q"),
        ] {
            for word in words.split(' ') {
                assert_eq!(verb(word), Some(verb_meant), "{word}");
            }
        }
        for word in [
            "", "-", "--", "-c", "dele", "ex", "--N", "-add", "COMMIT", "added",
        ] {
            assert_eq!(verb(word), None, "{word}");
        }
    }
}
