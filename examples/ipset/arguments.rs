//! Parses the words of a command line or of a line of input.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::complaint::{Complaint, said};

/// A word of a command. It need not be UTF-8, because names and comments are bytes.
pub type Word = Vec<u8>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Create,
    Add,
    Del,
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
    Interactive,
}

/// The commands with their new and old names. A word stands for the first command with a name that
/// starts with the word.
const COMMANDS: &[(Command, &[&str])] = &[
    (Command::Create, &["create", "new", "-N"]),
    (Command::Add, &["add", "-A"]),
    (Command::Del, &["del", "-D"]),
    (Command::Test, &["test", "-T"]),
    (Command::Destroy, &["destroy", "-X", "x"]),
    (Command::List, &["list", "-L"]),
    (Command::Save, &["save", "-S"]),
    (Command::Restore, &["restore", "-R"]),
    (Command::Flush, &["flush", "-F"]),
    (Command::Rename, &["rename", "-E", "e"]),
    (Command::Swap, &["swap", "-W", "w"]),
    (Command::Help, &["help", "-H", "-h"]),
    (Command::Version, &["version", "-V", "-v"]),
    (Command::Quit, &["quit"]),
];

impl Command {
    fn named(word: &[u8]) -> Option<Self> {
        if word == b"-" {
            return Some(Self::Interactive);
        }
        let word = word.strip_prefix(b"--").unwrap_or(word);
        let meant = |name: &&str| !word.is_empty() && name.as_bytes().starts_with(word);
        COMMANDS
            .iter()
            .find(|(_, names)| names.iter().any(meant))
            .map(|(command, _)| *command)
    }

    pub fn name(self) -> &'static str {
        let found = COMMANDS.iter().find(|(command, _)| *command == self);
        found.map_or("-", |(_, names)| names[0])
    }

    /// The least and the greatest number of words after the command; `None` is no limit.
    fn words(self) -> (usize, Option<usize>) {
        match self {
            Self::Create | Self::Add | Self::Del | Self::Test => (2, None),
            Self::Rename | Self::Swap => (2, Some(2)),
            Self::Destroy | Self::List | Self::Save | Self::Flush => (0, Some(1)),
            Self::Help => (0, Some(1)),
            Self::Restore | Self::Version | Self::Quit | Self::Interactive => (0, Some(0)),
        }
    }
}

/// The output format of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Plain,
    Save,
    Xml,
    Json,
}

/// The options that are accepted anywhere in a command.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub exist: bool,
    pub quiet: bool,
    pub sorted: bool,
    pub names: bool,
    pub terse: bool,
    pub mode: Option<Mode>,
    pub file: Option<OsString>,
}

/// A command with its flags and its other words.
#[derive(Debug, Clone)]
pub struct Call {
    pub command: Command,
    pub flags: Flags,
    pub words: Vec<Word>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    Exist,
    Output,
    Quiet,
    Resolve,
    Sorted,
    Names,
    Terse,
    File,
}

const FLAGS: &[(Flag, [&str; 2])] = &[
    (Flag::Exist, ["-!", "-exist"]),
    (Flag::Output, ["-o", "-output"]),
    (Flag::Quiet, ["-q", "-quiet"]),
    (Flag::Resolve, ["-r", "-resolve"]),
    (Flag::Sorted, ["-s", "-sorted"]),
    (Flag::Names, ["-n", "-name"]),
    (Flag::Terse, ["-t", "-terse"]),
    (Flag::File, ["-f", "-file"]),
];

fn flag(word: &[u8]) -> Option<Flag> {
    let word = match word.starts_with(b"--") {
        true => &word[1..],
        false => word,
    };
    let meant = |name: &&str| name.as_bytes() == word;
    let found = FLAGS.iter().find(|(_, names)| names.iter().any(meant));
    found.map(|(flag, _)| *flag)
}

pub fn is_quiet(words: &[Word]) -> bool {
    words.iter().any(|word| flag(word) == Some(Flag::Quiet))
}

impl Call {
    pub fn parse(words: &[Word]) -> Result<Self, Complaint> {
        let mut flags = Flags::default();
        let mut rest = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(flag) = flag(word) else {
                rest.push(word.clone());
                continue;
            };
            let mut value = || {
                let missing =
                    || Complaint::usage(said(b"Missing mandatory argument to option ", word, b""));
                words.next().ok_or_else(missing)
            };
            match flag {
                Flag::Exist => flags.exist = true,
                Flag::Quiet => flags.quiet = true,
                Flag::Sorted => flags.sorted = true,
                Flag::Names => flags.names = true,
                Flag::Terse => flags.terse = true,
                Flag::Resolve => {}
                Flag::Output => flags.mode = Some(mode(value()?)?),
                Flag::File => flags.file = Some(OsString::from_vec(value()?.clone())),
            }
        }
        let mut words = rest.into_iter();
        let Some(word) = words.next() else {
            return Err(Complaint::usage("No command specified."));
        };
        let Some(command) = Command::named(&word) else {
            let before = b"No command specified: unknown argument ";
            return Err(Complaint::usage(said(before, &word, b"")));
        };
        let call = Self {
            command,
            flags,
            words: words.collect(),
        };
        call.check_count()?;
        Ok(call)
    }

    fn check_count(&self) -> Result<(), Complaint> {
        let (least, most) = self.command.words();
        let name = self.command.name();
        if self.words.len() < least {
            let which = match self.words.len() {
                0 => "",
                _ => " second",
            };
            return Err(Complaint::usage(format!(
                "Missing{which} mandatory argument to command {name}"
            )));
        }
        match most.and_then(|most| self.words.get(most)) {
            Some(extra) => Err(Complaint::usage(said(b"Unknown argument ", extra, b""))),
            None => Ok(()),
        }
    }
}

fn mode(word: &[u8]) -> Result<Mode, Complaint> {
    match word {
        b"plain" => Ok(Mode::Plain),
        b"save" => Ok(Mode::Save),
        b"xml" => Ok(Mode::Xml),
        b"json" => Ok(Mode::Json),
        _ => Err(Complaint::new(said(
            b"Syntax error: unknown output mode '",
            word,
            b"'",
        ))),
    }
}
