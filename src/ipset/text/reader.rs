//! Reads what `ipset save` writes.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;
use std::str;

use super::entry;
use super::piece::{Flaw, Words};
use super::set::{Quoted, read, read_name};
use crate::error::Cause;
use crate::ipset::{AnyEntry, AnySet, SetName};
use crate::wire;
use crate::{Error, Result};

const READ: &str = "read save file";

/// A line of a save file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Line {
    /// `create`: the set is created.
    Create(AnySet),
    /// `add`: the entry is added to the set of this name.
    Add(SetName, AnyEntry),
}

/// Reads a save file line by line. Empty lines and those that begin with `#` are passed over.
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
/// After an error the next line is read, so that a caller may go on.
pub struct Reader<R> {
    input: R,
    line: Vec<u8>,
    number: usize,
    sets: HashMap<SetName, AnySet>,
    /// The set of the last line: nearly every line is about the same set as the one before it.
    current: Option<AnySet>,
    scratch: wire::Writer,
}

// Neither the input nor the sets, which may be many, say anything to a reader.
impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads from a file, a pipe, or bytes.
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
            sets: HashMap::new(),
            current: None,
            scratch: wire::Writer::default(),
        }
    }

    /// Tells of a set that exists already, so that entries can be added to it without a `create`
    /// line before them.
    #[must_use]
    pub fn with_set(mut self, set: AnySet) -> Self {
        self.sets.insert(*set.name(), set);
        self
    }

    /// The number of the line that was read last, from 1.
    pub fn line_number(&self) -> usize {
        self.number
    }

    /// What is on the next line that has something.
    fn read(&mut self) -> Result<Option<Line>> {
        loop {
            self.line.clear();
            let length = self.input.read_until(b'\n', &mut self.line);
            if length.map_err(|it| Error::new(READ, Cause::Io(it)))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let line = std::mem::take(&mut self.line);
            let read = self.line(&line);
            self.line = line;
            if let Some(line) = read? {
                return Ok(Some(line));
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Line>> {
        let line = str::from_utf8(line).map_err(|error| {
            let before = line.get(..error.valid_up_to()).unwrap_or_default();
            Error::new(
                READ,
                Cause::Text {
                    line: self.number,
                    column: String::from_utf8_lossy(before).chars().count() + 1,
                    message: "a byte that is not UTF-8".into(),
                },
            )
        })?;
        let line = line.trim_end_matches(['\r', '\n']);
        self.command(line)
            .map_err(|flaw| flaw.error(READ, line, self.number))
    }

    fn command(&mut self, line: &str) -> Result<Option<Line>, Flaw> {
        let mut words = Words::of(line);
        let Some(command) = words.next()? else {
            return Ok(None);
        };
        match command.text {
            "create" => {
                let set = read(&mut words, &())?;
                self.sets.insert(*set.name(), set.clone());
                self.current = None;
                Ok(Some(Line::Create(set)))
            }
            "add" => self.add(&mut words).map(Some),
            comment if comment.starts_with('#') => Ok(None),
            other => Err(command.flaw(format!("'{other}' is neither 'create' nor 'add'"))),
        }
    }

    #[inline]
    fn add(&mut self, words: &mut Words<'_>) -> Result<Line, Flaw> {
        let word = words.expect("the set's name")?;
        let known = self.current.as_ref().map(|set| set.name().as_bytes());
        if known != Some(word.text.as_bytes()) {
            let name = read_name(word)?;
            self.current = self.sets.get(&name).cloned();
        }
        let Some(set) = &self.current else {
            let name = read_name(word)?;
            return Err(word.flaw(format!("no line before creates the set {}", Quoted(&name))));
        };
        let entry = entry::read_for(set, words, &(), &mut self.scratch)?;
        Ok(Line::Add(*set.name(), entry))
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
