//! Reads the files of `ipset save`.

use std::fmt;
use std::io::BufRead;

use super::{Command, CommandLine, Commands};
use crate::Result;
use crate::ipset::{AnyEntry, AnySet, SetName};

/// A line of a save file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Line {
    /// `create`: creates a set.
    Create(AnySet),
    /// `add`: adds an entry to the set with this name.
    Add(SetName, AnyEntry),
}

/// Reads a save file line by line. Empty lines and lines that begin with `#` are skipped.
///
/// ```
/// use ipvset::ipset::text::{Line, Reader};
///
/// let file = "\
/// create web hash:ip,port family inet comment
/// add web 10.0.0.11,tcp:8080 comment \"the first\"
/// ";
/// let lines = Reader::new(file.as_bytes()).collect::<Result<Vec<_>, _>>()?;
/// let [Line::Create(set), Line::Add(name, entry)] = &lines[..] else { panic!() };
/// assert_eq!((set.name(), entry.options().comment().as_deref()), (name, Some("the first")));
///
/// let error = Reader::new("create web hash:ip\nadd web 10.0.0".as_bytes()).last();
/// assert_eq!(error.and_then(|it| it.err()).and_then(|it| it.position()), Some((2, 9)));
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// After an error, the iterator goes on with the next line. [`Commands`] also reads files with
/// other commands.
///
/// # Errors
/// The iterator returns [`InvalidInput`](crate::ErrorKind::InvalidInput) for a malformed line, and
/// [`Io`](crate::ErrorKind::Io) if reading fails.
pub struct Reader<R> {
    commands: Commands<'static, R>,
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.commands).finish()
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads from a file, a pipe or a byte slice.
    pub fn new(input: R) -> Self {
        Self {
            commands: Commands::of_saved(input),
        }
    }

    /// Adds a set that already exists, so that its entries can be read without a `create` line
    /// before them.
    #[must_use]
    pub fn with_set(self, set: AnySet) -> Self {
        Self {
            commands: self.commands.with_set(set),
        }
    }

    /// Returns the number of the last line that was read, from 1.
    pub fn line_number(&self) -> usize {
        self.commands.line_number()
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.commands.find_map(|read| match read {
            Err(error) => Some(Err(error)),
            Ok(CommandLine { command, .. }) => match command {
                Command::Create(set) => Some(Ok(Line::Create(set))),
                Command::Add(name, entry) => Some(Ok(Line::Add(name, entry))),
                // Other commands were refused when they were read.
                _ => None,
            },
        })
    }
}
