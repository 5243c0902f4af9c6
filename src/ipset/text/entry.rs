//! The text of entries: the elements and their options.

use std::fmt;
use std::str::{self, FromStr};

use super::Names;
use super::element::{Context, Parts};
use super::options::{OptionName, OptionText, unknown};
use super::piece::{Flaw, Piece, Words};
use super::set::Quoted;
use crate::ipset::encode::Purpose;
use crate::ipset::entry::MAX_COMMENT;
use crate::ipset::types::Definition;
use crate::ipset::value::Elements;
use crate::ipset::{
    Entry, EntryOptions, IpSet, MAX_TIMEOUT, Place, SetName, SetType, SkbMark, SkbPriority,
};
use crate::wire;
use crate::{Error, Result};

const READ: &str = "read entry";

impl<T: SetType> fmt::Display for Entry<T> {
    /// As it is added with the tool: the elements, then the options that are there.
    ///
    /// What the text cannot carry (a comment with a double quote, which other programs can give
    /// to the kernel) is written so that it is refused when it is read, never as something else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().text(f)?;
        self.each_option(&mut |name, value| match value {
            Some(value) => write!(f, " {name} {value}"),
            None => write!(f, " {name}"),
        })
    }
}

impl<T: SetType> Entry<T> {
    /// The options that the entry has and their values, in the order in which the tool lists
    /// them. A comment has its quotes.
    pub fn option_texts(&self) -> Vec<OptionText> {
        let mut texts = Vec::new();
        let _ = self.each_option(&mut |name, value| {
            let value = value.map(ToString::to_string);
            texts.push(OptionText { name, value });
            Ok(())
        });
        texts
    }

    fn each_option(&self, each: &mut Each<'_>) -> fmt::Result {
        let options = self.options();
        fn given<V: fmt::Display>(
            each: &mut Each<'_>,
            name: &'static str,
            value: Option<V>,
        ) -> fmt::Result {
            value.map_or(Ok(()), |value| each(name, Some(&value)))
        }
        given(each, "timeout", options.timeout)?;
        if options.nomatch {
            each("nomatch", None)?;
        }
        if self.value().has_wildcard() {
            each("wildcard", None)?;
        }
        given(each, "packets", options.packets)?;
        given(each, "bytes", options.bytes)?;
        given(each, "comment", options.comment_bytes().map(Comment))?;
        given(each, "skbmark", options.skbmark)?;
        given(each, "skbprio", options.skbprio)?;
        given(each, "skbqueue", options.skbqueue)
    }
}

/// The value of an entry in the tool's syntax, with what belongs to it although the tool writes
/// it among the options.
#[cfg(feature = "serde")]
pub(crate) struct ValueText<'a, T: SetType>(&'a Entry<T>);

#[cfg(feature = "serde")]
impl<T: SetType> Entry<T> {
    pub(crate) fn value_text(&self) -> ValueText<'_, T> {
        ValueText(self)
    }
}

#[cfg(feature = "serde")]
impl<T: SetType> fmt::Display for ValueText<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.value();
        value.text(f)?;
        if value.has_wildcard() {
            f.write_str(" wildcard")?;
        }
        Ok(())
    }
}

/// A mark as [`SkbMark`] is displayed.
#[cfg(feature = "serde")]
pub(crate) fn read_skb_mark(text: &str) -> Option<SkbMark> {
    read_mark(Piece { text, at: 0 }).ok()
}

/// A priority as [`SkbPriority`] is displayed.
#[cfg(feature = "serde")]
pub(crate) fn read_skb_priority(text: &str) -> Option<SkbPriority> {
    read_priority(Piece { text, at: 0 }).ok()
}

/// Is told an option's name and its value, if it has one.
type Each<'a> = dyn FnMut(&'static str, Option<&dyn fmt::Display>) -> fmt::Result + 'a;

struct Comment<'a>(&'a [u8]);

impl fmt::Display for Comment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match plain_comment(self.0) {
            Some(comment) => write!(f, "\"{comment}\""),
            // Letters right behind a quote are refused, wherever the quote came from.
            None => write!(f, "{:?}(escaped)", String::from_utf8_lossy(self.0)),
        }
    }
}

/// A comment that text can carry.
pub(super) fn plain_comment(comment: &[u8]) -> Option<&str> {
    let text = str::from_utf8(comment).ok()?;
    let plain = |byte| !matches!(byte, b'"' | b'\n' | b'\r');
    text.bytes().all(plain).then_some(text)
}

impl fmt::Display for SkbMark {
    /// `0x10/0xff`, without the mask if it has all bits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.mark)?;
        if self.mask != u32::MAX {
            write!(f, "/{:#x}", self.mask)?;
        }
        Ok(())
    }
}

impl fmt::Display for SkbPriority {
    /// `1:a0`, both in hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{:x}", self.major, self.minor)
    }
}

/// Hexadecimal digits, at most as many as `most`.
fn hexadecimal(text: &str, most: usize) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = digits && (1..=most).contains(&text.len());
    digits.then(|| u32::from_str_radix(text, 16).ok())?
}

fn read_mark(piece: Piece<'_>) -> Result<SkbMark, Flaw> {
    let part = |text: &str| hexadecimal(text.strip_prefix("0x")?, 8);
    let mark = match piece.text.split_once('/') {
        None => part(piece.text).map(SkbMark::from),
        Some((mark, mask)) => part(mark)
            .zip(part(mask))
            .map(|(mark, mask)| SkbMark { mark, mask }),
    };
    mark.ok_or_else(|| {
        piece.flaw("Invalid skbmark format, it should be: MARK/MASK or MARK in hexadecimal with 0x")
    })
}

fn read_priority(piece: Piece<'_>) -> Result<SkbPriority, Flaw> {
    let part = |text: &str| {
        let text = text.strip_prefix("0x").unwrap_or(text);
        hexadecimal(text, 4).map(|it| it as u16)
    };
    let (major, minor) = piece.text.split_once(':').unwrap_or((piece.text, ""));
    part(major)
        .zip(part(minor))
        .map(|(major, minor)| SkbPriority { major, minor })
        .ok_or_else(|| {
            piece.flaw("Invalid skbprio format, it should be: MAJOR:MINOR in hexadecimal")
        })
}

/// What stands behind the elements of an entry.
#[derive(Default)]
struct Rest {
    options: EntryOptions,
    wildcard: bool,
    place: Option<Place>,
}

impl Rest {
    fn read(words: &mut Words<'_>, definition: &Definition) -> Result<Self, Flaw> {
        let mut rest = Self::default();
        while let Some(word) = words.next()? {
            if !OptionName::of_entries(definition).any(|it| it.name == word.text) {
                return Err(unknown(word, definition));
            }
            rest.option(word, words, definition)?;
        }
        Ok(rest)
    }

    fn option(
        &mut self,
        word: Piece<'_>,
        words: &mut Words<'_>,
        definition: &Definition,
    ) -> Result<(), Flaw> {
        let options = &mut self.options;
        let twice = match word.text {
            "timeout" => {
                let timeout = words.expect("the timeout")?;
                let timeout = timeout.number(0, MAX_TIMEOUT.into())?;
                options.timeout.replace(timeout as u32).is_some()
            }
            "packets" => {
                let packets = words.expect("the number of packets")?;
                let packets = packets.number(0, u64::MAX)?;
                options.packets.replace(packets).is_some()
            }
            "bytes" => {
                let bytes = words.expect("the number of bytes")?;
                options.bytes.replace(bytes.number(0, u64::MAX)?).is_some()
            }
            "comment" => {
                let twice = options.comment_bytes().is_some();
                options.set_comment(read_comment(words.expect("the comment")?)?);
                twice
            }
            "skbmark" => {
                let mark = read_mark(words.expect("the mark")?)?;
                options.skbmark.replace(mark).is_some()
            }
            "skbprio" => {
                let priority = read_priority(words.expect("the priority")?)?;
                options.skbprio.replace(priority).is_some()
            }
            "skbqueue" => {
                let queue = words.expect("the queue")?.number(0, u16::MAX.into())?;
                options.skbqueue.replace(queue as u16).is_some()
            }
            "nomatch" if definition.nomatch => std::mem::replace(&mut options.nomatch, true),
            "wildcard" if definition.has_interface() => std::mem::replace(&mut self.wildcard, true),
            "before" | "after" if definition.has_members() => {
                let name = words.expect("the other set's name")?;
                let other = SetName::new(name.text).map_err(|error| name.flaw(error.reason()))?;
                let place = match word.text {
                    "before" => Place::Before(other),
                    _ => Place::After(other),
                };
                self.place.replace(place).is_some()
            }
            _ => return Err(unknown(word, definition)),
        };
        match twice {
            true => Err(word.flaw(format!("{} already specified", word.text))),
            false => Ok(()),
        }
    }
}

fn read_comment(word: Piece<'_>) -> Result<&str, Flaw> {
    if word.text.len() > MAX_COMMENT {
        let length = word.text.len();
        return Err(word.flaw(format!(
            "the comment is {length} bytes long, {MAX_COMMENT} is the limit"
        )));
    }
    if word.text.contains(['\0', '\r', '\n']) {
        return Err(word.flaw("the comment holds a character that text cannot carry"));
    }
    Ok(word.text)
}

/// An entry of a type.
fn read<T: SetType>(
    kind: &T,
    words: &mut Words<'_>,
    mut context: Context<'_>,
) -> Result<Entry<T>, Flaw> {
    let elements = words.expect("the entry")?;
    let definition = kind.definition();
    let rest = Rest::read(words, definition)?;
    (context.wildcard, context.place) = (rest.wildcard, rest.place);
    let mut parts = Parts::new(elements, &context);
    let value = T::Value::from_text(definition.dimensions, &mut parts)?;
    parts.finish(definition)?;
    Ok(Entry::from_parts(value, rest.options))
}

/// An entry of a set, refused if it is none that the set can have. `scratch` is overwritten.
pub(super) fn read_for<T: SetType>(
    set: &IpSet<T>,
    words: &mut Words<'_>,
    names: &dyn Names,
    scratch: &mut wire::Writer,
) -> Result<Entry<T>, Flaw> {
    let start = words.clone().next()?.unwrap_or(words.rest());
    let context = Context {
        names,
        family: Some(set.family()),
        wildcard: false,
        place: None,
    };
    let entry = read(set.kind(), words, context)?;
    scratch.truncate(0);
    entry
        .write(set, Purpose::Add, scratch)
        .map_err(|refusal| start.flaw(refusal.0))?;
    Ok(entry)
}

impl<T: SetType> IpSet<T> {
    /// An entry of this set, from the tool's syntax.
    ///
    /// # Errors
    /// `InvalidInput` says where in the text what is wrong: [`Error::position`] has the column.
    /// What no set of this type and family can have is wrong too.
    pub fn parse_entry(&self, text: &str) -> Result<Entry<T>> {
        self.parse_entry_with(text, &())
    }

    /// As [`parse_entry`](Self::parse_entry), with names of hosts and services.
    ///
    /// # Errors
    /// As [`parse_entry`](Self::parse_entry).
    pub fn parse_entry_with(&self, text: &str, names: &dyn Names) -> Result<Entry<T>> {
        read_for(
            self,
            &mut Words::of(text),
            names,
            &mut wire::Writer::default(),
        )
        .map_err(|flaw| flaw.error(READ, text, 1).object(Quoted(self.name())))
    }
}

impl<T: SetType + Default> FromStr for Entry<T> {
    type Err = Error;

    /// From the tool's syntax. [`IpSet::parse_entry`] knows the family, too.
    fn from_str(text: &str) -> Result<Self> {
        let context = Context {
            names: &(),
            family: None,
            wildcard: false,
            place: None,
        };
        read(&T::default(), &mut Words::of(text), context).map_err(|flaw| flaw.error(READ, text, 1))
    }
}
