//! The text of sets: name, type and create options.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use super::element::{Context, print_address, read_address, read_addresses, read_plain_ports};
use super::legacy::Legacy;
use super::options::{OptionName, OptionText, unknown, without_dashes};
use super::piece::{Flaw, Piece, Words};
use super::value::{Sink, print_name};
use crate::Family;
use crate::Names;
use crate::ipset::model::types::{Definition, Families, Takes};
use crate::ipset::{
    Addresses, AnySet, AnyType, CreateOptions, IpSet, Ipv4Range, PortRange, SetName, SetRange,
    SetType,
};
use crate::{Error, Result};

const READ: &str = "read set";

/// Displays a set's name as a word of a line.
pub(super) struct Quoted<'a>(pub(super) &'a SetName);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_name(self.0.as_bytes(), f)
    }
}

pub(super) fn read_name(word: Piece<'_>) -> Result<SetName, Flaw> {
    SetName::existing(word.text).map_err(|error| word.flaw(error.reason()))
}

impl<T: SetType> fmt::Display for IpSet<T> {
    /// Writes the set in the tool's syntax: the name, the type, and the options that are given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f)
    }
}

impl<T: SetType> IpSet<T> {
    /// Writes the part of a `create` line after the command.
    pub(super) fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        print_name(self.name().as_bytes(), out)?;
        write!(out, " {}", self.type_name())?;
        for option in options(self.options(), self.definition()) {
            write!(out, " {}", option.name)?;
            if let Some(value) = option.value {
                write!(out, " {value}")?;
            }
        }
        Ok(())
    }

    /// Returns the create options that are given and their values, in the order in which the tool
    /// prints them for the set type.
    pub fn option_texts(&self) -> impl Iterator<Item = OptionText> + use<T> {
        options(self.options(), self.definition())
    }
}

fn family_text(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "inet",
        Family::Ipv6 => "inet6",
    }
}

struct Address(IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_address(self.0, f)
    }
}

fn options(
    options: &CreateOptions,
    definition: &Definition,
) -> impl Iterator<Item = OptionText> + use<> {
    // The types that always had a netmask list it at another place.
    let late = definition.options.contains(Takes::NETMASK_LATE);
    let family = (definition.families == Families::Both).then(|| family_text(options.family));
    let text = |name, value: Option<String>| {
        value.map(|value| OptionText {
            name,
            value: Some(value),
        })
    };
    let number = |name, value: Option<u32>| text(name, value.map(|it| it.to_string()));
    let hex = |name, value: Option<u32>| text(name, value.map(|it| format!("{it:#010x}")));
    let flag = |name, given: bool| given.then_some(OptionText { name, value: None });
    let netmask = text("netmask", options.netmask.map(|it| it.to_string()));
    let bitmask = text("bitmask", options.bitmask.map(|it| Address(it).to_string()));
    let masks = [netmask, bitmask];
    let (early, late) = match late {
        true => ([None, None], masks),
        false => (masks, [None, None]),
    };
    [
        text("range", options.range.map(|it| it.to_string())),
        text("family", family.map(Into::into)),
        hex("markmask", options.markmask),
        number("hashsize", options.hashsize),
        number("maxelem", options.maxelem),
        number("size", options.size),
    ]
    .into_iter()
    .chain(early)
    .chain([
        text(
            "timeout",
            options.timeout.map(|it| it.as_secs_f64().to_string()),
        ),
        flag("counters", options.counters),
        flag("comment", options.comment),
        flag("forceadd", options.forceadd),
        flag("skbinfo", options.skbinfo),
        number("bucketsize", options.bucketsize.map(Into::into)),
        hex("initval", options.initval),
    ])
    .chain(late)
    .flatten()
}

/// Reads the words after the type.
struct OptionReader<'a, 'n> {
    definition: &'static Definition,
    options: CreateOptions,
    family: Option<Family>,
    bitmask: Option<Piece<'a>>,
    names: &'n dyn Names,
}

impl<'a> OptionReader<'a, '_> {
    fn takes(&self, takes: Takes) -> bool {
        self.definition.options.intersects(takes)
    }

    fn option(&mut self, word: Piece<'a>, words: &mut Words<'a>) -> Result<(), Flaw> {
        let name = without_dashes(word.text);
        if let Some(legacy) = Legacy::named(name, self.definition) {
            if let Some(range) = legacy.range(words)? {
                return self.set_range(word, range.first, range.last);
            }
            return Ok(());
        }
        if !OptionName::of_sets(self.definition).any(|it| it.name.as_bytes() == name) {
            return Err(unknown(word, self.definition));
        }
        let u32_max = u64::from(u32::MAX);
        let mut number = |least, most| words.expect("the value")?.number(least, most);
        let options = &mut self.options;
        let twice = match name {
            b"timeout" => {
                let seconds = number(0, crate::ipset::MAX_TIMEOUT.as_secs())?;
                let timeout = Duration::from_secs(seconds);
                options.timeout.replace(timeout).is_some()
            }
            // The tool accepts flags twice.
            b"counters" => {
                options.counters = true;
                false
            }
            b"comment" => {
                options.comment = true;
                false
            }
            b"skbinfo" => {
                options.skbinfo = true;
                false
            }
            b"forceadd" => {
                options.forceadd = true;
                false
            }
            b"hashsize" => {
                let value = number(0, u32_max)? as u32;
                options.hashsize.replace(value).is_some()
            }
            b"maxelem" => {
                let value = number(0, u32_max)? as u32;
                options.maxelem.replace(value).is_some()
            }
            b"bucketsize" => {
                let value = number(0, 255)? as u8;
                options.bucketsize.replace(value).is_some()
            }
            b"initval" => {
                let value = number(0, u32_max)? as u32;
                options.initval.replace(value).is_some()
            }
            b"netmask" => {
                let value = number(1, 128)? as u8;
                options.netmask.replace(value).is_some()
            }
            b"bitmask" => {
                // It is read at the end, since the family may follow it.
                self.bitmask.replace(words.expect("the mask")?).is_some()
            }
            b"markmask" => {
                let value = number(0, u32_max)? as u32;
                options.markmask.replace(value).is_some()
            }
            b"size" => {
                let value = number(0, u32_max)? as u32;
                options.size.replace(value).is_some()
            }
            b"range" => {
                let range = words.expect("the range")?;
                return self.set_range(word, range, None);
            }
            _ => {
                let family = read_family(name, words)?;
                self.family.replace(family).is_some()
            }
        };
        match twice {
            true => Err(already(word)),
            false => Ok(()),
        }
    }

    fn set_range(
        &mut self,
        word: Piece<'_>,
        first: Piece<'_>,
        last: Option<Piece<'_>>,
    ) -> Result<(), Flaw> {
        let context = Context {
            names: self.names,
            family: Some(Family::Ipv4),
            wildcard: false,
            place: None,
        };
        let range = match last {
            None if self.takes(Takes::PORT_RANGE) => read_port_range(first, &context)?,
            None => read_address_range(first, &context)?,
            Some(last) if self.takes(Takes::PORT_RANGE) => {
                let first = read_plain_ports(first, &context)?;
                let last = read_plain_ports(last, &context)?;
                PortRange::new(first.first(), last.last()).into()
            }
            Some(last) => match (
                read_address(first, &context)?,
                read_address(last, &context)?,
            ) {
                (IpAddr::V4(first), IpAddr::V4(last)) => Ipv4Range::new(first, last).into(),
                _ => return Err(first.flaw("a range can only be of IPv4 addresses")),
            },
        };
        match self.options.range.replace(range) {
            Some(_) => Err(already(word)),
            None => Ok(()),
        }
    }

    /// Reads what depends on later words.
    fn finish(mut self) -> Result<CreateOptions, Flaw> {
        self.options.family = self.family.unwrap_or_default();
        if let Some(word) = self.bitmask {
            let context = Context {
                names: self.names,
                family: Some(self.options.family),
                wildcard: false,
                place: None,
            };
            self.options.bitmask = Some(read_address(word, &context)?);
        }
        self.options.round();
        Ok(self.options)
    }
}

#[cold]
fn already(word: Piece<'_>) -> Flaw {
    word.flaw(format!("{} already specified", word.shown()))
}

fn read_port_range(word: Piece<'_>, context: &Context<'_>) -> Result<SetRange, Flaw> {
    if word.split(b'-').is_none() {
        let text = word.shown();
        return Err(word.flaw(format!("FROM-TO ports must be specified: {text}")));
    }
    read_plain_ports(word, context).map(Into::into)
}

fn read_address_range(word: Piece<'_>, context: &Context<'_>) -> Result<SetRange, Flaw> {
    let range = match read_addresses(word, context)? {
        Addresses::Range(range) => Some(range),
        Addresses::Network(ipnet::IpNet::V4(net)) => Some(net.into()),
        // A range or network of a single address was read as that address.
        Addresses::One(IpAddr::V4(one))
            if word.text.contains(&b'-') || word.text.contains(&b'/') =>
        {
            Some(Ipv4Range::new(one, one))
        }
        _ => None,
    };
    range.map(Into::into).ok_or_else(|| {
        let text = word.shown();
        word.flaw(format!("IP/cidr or IP-IP range must be specified: {text}"))
    })
}

fn read_family(name: &[u8], words: &mut Words<'_>) -> Result<Family, Flaw> {
    match name {
        b"-4" => return Ok(Family::Ipv4),
        b"-6" => return Ok(Family::Ipv6),
        _ => {}
    }
    let family = words.expect("the family")?;
    match family.text {
        b"inet" | b"ipv4" | b"-4" => Ok(Family::Ipv4),
        b"inet6" | b"ipv6" | b"-6" => Ok(Family::Ipv6),
        _ => Err(family.flaw(format!("unknown inet family {}", family.shown()))),
    }
}

/// Reads a set: its name, type and options.
pub(super) fn read(words: &mut Words<'_>, names: &dyn Names) -> Result<AnySet, Flaw> {
    let name = read_name(words.expect("the set's name")?)?;
    let type_name = words.expect("the set's type")?;
    let unknown = || type_name.flaw(format!("typename '{}' is unknown", type_name.shown()));
    let kind: AnyType = type_name.parse().ok_or_else(unknown)?;
    let start = words.clone().next()?.unwrap_or(words.rest());
    let mut reader = OptionReader {
        definition: kind.definition(),
        options: CreateOptions::default(),
        family: None,
        bitmask: None,
        names,
    };
    while let Some(word) = words.next()? {
        reader.option(word, words)?;
    }
    let options = reader.finish()?;
    options
        .check(kind.definition())
        .map_err(|refusal| start.flaw(refusal.0))?;
    Ok(AnySet::from_parts(name, kind, options))
}

impl FromStr for AnySet {
    type Err = Error;

    /// Reads a set in the tool's syntax: name, type and options, as after `create`.
    fn from_str(text: &str) -> Result<Self> {
        Self::parse_with(text, &())
    }
}

impl AnySet {
    /// Reads a set in the tool's syntax, with names of hosts, services and protocols.
    ///
    /// Values are rounded as the kernel does: `hashsize 0` becomes 64, `bucketsize 14` becomes 12,
    /// `size 2` becomes 4, and the range of a `bitmap:ip` with a netmask is extended to whole
    /// networks.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the text is malformed, or for an option
    /// that the type does not take or a value beyond its limit. [`Error::position`] returns the
    /// column of the mistake.
    pub fn parse_with(text: impl AsRef<[u8]>, names: &dyn Names) -> Result<Self> {
        let text = text.as_ref();
        read(&mut Words::of(text), names).map_err(|flaw| flaw.error(READ, text, 1))
    }
}

impl<T: SetType + Default> FromStr for IpSet<T> {
    type Err = Error;

    /// Reads a set in the tool's syntax: name, type and options, as after `create`.
    fn from_str(text: &str) -> Result<Self> {
        let set: AnySet = text.parse()?;
        set.typed().ok_or_else(|| {
            let line = text.as_bytes();
            let mut words = Words::of(line);
            let _ = words.next();
            let at = words.next().ok().flatten().unwrap_or(Piece::line(line));
            let (wanted, found) = (T::default().definition().name, set.type_name());
            at.flaw(format!("the type is {found}, not {wanted}"))
                .error(READ, line, 1)
        })
    }
}
