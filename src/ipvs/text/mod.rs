//! The text that `ipvsadm -S -n` saves and `ipvsadm -R` restores.
//!
//! Each line is an operation, written as the arguments of `ipvsadm`. [`parse`] reads it, and the
//! `Display` of [`Operation`] writes it.
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
//! # Reading
//! This module reads all commands of `ipvsadm` that change something, with all their options,
//! long and short. Addresses and ports are numbers, as `-n` prints them, or names that [`Names`]
//! knows. An option that is left out has the tool's default: `wlc`, `-p 360`, `-g`, `-w 1`, and
//! the service's port for a server. A firewall mark may be negative, because the tool prints the
//! marks from 2,147,483,648 on in this way. `ops` and `pe sip` may have no dashes, because older
//! versions print them without. Words are separated by the tool's blanks: spaces, tabs and line
//! ends.
//!
//! # Differences from the tool
//! The kernel stores a port of its own for every server, also with `-g` or `-i`, where it does not
//! change the packets' port. The tool saves this port but does not restore it. This module keeps
//! it.
//!
//! Some things cannot be written in the tool's options. This module has options of its own for
//! them, which the tool refuses:
//! - `--put-service`, `--put-server` and `--if-present`, for operations that neither the tool nor
//!   the kernel has;
//! - `--forward local|bypass|N`, `--protocol N ADDRESS`, `--tun-type N`, `--tun-flags 0xN` and
//!   scheduler flags as `0xN`, for values that only the netlink interface has;
//! - `--keep-weight`, for servers of a wanted table
//!   ([`WantedServer::keep_weight`](crate::ipvs::plan::WantedServer::keep_weight));
//! - `--tun-type unreported`, for [`Tunnel::Unreported`](crate::ipvs::Tunnel::Unreported). It is
//!   read back, but no handle and no wanted table takes it: replace it by the tunnel that is meant.
//!
//! The tool saves a local node as `-g`, and omits thresholds and unknown flags. This module omits
//! nothing.

mod host;
mod options;
mod parse;
mod print;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::Names;
use crate::Result;
use crate::ipvs::model::operation::Operation;

/// A line of a saved table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Line {
    /// The line's number, from 1.
    pub number: usize,
    /// The operation.
    pub operation: Operation,
}

/// Reads a saved table line by line.
///
/// It skips empty lines and lines that begin with `#`. The text may be bytes: a line that is not
/// UTF-8 is an error of this line.
///
/// This checks only the form of a line. Values such as those that
/// [`VirtualService::validate`](crate::ipvs::VirtualService::validate) refuses are an error when
/// the operation is carried out.
///
/// # Errors
/// The iterator returns an error for a line that cannot be read
/// ([`is_invalid_input`](crate::Error::is_invalid_input)), with its line and column
/// ([`Error::position`](crate::Error::position)). It goes on with the next line.
pub fn parse(text: &(impl AsRef<[u8]> + ?Sized)) -> Lines<'_> {
    parse_with(text, &())
}

/// Reads a saved table as [`parse`] does, and also names in place of numbers.
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

/// An iterator over the lines of a saved table, which [`parse`] returns.
#[derive(Clone)]
pub struct Lines<'a> {
    rest: &'a [u8],
    /// The number of the last line that was read.
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

    /// Returns the next line that is neither empty nor a comment.
    fn next_text(&mut self) -> Option<Result<&'a str>> {
        loop {
            let line = self.next_line()?;
            let first = line.iter().find(|byte| !words::is_blank(**byte));
            if first.is_none_or(|byte| *byte == b'#') {
                continue;
            }
            let text = std::str::from_utf8(line);
            return Some(text.map_err(|error| words::not_utf8(line, error, self.number)));
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.next_text()?;
        let number = self.number;
        let operation = line.and_then(|line| parse::operation(line, number, self.names));
        Some(operation.map(|operation| Line { number, operation }))
    }
}

/// A line of a wanted table.
pub(in crate::ipvs) struct WantedLine {
    /// The line's number, from 1.
    pub(in crate::ipvs) number: usize,
    /// The operation, which adds a service or a server.
    pub(in crate::ipvs) operation: Operation,
    /// Whether the line has the option `--keep-weight`.
    pub(in crate::ipvs) keeps_weight: bool,
}

/// Reads a wanted table line by line.
pub(in crate::ipvs) fn wanted<'a>(
    text: &'a [u8],
    names: &'a (dyn Names + Sync),
) -> impl Iterator<Item = Result<WantedLine>> + 'a {
    let mut lines = parse_with(text, names);
    std::iter::from_fn(move || {
        let line = lines.next_text()?;
        let number = lines.number;
        let read = line.and_then(|line| parse::wanted(line, number, names));
        Some(read.map(|(operation, keeps_weight)| WantedLine {
            number,
            operation,
            keeps_weight,
        }))
    })
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
