//! Writes files that `ipset restore` reads.

use std::fmt;
use std::io::Write;

use super::value::{Carried, Medium, Out, Sink, print_name};
use crate::error::Cause;
use crate::ipset::{Entry, IpSet, SetName, SetType};
use crate::{Error, Result};

/// Writes sets and entries as `ipset save` does.
///
/// ```
/// use ipvset::ipset::text::Writer;
/// use ipvset::ipset::{AnySet, ToSetName};
///
/// let set: AnySet = "web hash:ip".parse()?;
/// let mut writer = Writer::new(Vec::new());
/// writer.create(&set)?;
/// writer.add(set.name(), &set.parse_entry("10.0.0.11")?)?;
/// assert_eq!(writer.into_inner(), b"create web hash:ip family inet\nadd web 10.0.0.11\n");
/// # Ok::<(), ipvset::Error>(())
/// ```
///
/// The bytes of names and comments are written unchanged. Names with blanks are written in quotes.
/// A line cannot represent everything that other programs may have given to the kernel: a double
/// quote or a line feed in a name or a comment, and names and comments with another meaning in the
/// syntax, such as `-q`, which the tool takes for an option. These are refused.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Writes to a file, a pipe or a vector. The output should be buffered, since it is written in
    /// small parts.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes a `create` line.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for a name that a line cannot represent.
    /// - [`Io`](crate::ErrorKind::Io) if writing fails.
    pub fn create<T: SetType>(&mut self, set: &IpSet<T>) -> Result<()> {
        check_name(set.name())?;
        self.line("create ", |out| set.print(out))
    }

    /// Writes an `add` line.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for a name or a comment that a line
    ///   cannot represent, and for ICMP with addresses of the other family, which the tool does
    ///   not read.
    /// - [`Io`](crate::ErrorKind::Io) if writing fails.
    pub fn add<T: SetType>(&mut self, set: &SetName, entry: &Entry<T>) -> Result<()> {
        check_name(set)?;
        if let Some(why) = entry.uncarried() {
            return Err(Error::refused("write entry", why).object(entry));
        }
        self.line("add ", |out| {
            print_name(set.as_bytes(), out)?;
            out.write_str(" ")?;
            entry.print(out)
        })
    }

    fn line(
        &mut self,
        command: &str,
        rest: impl FnOnce(&mut dyn Sink) -> fmt::Result,
    ) -> Result<()> {
        let written = Out::write(&mut self.out, |out| {
            out.bytes(command.as_bytes())?;
            rest(out)?;
            out.bytes(b"\n")
        });
        written.map_err(|it| Error::new("write save file", Cause::Io(it)))
    }

    /// Returns the output.
    pub fn into_inner(self) -> W {
        self.out
    }
}

fn check_name(name: &SetName) -> Result<()> {
    match Carried::name(name.as_bytes(), Medium::Bytes) {
        Carried::Not => {
            let why = "a line of text cannot carry the name";
            Err(Error::refused("write set", why).object(format_args!("{name:?}")))
        }
        _ => Ok(()),
    }
}
