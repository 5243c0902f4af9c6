use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::element::{Dimension, Fields, Masks};
use super::types::Definition;
use super::value::{Elements, FromParts};
use crate::ipset::message::attr::{cadt_flag, data};
use crate::ipset::message::counters::{Counters, NOT_GIVEN};
use crate::ipset::message::encode::{Encoder, Purpose, Refusal};
use crate::ipset::text::ValueText;
use crate::ipset::{IpSet, MAX_TIMEOUT, SetName, SetType};
use crate::wire::{Attributes, Malformed, ROOM, Room, Writer};

/// An entry of a set of type `T`: its elements and its options.
///
/// Methods that take an entry also take its elements alone: `sets.add(&set, (address, tcp(80)))`.
/// Which options an entry can have depends on the options that the set was created with.
///
/// ```
/// use ipvset::ipset::elements::tcp;
/// use ipvset::ipset::types::HashIpPort;
/// use ipvset::ipset::Entry;
/// use std::net::Ipv4Addr;
/// use std::time::Duration;
///
/// let web = (Ipv4Addr::new(10, 0, 0, 11), tcp(8080));
/// let entry = Entry::<HashIpPort>::new(web).timeout(Duration::from_secs(300)).comment("web");
/// assert_eq!(entry.to_string(), "10.0.0.11,tcp:8080 timeout 300 comment \"web\"");
/// ```
///
/// If an entry is added again with [`put`](crate::ipset::IpSets::put), the options of the new entry
/// replace those of the old one. Of the options that the new entry does not specify, the counters
/// keep their values, the comment and the packet metadata are cleared, and the timeout restarts
/// with the set's default.
pub struct Entry<T: SetType> {
    value: T::Value,
    options: EntryOptions,
}

/// The options of an entry: everything that a set stores for it, apart from its elements.
///
/// In an entry that is added, `None` means "not specified". In an entry that was listed, it means
/// that the set does not store this option, or that the entry has no such option.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct EntryOptions {
    /// The time until the entry vanishes: whole seconds, at most [`MAX_TIMEOUT`]. With 0 it stays.
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::serde::optional_seconds",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub timeout: Option<Duration>,
    /// The number of packets that matched the entry.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub packets: Option<u64>,
    /// The number of bytes of the packets that matched the entry.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub bytes: Option<u64>,
    /// The comment, at most 255 bytes, see [`Entry::comment`].
    #[cfg_attr(
        feature = "serde",
        serde(
            with = "crate::serde::optional_text_or_bytes",
            skip_serializing_if = "Option::is_none"
        )
    )]
    comment: Option<Box<[u8]>>,
    /// The mark that rules can copy to packets.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub skbmark: Option<SkbMark>,
    /// The traffic control class that rules can copy to packets.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub skbprio: Option<SkbPriority>,
    /// The hardware queue that rules can copy to packets.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub skbqueue: Option<u16>,
    /// Whether the entry is an exception: the set does not match what the entry matches.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "std::ops::Not::not"))]
    pub nomatch: bool,
}

/// A mark for packets, with a mask of the bits that a rule changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SkbMark {
    /// The values of the bits.
    pub mark: u32,
    /// The bits that a rule changes. It leaves the others as they are.
    pub mask: u32,
}

impl From<u32> for SkbMark {
    /// Creates a mark that changes all bits of a packet's mark.
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
    /// The number of the queueing discipline.
    pub major: u16,
    /// The number of the class within the queueing discipline.
    pub minor: u16,
}

/// The length of the longest comment, in bytes: `IPSET_MAX_COMMENT_SIZE`.
pub(crate) const MAX_COMMENT: usize = 255;

impl EntryOptions {
    /// Returns the comment as text. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub fn comment(&self) -> Option<Cow<'_, str>> {
        self.comment.as_deref().map(String::from_utf8_lossy)
    }

    /// Returns the bytes of the comment. They are not necessarily UTF-8.
    pub fn comment_bytes(&self) -> Option<&[u8]> {
        self.comment.as_deref()
    }

    /// Sets the comment, changed so that it is valid, see [`Entry::comment_lossy`].
    pub fn set_comment_lossy(&mut self, comment: impl AsRef<[u8]>) {
        self.comment = Some(keep(comment.as_ref()).into());
    }

    pub(super) fn remove_comment(&mut self) {
        self.comment = None;
    }

    /// Sets the comment, which is not necessarily UTF-8, see [`Entry::comment`].
    pub fn set_comment(&mut self, comment: impl AsRef<[u8]>) {
        self.comment = Some(comment.as_ref().into());
    }

    /// Returns the counters that the options do not specify.
    #[inline(always)]
    pub(in crate::ipset) fn counters_not_given(&self) -> Counters {
        let bytes = Counters::BYTES.when(self.bytes.is_none());
        bytes.and(Counters::PACKETS.when(self.packets.is_none()))
    }

    /// Writes the options.
    ///
    /// If the set has counters (`counted`), a new entry is sent with zeros for the counters that it
    /// does not specify. Otherwise the kernel would give it the counters of the removed entry whose
    /// place it takes.
    #[inline(always)]
    fn write(&self, counted: bool, encoder: &mut Encoder<'_>) -> Result<(), Refusal> {
        if self.nomatch {
            encoder.flags |= cadt_flag::NOMATCH;
        }
        if !encoder.purpose.adds() {
            return Ok(());
        }
        if let Some(timeout) = self.timeout {
            encoder.writer.u32_net(data::TIMEOUT, seconds(timeout)?);
        }
        if counted || self.packets.is_some() || self.bytes.is_some() {
            if self.bytes == Some(NOT_GIVEN) || self.packets == Some(NOT_GIVEN) {
                return Err(Refusal::new(format!(
                    "a counter of {NOT_GIVEN} means \"not specified\" to the kernel; {} is the limit",
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

    /// Reads the options from an entry's attributes, except `nomatch`.
    // Not inlined, to keep the loop over entries without options small.
    #[inline(never)]
    fn read(entry: Attributes<'_>) -> Result<Self, Malformed> {
        let mut options = Self::default();
        for attribute in entry {
            let it = attribute?;
            match it.kind() {
                data::TIMEOUT => {
                    options.timeout = Some(Duration::from_secs(it.u32_flagged()?.into()))
                }
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
    /// Writes only the options that are present.
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

/// Returns the number of seconds of a timeout. Refuses one that the kernel cannot store.
#[inline]
pub(crate) fn seconds(timeout: Duration) -> Result<u32, Refusal> {
    if timeout > MAX_TIMEOUT || timeout.subsec_nanos() != 0 {
        return Err(Refusal::timeout(timeout));
    }
    Ok(timeout.as_secs() as u32)
}

impl Refusal {
    #[cold]
    fn timeout(timeout: Duration) -> Self {
        let most = MAX_TIMEOUT.as_secs();
        Self::new(match timeout > MAX_TIMEOUT {
            true => format!(
                "a timeout of {} s: {most} s is the limit",
                timeout.as_secs()
            ),
            false => format!("a timeout of {timeout:?} is not a number of whole seconds"),
        })
    }

    #[cold]
    fn no_exceptions(definition: &Definition) -> Self {
        let name = definition.name;
        Self::new(format!("{name} does not take exceptions (nomatch)"))
    }
}

/// Returns a valid comment that is as close to a text as possible.
fn keep(text: &[u8]) -> Vec<u8> {
    let mut end = text.len().min(MAX_COMMENT);
    if end < text.len() {
        // Do not cut within a character. All bytes of a character but the first begin with these
        // bits.
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
            "the comment contains {:?}, which the text of `ipset save` cannot carry",
            char::from(*bad)
        )));
    }
    Ok(())
}

impl<T: SetType> Entry<T> {
    /// Creates an entry without options.
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

    /// Returns the elements.
    pub fn value(&self) -> &T::Value {
        &self.value
    }

    /// Returns the same entry of a set whose type is only known at run time.
    pub fn untype(self) -> crate::ipset::AnyEntry {
        Entry {
            value: self.value.untyped(),
            options: self.options,
        }
    }

    /// Converts the entry into its elements.
    pub fn into_value(self) -> T::Value {
        self.value
    }

    /// Returns the options of the entry.
    pub fn options(&self) -> &EntryOptions {
        &self.options
    }

    /// Returns a mutable reference to the options of the entry.
    pub fn options_mut(&mut self) -> &mut EntryOptions {
        &mut self.options
    }

    /// Sets the time until the entry vanishes: whole seconds, at most [`MAX_TIMEOUT`]. With 0 it
    /// stays.
    ///
    /// The set has to be created with a [`timeout`](IpSet::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Sets the initial values of the counters. The default is 0.
    ///
    /// The set has to be created with [`counters`](IpSet::counters).
    #[must_use]
    pub fn counters(mut self, packets: u64, bytes: u64) -> Self {
        self.options.packets = Some(packets);
        self.options.bytes = Some(bytes);
        self
    }

    /// Sets the comment, of at most 255 bytes, without double quotes, line ends or zero bytes.
    ///
    /// Adding an entry with another comment fails with
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), because `ipset save` writes the comment in
    /// quotes on one line. [`comment_lossy`](Self::comment_lossy) takes any text.
    ///
    /// A comment that is an option of the tool, such as `-q` or `-exist`, is added, but neither
    /// `ipset restore` nor [`text::Writer`](crate::ipset::text::Writer) takes it.
    ///
    /// The set has to be created with [`comments`](IpSet::comments).
    #[must_use]
    pub fn comment(mut self, comment: impl AsRef<[u8]>) -> Self {
        self.options.set_comment(comment);
        self
    }

    /// Sets the comment to a text that is changed so that it is valid.
    ///
    /// Double quotes are replaced by single quotes and control characters by spaces. A text of more
    /// than 255 bytes is cut off between two characters.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// use ipvset::ipset::types::HashIp;
    /// use ipvset::ipset::Entry;
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

    /// Sets the mark that rules with `--map-mark` copy to packets.
    ///
    /// The set has to be created with [`skbinfo`](IpSet::skbinfo).
    #[must_use]
    pub fn skbmark(mut self, mark: impl Into<SkbMark>) -> Self {
        self.options.skbmark = Some(mark.into());
        self
    }

    /// Sets the traffic control class that rules with `--map-prio` copy to packets.
    ///
    /// The set has to be created with [`skbinfo`](IpSet::skbinfo).
    #[must_use]
    pub fn skbprio(mut self, major: u16, minor: u16) -> Self {
        self.options.skbprio = Some(SkbPriority { major, minor });
        self
    }

    /// Sets the hardware queue that rules with `--map-queue` copy to packets.
    ///
    /// The set has to be created with [`skbinfo`](IpSet::skbinfo).
    #[must_use]
    pub fn skbqueue(mut self, queue: u16) -> Self {
        self.options.skbqueue = Some(queue);
        self
    }

    pub(crate) fn from_parts(value: T::Value, options: EntryOptions) -> Self {
        Self { value, options }
    }

    pub(in crate::ipset) fn into_parts(self) -> (T::Value, EntryOptions) {
        (self.value, self.options)
    }

    /// Returns the entry without these counters.
    pub(in crate::ipset) fn without(mut self, counters: Counters) -> Self {
        if counters.contains(Counters::BYTES) {
            self.options.bytes = None;
        }
        if counters.contains(Counters::PACKETS) {
            self.options.packets = None;
        }
        self
    }

    /// Returns true if the entry stands for several entries of a set.
    pub(in crate::ipset) fn is_several(&self, dimensions: &[Dimension]) -> bool {
        let mut several = false;
        let mut value = self.value.clone();
        value.take_first(dimensions, &Masks::NONE, |_, _| several = true);
        several
    }

    /// Returns the text that names the entry in an error, without options.
    pub(crate) fn in_set(&self, set: &SetName) -> String {
        format!("{} in {set}", ValueText(&self.value))
    }

    /// Writes the attributes of the entry's nest.
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

    /// Like [`Entry::write`], but writes into room that the caller provides.
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

    /// Reads an entry from the attributes of its nest.
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
    /// Makes the entry an exception: the set does not match what the entry matches, even if a
    /// larger network in the set contains it.
    ///
    /// Testing an address inside the exception returns that it is not in the set. To test for the
    /// exception itself, use `nomatch` in the tested entry too. Putting the entry again without
    /// `nomatch` turns it into an ordinary entry.
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

impl<T: SetType> Hash for Entry<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
        self.options.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::DefaultHasher;

    use super::*;
    use crate::ipset::types::HashIp;

    fn entry(text: &str) -> Entry<HashIp> {
        text.parse().unwrap()
    }

    fn hash(entry: &Entry<HashIp>) -> u64 {
        let mut hasher = DefaultHasher::new();
        entry.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn entries_are_equal_if_value_and_options_are() {
        let one = entry("10.0.0.1 timeout 5");
        assert_eq!(one, entry("10.0.0.1 timeout 5"));
        assert_eq!(hash(&one), hash(&entry("10.0.0.1 timeout 5")));
        for other in ["10.0.0.1", "10.0.0.2 timeout 5"] {
            assert_ne!(one, entry(other));
            assert_ne!(hash(&one), hash(&entry(other)));
        }
    }

    #[test]
    fn a_range_stands_for_several_entries() {
        let several = |text| entry(text).is_several(HashIp.definition().dimensions);
        assert!(!several("10.0.0.1"));
        assert!(several("10.0.0.1-10.0.0.9"));
    }

    #[test]
    fn a_timeout_has_whole_seconds_up_to_the_limit() {
        let most = u32::try_from(MAX_TIMEOUT.as_secs()).unwrap();
        assert_eq!(seconds(MAX_TIMEOUT).unwrap(), most);
        assert_eq!(seconds(Duration::ZERO).unwrap(), 0);
        let refused = |timeout| format!("{:?}", seconds(timeout).unwrap_err());
        let longer = MAX_TIMEOUT + Duration::from_secs(1);
        assert!(refused(longer).contains("is the limit"));
        assert!(refused(Duration::from_millis(1500)).contains("whole seconds"));
        assert!(refused(MAX_TIMEOUT - Duration::from_millis(1)).contains("whole seconds"));
    }

    #[test]
    fn a_comment_is_cut_between_characters() {
        let kept = |text: &[u8]| keep(text).len();
        assert_eq!(kept(&[b'a'; MAX_COMMENT + 1]), MAX_COMMENT);
        // The character that begins at this byte has no more than four.
        for (start, length) in [
            (MAX_COMMENT - 3, MAX_COMMENT - 3),
            (MAX_COMMENT - 4, MAX_COMMENT),
        ] {
            let mut text = vec![b'a'; MAX_COMMENT + 9];
            text[start + 1..].fill(0x80);
            assert_eq!(kept(&text), length);
        }
    }
}
