//! The text of sets: name, type and create options.

use std::fmt;
use std::net::IpAddr;
use std::str::{self, FromStr};

use super::Names;
use super::element::{Context, print_address, read_addresses, read_plain_ports};
use super::options::{OptionName, OptionText, unknown};
use super::piece::{Flaw, Piece, Words};
use crate::ipset::types::{Definition, Families, Takes};
use crate::ipset::{
    Addresses, AnySet, AnyType, CreateOptions, Family, IpSet, Ipv4Range, SetName, SetRange, SetType,
};
use crate::{Error, Result};

const READ: &str = "read set";

/// A set's name, in quotes if it has white space. This crate makes no such names, but others may
/// have given them to the kernel.
pub(super) struct Quoted<'a>(pub(super) &'a SetName);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.as_str();
        match name.contains(char::is_whitespace) {
            true => write!(f, "\"{name}\""),
            false => f.write_str(&name),
        }
    }
}

/// Whether text can carry a name, if need be in quotes.
pub(super) fn is_plain_name(name: &[u8]) -> bool {
    str::from_utf8(name).is_ok_and(|name| {
        !name.is_empty()
            && name.len() <= SetName::MAX_LENGTH
            && !name.starts_with('-')
            && !name.contains(|c: char| c.is_control() || c == '"')
    })
}

pub(super) fn read_name(word: Piece<'_>) -> Result<SetName, Flaw> {
    SetName::existing(word.text).map_err(|error| word.flaw(error.reason()))
}

impl SetName {
    /// The name of a set that another program made: it may have blanks and commas. Text carries
    /// it in quotes, but not as a member of a list.
    ///
    /// # Errors
    /// `InvalidInput` for what text cannot carry in quotes either.
    pub fn existing(name: &str) -> Result<Self> {
        Self::new(name).or_else(|error| match is_plain_name(name.as_bytes()) {
            true => Self::from_kernel(name.as_bytes()).map_err(|_| error),
            false => Err(error),
        })
    }
}

impl<T: SetType> fmt::Display for IpSet<T> {
    /// As it is created with the tool: name, type, and the options that are given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Quoted(self.name()), self.type_name())?;
        for option in options(self.options(), self.definition()) {
            write!(f, " {}", option.name)?;
            if let Some(value) = option.value {
                write!(f, " {value}")?;
            }
        }
        Ok(())
    }
}

impl<T: SetType> IpSet<T> {
    /// The create options that are given and their values, in the order in which the tool lists
    /// them for sets of the type.
    pub fn option_texts(&self) -> impl Iterator<Item = OptionText> + use<T> {
        options(self.options(), self.definition())
    }
}

fn family_text(family: Family) -> &'static str {
    match family {
        Family::Inet => "inet",
        Family::Inet6 => "inet6",
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
    // The types that have had a netmask from the start list it elsewhere.
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
        number("timeout", options.timeout),
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

/// Reads the words behind the type.
struct OptionReader<'a> {
    definition: &'static Definition,
    options: CreateOptions,
    family: Option<Family>,
    bitmask: Option<Piece<'a>>,
    names: &'a dyn Names,
}

impl<'a> OptionReader<'a> {
    fn takes(&self, takes: Takes) -> bool {
        self.definition.options.intersects(takes)
    }

    fn option(&mut self, word: Piece<'a>, words: &mut Words<'a>) -> Result<(), Flaw> {
        let u32_max = u64::from(u32::MAX);
        let mut number = |least, most| words.expect("the value")?.number(least, most);
        let twice = match word.text {
            "timeout" => {
                let value = number(0, crate::ipset::MAX_TIMEOUT.into())? as u32;
                self.options.timeout.replace(value).is_some()
            }
            "counters" => std::mem::replace(&mut self.options.counters, true),
            "comment" => std::mem::replace(&mut self.options.comment, true),
            "skbinfo" => std::mem::replace(&mut self.options.skbinfo, true),
            "forceadd" => std::mem::replace(&mut self.options.forceadd, true),
            "hashsize" => {
                let value = number(0, u32_max)? as u32;
                self.options.hashsize.replace(value).is_some()
            }
            "maxelem" => {
                let value = number(0, u32_max)? as u32;
                self.options.maxelem.replace(value).is_some()
            }
            "bucketsize" => {
                let value = number(0, 255)? as u8;
                self.options.bucketsize.replace(value).is_some()
            }
            "initval" => {
                let value = number(0, u32_max)? as u32;
                self.options.initval.replace(value).is_some()
            }
            "netmask" => {
                let value = number(1, 128)? as u8;
                self.options.netmask.replace(value).is_some()
            }
            "bitmask" => {
                // The family may come later.
                self.bitmask.replace(words.expect("the mask")?).is_some()
            }
            "markmask" => {
                let value = number(0, u32_max)? as u32;
                self.options.markmask.replace(value).is_some()
            }
            "size" => {
                let value = number(0, u32_max)? as u32;
                self.options.size.replace(value).is_some()
            }
            "range" => {
                let range = self.range(words.expect("the range")?)?;
                self.options.range.replace(range).is_some()
            }
            "family" | "-4" | "-6" => {
                let family = read_family(word, words)?;
                self.family.replace(family).is_some()
            }
            _ => return Err(unknown(word, self.definition)),
        };
        match twice {
            true => Err(word.flaw(format!("{} already specified", word.text))),
            false => Ok(()),
        }
    }

    fn range(&self, word: Piece<'_>) -> Result<SetRange, Flaw> {
        let context = Context {
            names: self.names,
            family: Some(Family::Inet),
            wildcard: false,
            place: None,
        };
        if self.takes(Takes::PORT_RANGE) {
            if word.split(b'-').is_none() {
                return Err(word.flaw(format!("FROM-TO ports must be specified: {}", word.text)));
            }
            return read_plain_ports(word, &context).map(Into::into);
        }
        let range = match read_addresses(word, &context)? {
            Addresses::Range(range) => Some(range),
            Addresses::Network(ipnet::IpNet::V4(net)) => Some(net.into()),
            // A range or network of a single address became that address.
            Addresses::One(IpAddr::V4(one)) if word.text.contains(['-', '/']) => {
                Some(Ipv4Range::new(one, one))
            }
            _ => None,
        };
        range.map(Into::into).ok_or_else(|| {
            let text = word.text;
            word.flaw(format!("IP/cidr or IP-IP range must be specified: {text}"))
        })
    }

    /// What can only be read when all words are.
    fn finish(mut self) -> Result<CreateOptions, Flaw> {
        self.options.family = self.family.unwrap_or_default();
        if let Some(word) = self.bitmask {
            let mask = word.text.parse().ok();
            let family = Some(self.options.family);
            let mask = mask.or_else(|| self.names.address(word.text, family));
            let mask = mask.ok_or_else(|| {
                let text = word.text;
                word.flaw(format!("cannot parse '{text}' as an address"))
            })?;
            self.options.bitmask = Some(mask);
        }
        Ok(self.options)
    }
}

fn read_family(word: Piece<'_>, words: &mut Words<'_>) -> Result<Family, Flaw> {
    match word.text {
        "-4" => return Ok(Family::Inet),
        "-6" => return Ok(Family::Inet6),
        _ => {}
    }
    let family = words.expect("the family")?;
    match family.text {
        "inet" | "ipv4" | "-4" => Ok(Family::Inet),
        "inet6" | "ipv6" | "-6" => Ok(Family::Inet6),
        text => Err(family.flaw(format!("unknown inet family {text}"))),
    }
}

/// A set: name, type, options.
pub(super) fn read<'a>(words: &mut Words<'a>, names: &'a dyn Names) -> Result<AnySet, Flaw> {
    let name = read_name(words.expect("the set's name")?)?;
    let type_name = words.expect("the set's type")?;
    let kind = AnyType::named(type_name.text)
        .ok_or_else(|| type_name.flaw(format!("typename '{}' is unknown", type_name.text)))?;
    let start = words.clone().next()?.unwrap_or(words.rest());
    let mut reader = OptionReader {
        definition: kind.definition(),
        options: CreateOptions::default(),
        family: None,
        bitmask: None,
        names,
    };
    while let Some(word) = words.next()? {
        if !OptionName::of_sets(kind.definition()).any(|it| it.name == word.text) {
            return Err(unknown(word, kind.definition()));
        }
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

    /// From the tool's syntax: name, type, options, as behind `create`.
    fn from_str(text: &str) -> Result<Self> {
        Self::parse_with(text, &())
    }
}

impl AnySet {
    /// From the tool's syntax, with names of hosts and services.
    ///
    /// # Errors
    /// `InvalidInput` says where in the text what is wrong; what the type does not take and what
    /// is beyond its limits is wrong too.
    pub fn parse_with(text: &str, names: &dyn Names) -> Result<Self> {
        read(&mut Words::of(text), names).map_err(|flaw| flaw.error(READ, text, 1))
    }
}

impl<T: SetType + Default> FromStr for IpSet<T> {
    type Err = Error;

    /// From the tool's syntax: name, type, options, as behind `create`.
    fn from_str(text: &str) -> Result<Self> {
        let set: AnySet = text.parse()?;
        set.typed().ok_or_else(|| {
            let mut words = Words::of(text);
            let _ = words.next();
            let at = words.next().ok().flatten().unwrap_or(Piece::line(text));
            let (wanted, found) = (T::default().definition().name, set.type_name());
            at.flaw(format!("the type is {found}, not {wanted}"))
                .error(READ, text, 1)
        })
    }
}
