//! The text of values: the elements of an entry, in quotes if they contain blanks.

use std::fmt;
use std::{io, str};

use super::element::Text;
use super::piece::is_blank;
use super::shown::Escaped;
use super::switches::Switch;
use crate::Family;
use crate::ipset::model::value::Elements;

/// The destination of text. Names and comments are bytes, which need not be UTF-8.
pub(crate) trait Sink: fmt::Write {
    /// Returns which bytes it accepts.
    fn medium(&self) -> Medium;

    /// Writes bytes that the medium accepts.
    fn bytes(&mut self, bytes: &[u8]) -> fmt::Result;
}

/// The bytes that can be written: any bytes, or only UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    Bytes,
    Utf8,
}

impl Medium {
    fn takes(self, bytes: &[u8]) -> bool {
        self == Self::Bytes || bytes.is_ascii() || str::from_utf8(bytes).is_ok()
    }
}

impl Sink for fmt::Formatter<'_> {
    fn medium(&self) -> Medium {
        Medium::Utf8
    }

    fn bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        self.write_str(str::from_utf8(bytes).map_err(|_| fmt::Error)?)
    }
}

/// A [`Sink`] that writes to a file, and keeps the error.
pub(crate) struct Out<W> {
    out: W,
    result: io::Result<()>,
}

impl<W: io::Write> Out<W> {
    /// Writes the text that a function produces.
    pub(crate) fn write(out: W, text: impl FnOnce(&mut Self) -> fmt::Result) -> io::Result<()> {
        let mut out = Self {
            out,
            result: Ok(()),
        };
        let written = text(&mut out);
        out.result?;
        written.map_err(|_| io::Error::other("the text could not be written"))
    }
}

impl<W: io::Write> fmt::Write for Out<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes())
    }
}

impl<W: io::Write> Sink for Out<W> {
    fn medium(&self) -> Medium {
        Medium::Bytes
    }

    fn bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        self.result = self.out.write_all(bytes);
        self.result.as_ref().map_err(|_| fmt::Error).copied()
    }
}

/// How the tool's syntax can represent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carried {
    /// Unchanged.
    Plain,
    /// In quotes.
    Quoted,
    /// Not at all: the text would be read as something else.
    Not,
}

impl Carried {
    /// Returns how a word of a line is represented.
    pub(crate) fn word(word: &[u8], medium: Medium) -> Self {
        if word.is_empty() || word.contains(&b'"') || word.contains(&b'\n') || !medium.takes(word) {
            return Self::Not;
        }
        match word.iter().any(is_blank) {
            true => Self::Quoted,
            false => Self::Plain,
        }
    }

    /// Returns how a set's name is represented. The tool takes some names for options, even in
    /// quotes.
    pub(crate) fn name(name: &[u8], medium: Medium) -> Self {
        match Switch::named(name) {
            Some(_) => Self::Not,
            None => Self::word(name, medium),
        }
    }
}

/// Writes a set's name as a word of a line.
pub(crate) fn print_name(name: &[u8], out: &mut dyn Sink) -> fmt::Result {
    match Carried::name(name, out.medium()) {
        Carried::Plain => out.bytes(name),
        Carried::Quoted => in_quotes(out, |out| out.bytes(name)),
        Carried::Not => write!(out, "{}", Escaped(name)),
    }
}

fn in_quotes(out: &mut dyn Sink, text: impl FnOnce(&mut dyn Sink) -> fmt::Result) -> fmt::Result {
    out.write_char('"')?;
    text(out)?;
    out.write_char('"')
}

/// Returns whether and how the syntax represents a value.
pub(crate) fn carried<V: Elements>(value: &V, medium: Medium) -> Carried {
    let mut carried = Carried::Plain;
    value.each(&mut |element| carried = carried.max(element.carried(medium)));
    carried
}

/// Returns true if all elements belong to one family. The kernel also stores ICMP in sets of IPv6
/// addresses, and ICMPv6 in sets of IPv4 addresses, which the tool refuses.
pub(crate) fn has_one_family<V: Elements>(value: &V) -> bool {
    let mut family: Option<Family> = None;
    let mut one = true;
    value.each(&mut |element| {
        if let Some(found) = element.family() {
            one &= family.is_none_or(|family| family == found);
            family = Some(found);
        }
    });
    one
}

/// Returns true if a value has the option `wildcard`.
pub(crate) fn has_wildcard<V: Elements>(value: &V) -> bool {
    let mut wildcard = false;
    value.each(&mut |element| wildcard |= element.is_wildcard());
    wildcard
}

/// Writes a value. If the syntax cannot represent it, writes text that is refused when it is read.
pub(crate) fn print<V: Elements>(value: &V, out: &mut dyn Sink) -> fmt::Result {
    match carried(value, out.medium()) {
        Carried::Plain => print_elements(value, out),
        Carried::Quoted => in_quotes(out, |out| print_elements(value, out)),
        Carried::Not => {
            let mut text = Vec::new();
            Out::write(&mut text, |text| print_elements(value, text)).map_err(|_| fmt::Error)?;
            write!(out, "{}", Escaped(&text))
        }
    }
}

fn print_elements<V: Elements>(value: &V, out: &mut dyn Sink) -> fmt::Result {
    let mut separator = "";
    let mut result = Ok(());
    value.each(&mut |element| {
        if result.is_ok() && element.is_present() {
            result = out
                .write_str(separator)
                .and_then(|()| element.print(&mut *out));
            separator = ",";
        }
    });
    result
}

/// Writes a single element.
pub(crate) fn print_element(element: &dyn Text, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match element.carried(Medium::Utf8) {
        Carried::Plain => element.print(f),
        Carried::Quoted => in_quotes(f, |out| element.print(out)),
        Carried::Not => {
            let mut text = Vec::new();
            Out::write(&mut text, |text| element.print(text)).map_err(|_| fmt::Error)?;
            write!(f, "{}", Escaped(&text))
        }
    }
}

/// Displays only the elements, in the tool's syntax.
pub(crate) struct ValueText<'a, V>(pub(crate) &'a V);

impl<V: Elements> fmt::Display for ValueText<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.0, f)
    }
}
