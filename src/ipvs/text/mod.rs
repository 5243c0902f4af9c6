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
//! and short, with numeric addresses and ports (what `-n` prints). Where an option is left out,
//! the tool's default counts: `wlc`, `-p 360`, `-g`, `-w 1`, and the service's port for a
//! server; with `-g` and `-i` the port is always the service's. A firewall mark may be negative,
//! as the tool prints those from 2,147,483,648 on.
//!
//! What the tool has no words for is written in words of our own, which it refuses:
//! `--put-service`, `--put-server` and `--if-present` for the operations that the kernel does
//! not have; `--forward local|bypass|N`, `--protocol N ADDRESS`, `--tun-type N`, `--tun-flags 0xN`
//! and flags as `0xN` for what its netlink interface holds and the tool does not know. (It saves
//! a local node as `-g`, and leaves out thresholds and unknown flags; here nothing is left out.)

mod options;
mod parse;
mod print;
mod words;

#[cfg(test)]
mod tests;

use super::operation::Operation;
use crate::Result;

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
/// Only the form is looked at; what is refused beyond that, as with
/// [`VirtualService::validate`](super::VirtualService::validate), is refused when the operation
/// is carried out.
///
/// # Errors
/// Invalid input with the line and the column of what can't be read
/// ([`Error::position`](crate::Error::position)). The lines after it can be read all the same.
pub fn parse(text: &str) -> Lines<'_> {
    Lines {
        lines: text.lines().enumerate(),
    }
}

/// The lines of a saved table: what [`parse`] gives.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
}

impl Iterator for Lines<'_> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (index, line) = self.lines.next()?;
            let trimmed = line.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let number = index + 1;
            let operation = parse::operation(line, number);
            return Some(operation.map(|operation| Line { number, operation }));
        }
    }
}
