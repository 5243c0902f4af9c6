//! The text in which `ipvsadm -S -n` saves a table and `ipvsadm -R` reads it: one operation a
//! line, written as the tool's arguments.
//!
//! ```
//! use ipvset::ipvs::{Operation, text};
//!
//! let saved = "\
//! -A -t 10.100.100.100:8080 -s rr
//! -a -t 10.100.100.100:8080 -r 10.0.0.11:8080 -m -w 1
//! ";
//! let lines = text::parse(saved).collect::<ipvset::Result<Vec<_>>>()?;
//! assert!(matches!(lines[1].operation, Operation::AddServer(..)));
//! assert_eq!(lines[1].number, 2);
//! assert_eq!(format!("{}\n{}\n", lines[0].operation, lines[1].operation), saved);
//! # Ok::<(), ipvset::Error>(())
//! ```
//!
//! What is read is every option that the tool takes for a command which changes something, long
//! and short, with numeric addresses and ports (what `-n` prints), and with names where [`Names`]
//! knows them. Where an option is left out, the tool's default counts: `wlc`, `-p 360`, `-g`,
//! `-w 1`, and the service's port for a server. A firewall mark may be negative, as the tool
//! prints those from 2,147,483,648 on, and `ops` and `pe sip` may stand without dashes, as older
//! versions print them. The tool's blanks separate words: the space, the tab and the ends of lines.
//!
//! The kernel holds a port of its own also for a server with `-g` or `-i`, though it leaves the
//! packet's port as it is. The tool saves it and loses it when it restores; here it stays.
//!
//! What the tool has no words for is written in words of our own, which it refuses:
//! `--put-service`, `--put-server` and `--if-present` for the operations that the kernel does
//! not have; `--forward local|bypass|N`, `--protocol N ADDRESS`, `--tun-type N`, `--tun-flags 0xN`
//! and flags as `0xN` for what its netlink interface holds and the tool does not know. (It saves
//! a local node as `-g`, and leaves out thresholds and unknown flags; here nothing is left out.)

mod names;
mod options;
mod parse;
mod print;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;

pub use names::Names;

use crate::Result;
use crate::ipvs::model::operation::Operation;

/// A line of a saved table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// What it does.
    pub operation: Operation,
}

/// Reads a saved table line by line. Empty lines and those that begin with `#` say nothing.
///
/// The text may be bytes: a line that is not UTF-8 is an error of that line.
///
/// Only the form is looked at; what is refused beyond that, as with
/// [`VirtualService::validate`](crate::ipvs::VirtualService::validate), is refused when the operation
/// is carried out.
///
/// # Errors
/// Invalid input with the line and the column of what can't be read
/// ([`Error::position`](crate::Error::position)). The lines after it can be read all the same.
pub fn parse(text: &(impl AsRef<[u8]> + ?Sized)) -> Lines<'_> {
    parse_with(text, &())
}

/// The same with names for numbers.
///
/// # Errors
/// As with [`parse`].
pub fn parse_with<'a>(
    text: &'a (impl AsRef<[u8]> + ?Sized),
    names: &'a (dyn Names + Sync),
) -> Lines<'a> {
    Lines {
        rest: text.as_ref(),
        number: 0,
        names,
    }
}

/// The lines of a saved table: what [`parse`] gives.
#[derive(Clone)]
pub struct Lines<'a> {
    rest: &'a [u8],
    /// Of the last line that was read.
    number: usize,
    names: &'a (dyn Names + Sync),
}

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        self.number += 1;
        Some(line)
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.next_line()?;
            let first = line.iter().find(|byte| !words::is_blank(**byte));
            if first.is_none_or(|byte| *byte == b'#') {
                continue;
            }
            let number = self.number;
            let line =
                std::str::from_utf8(line).map_err(|error| words::not_utf8(line, error, number));
            let operation = line.and_then(|line| parse::operation(line, number, self.names));
            return Some(operation.map(|operation| Line { number, operation }));
        }
    }
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
