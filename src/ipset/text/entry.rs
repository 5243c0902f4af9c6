//! The text of entries: the elements and their options.

use std::fmt;
use std::str::{self, FromStr};
use std::time::Duration;

use super::element::{Context, Parts};
use super::options::{OptionName, OptionText, unknown, without_dashes};
use super::piece::{Flaw, Piece, Words};
use super::set::Quoted;
use super::shown::Escaped;
use super::switches::Switch;
use super::value::{Carried, Medium, Out, Sink, carried, has_one_family, has_wildcard, print};
use crate::Names;
use crate::ipset::message::encode::Purpose;
use crate::ipset::model::entry::MAX_COMMENT;
use crate::ipset::model::types::Definition;
use crate::ipset::model::value::Elements;
use crate::ipset::{
    Entry, EntryOptions, IpSet, MAX_TIMEOUT, Neighbor, SetName, SetType, SkbMark, SkbPriority,
};
use crate::wire;
use crate::{Error, Result};

const READ: &str = "read entry";

impl<T: SetType> fmt::Display for Entry<T> {
    /// Writes the entry in the tool's syntax: the elements, then the options that it has.
    ///
    /// A `String` cannot represent names and comments that are not UTF-8, a comment with a double
    /// quote, or one that the tool takes for an option, such as `-q`. They are escaped in a form that is refused when it is read.
    /// [`Entry::to_text`] returns the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

impl<T: SetType> Entry<T> {
    /// Returns the entry in the tool's syntax, with the unchanged bytes of names and comments.
    ///
    /// The bytes need not be UTF-8.
    pub fn to_text(&self) -> Vec<u8> {
        text_of(|out| self.print(out))
    }

    /// Returns only the elements, in the form of [`Entry::to_text`].
    pub fn value_to_text(&self) -> Vec<u8> {
        text_of(|out| print(self.value(), out))
    }

    /// Returns the entry's options and their values, in the order in which the tool prints them.
    ///
    /// The value of a comment includes its quotes.
    pub fn option_texts(&self) -> Vec<OptionText> {
        let mut texts = Vec::new();
        let _ = self.each_option(&mut |name, value| {
            let value = value.map(|value| value.to_string());
            texts.push(OptionText { name, value });
            Ok(())
        });
        texts
    }

    /// Writes the part of an `add` line after the set's name.
    pub(super) fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        print(self.value(), out)?;
        self.each_option(&mut |name, value| match value {
            None => write!(out, " {name}"),
            Some(Value::Comment(comment)) => print_comment(comment, out),
            Some(Value::Other(value)) => write!(out, " {name} {value}"),
        })
    }

    /// Returns the reason why a line of text cannot represent the entry, if there is one.
    pub(super) fn uncarried(&self) -> Option<&'static str> {
        if carried(self.value(), Medium::Bytes) == Carried::Not {
            return Some("a line of text cannot carry the name in it");
        }
        if !has_one_family(self.value()) {
            return Some("the ipset tool refuses files with ICMP of the other family");
        }
        if self
            .options()
            .timeout
            .is_some_and(|it| it.subsec_nanos() != 0)
        {
            return Some("a line of text carries whole seconds only");
        }
        let comment = self.options().comment_bytes()?;
        (!is_plain_comment(comment)).then_some("a line of text cannot carry the comment")
    }

    fn each_option(&self, each: &mut Each<'_>) -> fmt::Result {
        let options = self.options();
        fn given<V: fmt::Display>(
            each: &mut Each<'_>,
            name: &'static str,
            value: Option<V>,
        ) -> fmt::Result {
            value.map_or(Ok(()), |value| each(name, Some(Value::Other(&value))))
        }
        given(each, "timeout", options.timeout.map(|it| it.as_secs_f64()))?;
        if options.nomatch {
            each("nomatch", None)?;
        }
        if has_wildcard(self.value()) {
            each("wildcard", None)?;
        }
        given(each, "packets", options.packets)?;
        given(each, "bytes", options.bytes)?;
        if let Some(comment) = options.comment_bytes() {
            each("comment", Some(Value::Comment(comment)))?;
        }
        given(each, "skbmark", options.skbmark)?;
        given(each, "skbprio", options.skbprio)?;
        given(each, "skbqueue", options.skbqueue)
    }
}

fn text_of(print: impl FnOnce(&mut dyn Sink) -> fmt::Result) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to a vector does not fail.
    let _ = Out::write(&mut text, |out| print(out));
    text
}

/// Displays the value of an entry in the tool's syntax, including `wildcard`, which the tool writes
/// among the options.
#[cfg(feature = "serde")]
pub(crate) struct WholeValueText<'a, T: SetType>(&'a Entry<T>);

#[cfg(feature = "serde")]
impl<T: SetType> Entry<T> {
    /// Returns the text of the value, or `None` if a `String` cannot represent it.
    pub(crate) fn whole_value_text(&self) -> Option<WholeValueText<'_, T>> {
        let carried = carried(self.value(), Medium::Utf8) != Carried::Not;
        carried.then_some(WholeValueText(self))
    }
}

#[cfg(feature = "serde")]
impl<T: SetType> fmt::Display for WholeValueText<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.value();
        print(value, f)?;
        if has_wildcard(value) {
            f.write_str(" wildcard")?;
        }
        Ok(())
    }
}

/// Reads a mark in the form in which [`SkbMark`] is displayed.
#[cfg(feature = "serde")]
pub(crate) fn read_skb_mark(text: &str) -> Option<SkbMark> {
    read_mark(Piece::line(text.as_bytes())).ok()
}

/// Reads a priority in the form in which [`SkbPriority`] is displayed.
#[cfg(feature = "serde")]
pub(crate) fn read_skb_priority(text: &str) -> Option<SkbPriority> {
    read_priority(Piece::line(text.as_bytes())).ok()
}

/// A function that is called with an option's name, and its value if it has one.
type Each<'a> = dyn FnMut(&'static str, Option<Value<'_>>) -> fmt::Result + 'a;

/// The value of an option.
#[derive(Clone, Copy)]
enum Value<'a> {
    Comment(&'a [u8]),
    Other(&'a dyn fmt::Display),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comment(comment) => match str::from_utf8(comment) {
                Ok(text) if is_plain_comment(comment) => write!(f, "\"{text}\""),
                _ => Escaped(comment).fmt(f),
            },
            Self::Other(value) => value.fmt(f),
        }
    }
}

fn print_comment(comment: &[u8], out: &mut dyn Sink) -> fmt::Result {
    match out.medium() {
        // The tool does not read an empty comment. The kernel takes it for none.
        Medium::Bytes if comment.is_empty() => Ok(()),
        Medium::Bytes if is_plain_comment(comment) => {
            out.write_str(" comment \"")?;
            out.bytes(comment)?;
            out.write_str("\"")
        }
        _ => write!(out, " comment {}", Value::Comment(comment)),
    }
}

/// Returns true if text can represent a comment. The tool takes some comments for options, even in
/// quotes.
fn is_plain_comment(comment: &[u8]) -> bool {
    let breaks = |byte: &u8| matches!(byte, b'"' | b'\n');
    !comment.iter().any(breaks) && Switch::named(comment).is_none()
}

impl fmt::Display for SkbMark {
    /// Writes the mark and the mask, such as `0x10/0xff`. The mask is omitted if all its bits are
    /// set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.mark)?;
        if self.mask != u32::MAX {
            write!(f, "/{:#x}", self.mask)?;
        }
        Ok(())
    }
}

impl fmt::Display for SkbPriority {
    /// Writes the major and the minor number in hexadecimal, such as `1:a0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{:x}", self.major, self.minor)
    }
}

/// Reads at most `most` hexadecimal digits.
fn hexadecimal(text: &[u8], most: usize) -> Option<u32> {
    let digits = text.iter().all(u8::is_ascii_hexdigit);
    let digits = digits && (1..=most).contains(&text.len());
    let text = str::from_utf8(text).ok()?;
    digits.then(|| u32::from_str_radix(text, 16).ok())?
}

fn read_mark(piece: Piece<'_>) -> Result<SkbMark, Flaw> {
    let part = |piece: Piece<'_>| hexadecimal(piece.text.strip_prefix(b"0x")?, 8);
    let mark = match piece.split(b'/') {
        None => part(piece).map(SkbMark::from),
        Some((mark, mask)) => part(mark)
            .zip(part(mask))
            .map(|(mark, mask)| SkbMark { mark, mask }),
    };
    mark.ok_or_else(|| {
        piece.flaw("Invalid skbmark format, it should be: MARK/MASK or MARK in hexadecimal with 0x")
    })
}

fn read_priority(piece: Piece<'_>) -> Result<SkbPriority, Flaw> {
    let part = |piece: Piece<'_>| {
        let text = piece.text.strip_prefix(b"0x").unwrap_or(piece.text);
        hexadecimal(text, 4).map(|it| it as u16)
    };
    let parts = piece.split(b':');
    parts
        .and_then(|(major, minor)| part(major).zip(part(minor)))
        .map(|(major, minor)| SkbPriority { major, minor })
        .ok_or_else(|| {
            piece.flaw("Invalid skbprio format, it should be: MAJOR:MINOR in hexadecimal")
        })
}

/// The options after the elements of an entry.
#[derive(Default)]
struct Rest {
    options: EntryOptions,
    wildcard: bool,
    place: Option<Neighbor>,
}

impl Rest {
    fn read(
        words: &mut Words<'_>,
        definition: &Definition,
        purpose: Purpose,
    ) -> Result<Self, Flaw> {
        let mut rest = Self::default();
        while let Some(word) = words.next()? {
            let name = without_dashes(word.text);
            let taken = |it: &OptionName| it.name.as_bytes() == name && is_for(it.name, purpose);
            if !OptionName::of_entries(definition).any(|it| taken(&it)) {
                return Err(unknown(word, definition));
            }
            rest.option(name, word, words)?;
        }
        Ok(rest)
    }

    fn option(&mut self, name: &[u8], word: Piece<'_>, words: &mut Words<'_>) -> Result<(), Flaw> {
        let options = &mut self.options;
        let twice = match name {
            b"timeout" => {
                let timeout = words.expect("the timeout")?;
                let timeout = timeout.number(0, MAX_TIMEOUT.as_secs())?;
                let timeout = Duration::from_secs(timeout);
                options.timeout.replace(timeout).is_some()
            }
            b"packets" => {
                let packets = words.expect("the number of packets")?;
                let packets = packets.number(0, u64::MAX)?;
                options.packets.replace(packets).is_some()
            }
            b"bytes" => {
                let bytes = words.expect("the number of bytes")?;
                options.bytes.replace(bytes.number(0, u64::MAX)?).is_some()
            }
            b"comment" => {
                let twice = options.comment_bytes().is_some();
                options.set_comment(read_comment(words.expect("the comment")?)?);
                twice
            }
            b"skbmark" => {
                let mark = read_mark(words.expect("the mark")?)?;
                options.skbmark.replace(mark).is_some()
            }
            b"skbprio" => {
                let priority = read_priority(words.expect("the priority")?)?;
                options.skbprio.replace(priority).is_some()
            }
            b"skbqueue" => {
                let queue = words.expect("the queue")?.number(0, u16::MAX.into())?;
                options.skbqueue.replace(queue as u16).is_some()
            }
            // The tool accepts flags twice.
            b"nomatch" => {
                options.nomatch = true;
                false
            }
            b"wildcard" => {
                self.wildcard = true;
                false
            }
            _ => {
                let other = words.expect("the other set's name")?;
                let place = match name {
                    b"before" => Neighbor::Before,
                    _ => Neighbor::After,
                };
                let other =
                    SetName::existing(other.text).map_err(|error| other.flaw(error.reason()))?;
                self.place.replace(place(other)).is_some()
            }
        };
        match twice {
            true => Err(word.flaw(format!("{} already specified", word.shown()))),
            false => Ok(()),
        }
    }
}

/// Returns true if an option is accepted for an entry with this purpose.
fn is_for(name: &str, purpose: Purpose) -> bool {
    match purpose {
        Purpose::Add | Purpose::Put => true,
        Purpose::Remove => matches!(name, "before" | "after"),
        Purpose::Test => matches!(name, "before" | "after" | "nomatch"),
    }
}

fn read_comment(word: Piece<'_>) -> Result<&[u8], Flaw> {
    if word.text.len() > MAX_COMMENT {
        let length = word.text.len();
        return Err(word.flaw(format!(
            "the comment is {length} bytes long, {MAX_COMMENT} is the limit"
        )));
    }
    if word.text.contains(&0) {
        return Err(word.flaw("the comment has a zero byte"));
    }
    Ok(word.text)
}

/// Reads an entry of a type.
fn read<T: SetType>(
    kind: &T,
    words: &mut Words<'_>,
    mut context: Context<'_>,
    purpose: Purpose,
) -> Result<Entry<T>, Flaw> {
    let elements = words.expect("the entry")?;
    let definition = kind.definition();
    let rest = Rest::read(words, definition, purpose)?;
    (context.wildcard, context.place) = (rest.wildcard, rest.place);
    let mut parts = Parts::new(elements, &context);
    let value = T::Value::from_text(definition.dimensions, &mut parts)?;
    parts.finish(definition)?;
    Ok(Entry::from_parts(value, rest.options))
}

/// Reads an entry of a set, and refuses one that the set cannot have. `scratch` is overwritten.
pub(super) fn read_for<T: SetType>(
    set: &IpSet<T>,
    words: &mut Words<'_>,
    names: &dyn Names,
    purpose: Purpose,
    scratch: &mut wire::Writer,
) -> Result<Entry<T>, Flaw> {
    let start = words.clone().next()?.unwrap_or(words.rest());
    let context = Context {
        names,
        family: Some(set.family()),
        wildcard: false,
        place: None,
    };
    let entry = read(set.kind(), words, context, purpose)?;
    scratch.truncate(0);
    entry
        .write(set, purpose, scratch)
        .map_err(|refusal| start.flaw(refusal.0))?;
    Ok(entry)
}

impl<T: SetType> IpSet<T> {
    /// Reads an entry of this set in the tool's syntax.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the text is malformed, or if no set of
    /// this type and family can have the entry. [`Error::position`] returns the column of the
    /// mistake.
    pub fn parse_entry(&self, text: impl AsRef<[u8]>) -> Result<Entry<T>> {
        self.parse_entry_with(text, &())
    }

    /// Reads an entry of this set, with names of hosts, services and protocols.
    ///
    /// # Errors
    /// Those of [`parse_entry`](Self::parse_entry).
    pub fn parse_entry_with(&self, text: impl AsRef<[u8]>, names: &dyn Names) -> Result<Entry<T>> {
        let text = text.as_ref();
        let mut scratch = wire::Writer::default();
        read_for(
            self,
            &mut Words::of(text),
            names,
            Purpose::Add,
            &mut scratch,
        )
        .map_err(|flaw| flaw.error(READ, text, 1).object(Quoted(self.name())))
    }
}

impl<T: SetType + Default> FromStr for Entry<T> {
    type Err = Error;

    /// Reads an entry in the tool's syntax. [`IpSet::parse_entry`] also checks the family.
    fn from_str(text: &str) -> Result<Self> {
        let context = Context {
            names: &(),
            family: None,
            wildcard: false,
            place: None,
        };
        let text = text.as_bytes();
        read(&T::default(), &mut Words::of(text), context, Purpose::Add)
            .map_err(|flaw| flaw.error(READ, text, 1))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::ipset::elements::{icmp, tcp};
    use crate::ipset::types::{HashIp, HashIpPortIp};

    #[test]
    fn a_comment_that_a_line_cannot_carry_is_written_so_that_it_is_refused() {
        let text = |comment: &str| {
            let entry = Entry::<HashIp>::new(Ipv4Addr::LOCALHOST).comment(comment);
            String::from_utf8(entry.to_text()).unwrap()
        };
        assert_eq!(text("two words"), "127.0.0.1 comment \"two words\"");
        assert_eq!(text(""), "127.0.0.1");
        for comment in ["a\nb", "a\"b", "\" timeout 5"] {
            let text = text(comment);
            assert!(!text.contains('\n'), "{text}");
            assert!(text.parse::<Entry<HashIp>>().is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_of_one_family_are_carried() {
        let address = Ipv6Addr::LOCALHOST;
        let entry = Entry::<HashIpPortIp>::new((address, tcp(80), address));
        assert_eq!(entry.uncarried(), None);
        let icmp_of_ipv4 = Entry::<HashIpPortIp>::new((address, icmp(8, 0), address));
        assert!(icmp_of_ipv4.uncarried().unwrap().contains("ICMP"));
    }
}
