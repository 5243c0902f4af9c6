//! The options that may be anywhere among the words of a command.

use super::piece::{Flaw, Piece};

/// An option that may be anywhere in a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    Exist,
    Quiet,
    Sorted,
    Resolve,
    Names,
    Terse,
    Output,
    File,
}

static SWITCHES: &[(Switch, [&str; 2])] = &[
    (Switch::Exist, ["!", "exist"]),
    (Switch::Output, ["o", "output"]),
    (Switch::Quiet, ["q", "quiet"]),
    (Switch::Resolve, ["r", "resolve"]),
    (Switch::Sorted, ["s", "sorted"]),
    (Switch::Names, ["n", "name"]),
    (Switch::Terse, ["t", "terse"]),
    (Switch::File, ["f", "file"]),
];

impl Switch {
    /// Returns the option whose name the word is, after one or two dashes.
    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        let (b"-", name) = word.split_at_checked(1)? else {
            return None;
        };
        let name = name.strip_prefix(b"-").unwrap_or(name);
        let is = |(_, names): &&(Self, [&str; 2])| names.iter().any(|it| it.as_bytes() == name);
        SWITCHES.iter().find(is).map(|(switch, _)| *switch)
    }

    pub(crate) fn has_value(self) -> bool {
        matches!(self, Self::Output | Self::File)
    }
}

/// The format in which a command prints sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Output {
    /// For a person to read.
    Plain,
    /// As commands that restore the sets.
    Save,
    /// As XML.
    Xml,
}

/// The options of one command.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Switches<'a> {
    pub(crate) exist: bool,
    pub(crate) quiet: bool,
    pub(crate) sorted: bool,
    pub(crate) resolve: bool,
    pub(crate) names: bool,
    pub(crate) terse: bool,
    pub(crate) output: Option<Output>,
    pub(crate) file: Option<&'a [u8]>,
}

impl<'a> Switches<'a> {
    pub(super) fn set(&mut self, switch: Switch, value: Option<Piece<'a>>) -> Result<(), Flaw> {
        match (switch, value) {
            (Switch::Exist, _) => self.exist = true,
            (Switch::Quiet, _) => self.quiet = true,
            (Switch::Sorted, _) => self.sorted = true,
            (Switch::Resolve, _) => self.resolve = true,
            (Switch::Names, _) => self.names = true,
            (Switch::Terse, _) => self.terse = true,
            (Switch::Output, value) => self.output = value.map(output).transpose()?,
            (Switch::File, value) => self.file = value.map(|it| it.text),
        }
        Ok(())
    }
}

fn output(word: Piece<'_>) -> Result<Output, Flaw> {
    match word.text {
        b"plain" => Ok(Output::Plain),
        b"save" => Ok(Output::Save),
        b"xml" => Ok(Output::Xml),
        _ => Err(word.flaw(format!("unknown output mode '{}'", word.shown()))),
    }
}
