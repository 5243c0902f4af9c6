//! Writes what `ipset restore` reads.

use std::io::{self, Write};

use super::entry::plain_comment;
use super::set::{Quoted, is_plain_name};
use crate::error::Cause;
use crate::ipset::value::Elements;
use crate::ipset::{Entry, IpSet, SetName, SetType};
use crate::{Error, Result};

/// Writes sets and entries as `ipset save` does.
///
/// ```
/// use ipvset::ipset::text::Writer;
/// use ipvset::ipset::{AnySet, Named};
///
/// let set: AnySet = "web hash:ip".parse()?;
/// let mut writer = Writer::new(Vec::new());
/// writer.create(&set)?;
/// writer.add(set.name(), &set.parse_entry("10.0.0.11")?)?;
/// assert_eq!(writer.into_inner(), b"create web hash:ip family inet\nadd web 10.0.0.11\n");
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// What other programs gave to the kernel and a line cannot carry is refused, never written as
/// something else: names and comments that are not UTF-8 or have a double quote or a line's
/// end in them. Names with blanks are written in quotes.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Writes to a file, a pipe or bytes; in small parts, so let it be buffered.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// A `create` line.
    ///
    /// # Errors
    /// `InvalidInput` for a name that a line cannot carry; `Io`.
    pub fn create<T: SetType>(&mut self, set: &IpSet<T>) -> Result<()> {
        check_name(set.name())?;
        written(writeln!(self.out, "create {set}"))
    }

    /// An `add` line.
    ///
    /// # Errors
    /// `InvalidInput` for a name or a comment that a line cannot carry; `Io`.
    pub fn add<T: SetType>(&mut self, set: &SetName, entry: &Entry<T>) -> Result<()> {
        check_name(set)?;
        let refuse = |why| Err(Error::refused("write entry", why).object(entry));
        if !entry.value().has_plain_text() {
            return refuse("a line of text cannot carry the name in it");
        }
        if let Some(comment) = entry.options().comment_bytes() {
            if plain_comment(comment).is_none() {
                return refuse("a line of text cannot carry the comment");
            }
        }
        written(writeln!(self.out, "add {} {entry}", Quoted(set)))
    }

    /// What is written to.
    pub fn into_inner(self) -> W {
        self.out
    }
}

fn written(result: io::Result<()>) -> Result<()> {
    result.map_err(|it| Error::new("write save file", Cause::Io(it)))
}

fn check_name(name: &SetName) -> Result<()> {
    match is_plain_name(name.as_bytes()) {
        true => Ok(()),
        false => {
            let why = "a line of text cannot carry the name";
            Err(Error::refused("write set", why).object(format_args!("{:?}", name.as_str())))
        }
    }
}
