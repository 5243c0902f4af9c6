use std::borrow::Cow;
use std::fmt;

use super::element::{Dimension, Fields};
use super::types::Definition;
use super::value::{Elements, FromParts};
use crate::ipset::message::attr::{cadt_flag, data};
use crate::ipset::message::counters::{Counters, NOT_GIVEN};
use crate::ipset::message::encode::{Encoder, Purpose, Refusal};
use crate::ipset::text::ValueText;
use crate::ipset::{IpSet, MAX_TIMEOUT, SetName, SetType};
use crate::wire::{Attributes, Malformed, ROOM, Room, Writer};

/// An entry of a set of type `T`: its value, and what the set keeps beside it.
///
/// Where an entry is wanted, its value will do: `sets.add(&set, (address, tcp(80)))`. The
/// options that the entry can have depend on how the set was created.
///
/// ```
/// use ipvset::ipset::{Entry, HashIpPort, tcp};
/// use std::net::Ipv4Addr;
///
/// let web = (Ipv4Addr::new(10, 0, 0, 11), tcp(8080));
/// let entry = Entry::<HashIpPort>::new(web).timeout(300).comment("web");
/// assert_eq!(entry.to_string(), "10.0.0.11,tcp:8080 timeout 300 comment \"web\"");
/// ```
///
/// Adding an entry again with [`put`](crate::ipset::IpSets::put) keeps the counters
/// that are not given. It resets all else: the comment and the packet metadata are cleared, the
/// timeout starts again with the set's default.
pub struct Entry<T: SetType> {
    value: T::Value,
    options: EntryOptions,
}

/// What a set keeps beside the value of an entry. `None` is "not given" in a request, and "the
/// set does not keep it" in what was listed.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct EntryOptions {
    /// Seconds until the entry vanishes; 0 is never. At most [`MAX_TIMEOUT`].
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub timeout: Option<u32>,
    /// Packets that matched.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub packets: Option<u64>,
    /// Bytes of the packets that matched.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub bytes: Option<u64>,
    /// A comment of at most 255 bytes; see [`Entry::comment`].
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::serde::optional_text_or_bytes",
            skip_serializing_if = "Option::is_none"
        )
    )]
    comment: Option<Box<[u8]>>,
    /// The mark that a rule can copy to the packet.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub skbmark: Option<SkbMark>,
    /// The traffic control class that a rule can copy to the packet.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub skbprio: Option<SkbPriority>,
    /// The hardware queue that a rule can copy to the packet.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub skbqueue: Option<u16>,
    /// The entry is an exception: what it matches is not in the set.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "std::ops::Not::not"))]
    pub nomatch: bool,
}

/// A mark for packets, and which of its bits are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SkbMark {
    /// The bits' values.
    pub mark: u32,
    /// The bits to set.
    pub mask: u32,
}

impl From<u32> for SkbMark {
    /// All bits of it.
    fn from(mark: u32) -> Self {
        Self {
            mark,
            mask: u32::MAX,
        }
    }
}

/// A traffic control class, `major:minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SkbPriority {
    /// The queueing discipline's handle.
    pub major: u16,
    /// The class.
    pub minor: u16,
}

/// The longest comment, in bytes: `IPSET_MAX_COMMENT_SIZE`.
pub(crate) const MAX_COMMENT: usize = 255;

impl EntryOptions {
    /// The comment; bytes that are not UTF-8 become U+FFFD.
    pub fn comment(&self) -> Option<Cow<'_, str>> {
        self.comment.as_deref().map(String::from_utf8_lossy)
    }

    /// The comment as the kernel keeps it, which need not be UTF-8.
    pub fn comment_bytes(&self) -> Option<&[u8]> {
        self.comment.as_deref()
    }

    /// Sets the comment to what can be kept of a text; see [`Entry::comment_lossy`].
    pub fn set_comment_lossy(&mut self, comment: impl AsRef<[u8]>) {
        self.comment = Some(keep(comment.as_ref()).into());
    }

    /// Sets the comment, which need not be UTF-8; see [`Entry::comment`].
    pub fn set_comment(&mut self, comment: impl AsRef<[u8]>) {
        self.comment = Some(comment.as_ref().into());
    }

    /// The counters that are not given.
    #[inline(always)]
    pub(in crate::ipset) fn counters_not_given(&self) -> Counters {
        let bytes = Counters::BYTES.when(self.bytes.is_none());
        bytes.and(Counters::PACKETS.when(self.packets.is_none()))
    }

    /// `counted`: the set has counters. A new entry is sent with zeros for those that are not
    /// given, because the kernel would let it go on with those of a dead one whose place it takes.
    #[inline(always)]
    fn write(&self, counted: bool, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        if self.nomatch {
            encoder.flags |= cadt_flag::NOMATCH;
        }
        if !encoder.purpose.adds() {
            return Ok(());
        }
        if let Some(timeout) = self.timeout {
            check_timeout(timeout)?;
            encoder.writer.u32_net(data::TIMEOUT, timeout);
        }
        if counted || self.packets.is_some() || self.bytes.is_some() {
            if self.bytes == Some(NOT_GIVEN) || self.packets == Some(NOT_GIVEN) {
                return Err(Refusal::new(format!(
                    "a counter of {NOT_GIVEN}: the kernel takes that for none; {} is the limit",
                    NOT_GIVEN - 1
                )));
            }
            let others = (encoder.purpose == Purpose::Add).then_some(0);
            if let Some(bytes) = self.bytes.or(others) {
                encoder.writer.u64_net(data::BYTES, bytes);
            }
            if let Some(packets) = self.packets.or(others) {
                encoder.writer.u64_net(data::PACKETS, packets);
            }
        }
        if let Some(comment) = &self.comment {
            check_comment(comment)?;
            encoder.writer.c_string(data::COMMENT, comment);
        }
        if let Some(SkbMark { mark, mask }) = self.skbmark {
            let both = u64::from(mark) << 32 | u64::from(mask);
            encoder.writer.u64_net(data::SKBMARK, both);
        }
        if let Some(SkbPriority { major, minor }) = self.skbprio {
            let both = u32::from(major) << 16 | u32::from(minor);
            encoder.writer.u32_net(data::SKBPRIO, both);
        }
        if let Some(queue) = self.skbqueue {
            encoder.writer.u16_net(data::SKBQUEUE, queue);
        }
        Ok(())
    }

    /// Those among an entry's attributes, but for `nomatch`.
    // Apart, so that the loop over entries that have none does not carry it along.
    #[inline(never)]
    fn read(entry: Attributes<'_>) -> Result<Self, Malformed> {
        let mut options = Self::default();
        for attribute in entry {
            let it = attribute?;
            match it.kind() {
                data::TIMEOUT => options.timeout = Some(it.u32_flagged()?),
                data::BYTES => options.bytes = Some(it.u64_be()?),
                data::PACKETS => options.packets = Some(it.u64_be()?),
                data::COMMENT => options.comment = Some(it.c_string().into()),
                data::SKBMARK => {
                    let both = it.u64_be()?;
                    options.skbmark = Some(SkbMark {
                        mark: (both >> 32) as u32,
                        mask: both as u32,
                    });
                }
                data::SKBPRIO => {
                    let both = it.u32_flagged()?;
                    options.skbprio = Some(SkbPriority {
                        major: (both >> 16) as u16,
                        minor: both as u16,
                    });
                }
                data::SKBQUEUE => options.skbqueue = Some(it.u16_be()?),
                _ => {}
            }
        }
        Ok(options)
    }
}

impl fmt::Debug for EntryOptions {
    /// Only what is there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("EntryOptions");
        let mut field = |name, value: Option<&dyn fmt::Debug>| {
            if let Some(value) = value {
                out.field(name, value);
            }
        };
        field("timeout", self.timeout.as_ref().map(|it| it as _));
        field("packets", self.packets.as_ref().map(|it| it as _));
        field("bytes", self.bytes.as_ref().map(|it| it as _));
        field("comment", self.comment().as_ref().map(|it| it as _));
        field("skbmark", self.skbmark.as_ref().map(|it| it as _));
        field("skbprio", self.skbprio.as_ref().map(|it| it as _));
        field("skbqueue", self.skbqueue.as_ref().map(|it| it as _));
        field("nomatch", self.nomatch.then_some(&true as _));
        out.finish()
    }
}

#[inline]
pub(crate) fn check_timeout(timeout: u32) -> Result<(), Refusal> {
    if timeout > MAX_TIMEOUT {
        return Err(Refusal::new(format!(
            "a timeout of {timeout} s: {MAX_TIMEOUT} s is the limit"
        )));
    }
    Ok(())
}

impl Refusal {
    #[cold]
    fn no_exceptions(definition: &Definition) -> Self {
        let name = definition.name;
        Self::new(format!("{name} has no exceptions (nomatch)"))
    }
}

/// What can be kept of a text as a comment.
fn keep(text: &[u8]) -> Vec<u8> {
    let mut end = text.len().min(MAX_COMMENT);
    if end < text.len() {
        // Not within a character: bytes that go on with one begin with these bits.
        let goes_on = |byte: &u8| byte & 0xc0 == 0x80;
        let start = text[..=end].iter().rposition(|byte| !goes_on(byte));
        end = start.filter(|start| end - start < 4).unwrap_or(end);
    }
    let kept = text[..end].iter().map(|byte| match byte {
        b'"' => b'\'',
        byte if byte.is_ascii_control() => b' ',
        byte => *byte,
    });
    kept.collect()
}

#[cold]
fn check_comment(comment: &[u8]) -> Result<(), Refusal> {
    if comment.len() > MAX_COMMENT {
        return Err(Refusal::new(format!(
            "the comment is {} bytes long, {MAX_COMMENT} is the limit",
            comment.len()
        )));
    }
    if let Some(bad) = comment.iter().find(|byte| matches!(byte, 0 | b'"' | b'\n')) {
        return Err(Refusal::new(format!(
            "the comment holds {:?}, which the text of `ipset save` cannot carry",
            char::from(*bad)
        )));
    }
    Ok(())
}

impl<T: SetType> Entry<T> {
    /// An entry without options.
    #[inline]
    pub fn new<Parts>(value: Parts) -> Self
    where
        T::Value: FromParts<Parts>,
    {
        Self {
            value: T::Value::from_parts(value),
            options: EntryOptions::default(),
        }
    }

    /// The elements.
    pub fn value(&self) -> &T::Value {
        &self.value
    }

    /// The elements, by value.
    pub fn into_value(self) -> T::Value {
        self.value
    }

    /// What the set keeps beside the elements.
    pub fn options(&self) -> &EntryOptions {
        &self.options
    }

    /// What the set keeps beside the elements, to be changed.
    pub fn options_mut(&mut self) -> &mut EntryOptions {
        &mut self.options
    }

    /// The entry vanishes after so many seconds, at most [`MAX_TIMEOUT`]; 0 is never. The set
    /// has to be created with a timeout.
    #[must_use]
    pub fn timeout(mut self, seconds: u32) -> Self {
        self.options.timeout = Some(seconds);
        self
    }

    /// The counters' first values, if not 0. The set has to be created with counters.
    #[must_use]
    pub fn counters(mut self, packets: u64, bytes: u64) -> Self {
        self.options.packets = Some(packets);
        self.options.bytes = Some(bytes);
        self
    }

    /// A comment of at most 255 bytes, without double quotes, line ends or zero bytes, since
    /// `ipset save` writes it in quotes on one line. The set has to be created with comments.
    ///
    /// Any other comment is refused when the entry is added. Where an entry is worth more than its
    /// comment, [`comment_lossy`](Self::comment_lossy) makes any text acceptable.
    #[must_use]
    pub fn comment(mut self, comment: impl AsRef<[u8]>) -> Self {
        self.options.set_comment(comment);
        self
    }

    /// The comment that can be kept of any text, so that no entry is refused for its comment:
    /// double quotes become single ones, control characters become spaces, and what is beyond 255
    /// bytes is cut off, between characters.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// use ipvset::ipset::{Entry, HashIp};
    ///
    /// let entry = Entry::<HashIp>::new(Ipv4Addr::new(10, 0, 0, 11));
    /// let entry = entry.comment_lossy("user agent \"curl\"\n");
    /// assert_eq!(entry.options().comment().as_deref(), Some("user agent 'curl' "));
    /// ```
    #[must_use]
    pub fn comment_lossy(mut self, comment: impl AsRef<[u8]>) -> Self {
        self.options.set_comment_lossy(comment);
        self
    }

    /// The mark that a rule with `--map-mark` gives to packets. The set has to be created with
    /// skbinfo, as for [`Entry::skbprio`] and [`Entry::skbqueue`].
    #[must_use]
    pub fn skbmark(mut self, mark: impl Into<SkbMark>) -> Self {
        self.options.skbmark = Some(mark.into());
        self
    }

    /// The traffic control class that a rule with `--map-prio` gives to packets.
    #[must_use]
    pub fn skbprio(mut self, major: u16, minor: u16) -> Self {
        self.options.skbprio = Some(SkbPriority { major, minor });
        self
    }

    /// The hardware queue that a rule with `--map-queue` gives to packets.
    #[must_use]
    pub fn skbqueue(mut self, queue: u16) -> Self {
        self.options.skbqueue = Some(queue);
        self
    }

    pub(crate) fn from_parts(value: T::Value, options: EntryOptions) -> Self {
        Self { value, options }
    }

    /// The same without these counters.
    pub(in crate::ipset) fn without(mut self, counters: Counters) -> Self {
        if counters.contains(Counters::BYTES) {
            self.options.bytes = None;
        }
        if counters.contains(Counters::PACKETS) {
            self.options.packets = None;
        }
        self
    }

    /// Two parts of it, if it stands for several entries of a set.
    pub(in crate::ipset) fn halves(&self, dimensions: &[Dimension]) -> Option<(Self, Self)> {
        let (low, high) = self.value.halves(dimensions)?;
        let part = |value| Self::from_parts(value, self.options.clone());
        Some((part(low), part(high)))
    }

    /// As an error names it: without options.
    pub(crate) fn in_set(&self, set: &SetName) -> String {
        format!("{} in {set}", ValueText(&self.value))
    }

    /// Writes what goes into the entry's nest.
    #[inline(always)]
    pub(crate) fn write(
        &self,
        set: &IpSet<T>,
        purpose: Purpose,
        writer: &mut Writer,
    ) -> Result<(), Refusal> {
        writer.tail(ROOM, |tail| {
            tail.append(|room| self.write_in(set, purpose, room))
        })
    }

    /// As [`Entry::write`], into room that the caller has.
    #[inline(always)]
    pub(crate) fn write_in<'a>(
        &self,
        set: &IpSet<T>,
        purpose: Purpose,
        room: Writer<Room<'a>>,
    ) -> Result<Writer<Room<'a>>, Refusal> {
        let definition = set.definition();
        let mut encoder = Encoder::new(room, set.family(), purpose);
        self.value.encode(definition.dimensions, &mut encoder)?;
        if self.options.nomatch && !definition.nomatch {
            return Err(Refusal::no_exceptions(definition));
        }
        self.options.write(set.options().counters, &mut encoder)?;
        Ok(encoder.finish())
    }

    /// Reads what is in the entry's nest.
    #[inline]
    pub(crate) fn read(kind: &T, entry: Attributes<'_>) -> Result<Self, Malformed> {
        let dimensions = kind.definition().dimensions;
        let fields = Fields::parse(entry)?;
        let value = T::Value::decode(dimensions, &fields)?;
        let mut options = match fields.others {
            true => EntryOptions::read(entry)?,
            false => EntryOptions::default(),
        };
        options.nomatch = fields.flags & cadt_flag::NOMATCH != 0;
        Ok(Self { value, options })
    }
}

impl<T: crate::ipset::NoMatchType> Entry<T> {
    /// Makes it an exception: what it matches is not in the set, though a larger network that
    /// is in the set has it.
    ///
    /// Testing an address inside the exception says that it is not in the set; testing the
    /// exception itself needs `nomatch` too. Adding it again without turns it into an ordinary
    /// entry.
    #[must_use]
    pub fn nomatch(mut self) -> Self {
        self.options.nomatch = true;
        self
    }
}

impl<T: SetType> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("value", &format_args!("{}", ValueText(&self.value)))
            .field("options", &self.options)
            .finish()
    }
}

impl<T: SetType> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            options: self.options.clone(),
        }
    }
}

impl<T: SetType> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.options == other.options
    }
}

impl<T: SetType> Eq for Entry<T> {}
