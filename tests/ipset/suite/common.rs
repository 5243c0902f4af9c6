//! What the tests have in common: reading what the real tool says, and saying what it should.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use ipvset::ipset::{
    CreateOptions, Entry, EntryOptions, Family, IpSet, IpSets, Ipv4Range, MacAddress, SetType,
};

pub(crate) fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub(crate) fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn range(first: &str, last: &str) -> Ipv4Range {
    Ipv4Range::new(v4(first), v4(last))
}

pub(crate) fn mac(text: &str) -> MacAddress {
    text.parse().unwrap()
}

/// A set of the name `s` with the kernel's defaults.
pub(crate) fn set<T: SetType + Default>() -> IpSet<T> {
    IpSet::new("s").unwrap()
}

/// Creates a set on a new connection.
pub(crate) fn created<T: SetType>(set: IpSet<T>) -> Outcome<(IpSets, IpSet<T>)> {
    let mut sets = IpSets::connect()?;
    sets.create(&set)?;
    Ok((sets, set))
}

/// What a test gives.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A part of a line of `ipset save`: what stands first, and the options by name.
pub(crate) type Line = (String, BTreeMap<String, String>);

/// Runs the real `ipset`.
pub(crate) fn ipset<'a>(arguments: impl IntoIterator<Item = &'a str>) -> lab::Result<String> {
    lab::tool("ipset", arguments)
}

/// Runs the real `ipset restore`.
pub(crate) fn restore(text: &str) -> lab::Result<()> {
    lab::tool_with_input("ipset", ["restore"], text).map(drop)
}

/// Splits at spaces, but not inside double quotes, which it takes away.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut quoted = false;
    let mut word = String::new();
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Options that have no value.
const FLAGS: [&str; 6] = [
    "counters", "comment", "skbinfo", "forceadd", "nomatch", "wildcard",
];

/// Reads options; `creating` says that `comment` has no value.
fn options(words: &[String], creating: bool) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut words = words.iter();
    while let Some(name) = words.next() {
        let flag = FLAGS.contains(&name.as_str()) && (creating || name != "comment");
        let value = if flag { None } else { words.next() };
        let mut value = value.cloned().unwrap_or_default();
        if name == "timeout" && !creating {
            value = rounded(value.parse().unwrap()).to_string();
        }
        options.insert(name.clone(), value);
    }
    options
}

/// The timeouts of these tests are whole thousands of seconds, so that what is left of one after
/// a moment tells what it was.
pub(crate) fn rounded(timeout: u32) -> u32 {
    timeout.div_ceil(1000) * 1000
}

/// An entry in the tool's syntax, without the set's name.
pub(crate) fn entry_line(text: &str) -> Line {
    let words = words(text);
    (words[0].clone(), options(&words[1..], false))
}

/// A set in the tool's syntax from its type on.
pub(crate) fn create_line(text: &str) -> Line {
    let words = words(text);
    (words[0].clone(), options(&words[1..], true))
}

/// What the tool's `ipset save` says of each set: how it was created, and its entries in the
/// kernel's order.
pub(crate) fn saved_all() -> lab::Result<BTreeMap<String, (Line, Vec<Line>)>> {
    let mut sets = BTreeMap::new();
    for line in ipset(["save"])?.lines() {
        let mut parts = line.splitn(3, ' ');
        let (command, name) = (parts.next(), parts.next().unwrap_or_default());
        let rest = parts.next().unwrap_or_default();
        if command == Some("create") {
            sets.insert(name.to_owned(), (create_line(rest), Vec::new()));
        } else {
            let (_, entries) = sets.get_mut(name).expect(line);
            entries.push(entry_line(rest));
        }
    }
    Ok(sets)
}

/// The same of one set.
pub(crate) fn saved(name: &str) -> lab::Result<(Line, Vec<Line>)> {
    let mut sets = saved_all()?;
    Ok(sets.remove(name).unwrap_or_default())
}

/// The entries that the tool sees, in an order that does not depend on the kernel.
pub(crate) fn saved_entries(name: &str) -> lab::Result<Vec<Line>> {
    let (_, mut entries) = saved(name)?;
    entries.sort();
    Ok(entries)
}

/// The entries that the crate sees, in an order that does not depend on the kernel.
pub(crate) fn listed<T: SetType>(
    sets: &mut IpSets,
    set: &IpSet<T>,
) -> ipvset::Result<Vec<Entry<T>>> {
    let mut entries = listed_in_order(sets, set)?;
    sort(&mut entries);
    Ok(entries)
}

/// The entries that the crate sees, in the kernel's order.
pub(crate) fn listed_in_order<T: SetType>(
    sets: &mut IpSets,
    set: &IpSet<T>,
) -> ipvset::Result<Vec<Entry<T>>> {
    let entries: ipvset::Result<Vec<_>> = sets.list(set)?.collect();
    let mut entries = entries?;
    for entry in &mut entries {
        let timeout = &mut entry.options_mut().timeout;
        *timeout = timeout.map(rounded);
    }
    Ok(entries)
}

/// The values that the crate sees, in the tool's syntax and ordered as text.
pub(crate) fn values<T: SetType>(sets: &mut IpSets, set: &IpSet<T>) -> ipvset::Result<Vec<String>> {
    let mut values = Vec::new();
    for entry in sets.list(set)? {
        values.push(entry?.to_string());
    }
    values.sort();
    Ok(values)
}

/// Orders entries by their text.
pub(crate) fn sort<T: SetType>(entries: &mut [Entry<T>]) {
    entries.sort_by_cached_key(|entry| format!("{entry:?} {:?}", entry.value()));
}

/// An entry as the kernel keeps it in a set: what was not given has its default.
pub(crate) fn kept<T: SetType>(mut entry: Entry<T>, set: &CreateOptions) -> Entry<T> {
    let options = entry.options_mut();
    options.timeout = options.timeout.or(set.timeout);
    if set.counters {
        options.packets = options.packets.or(Some(0));
        options.bytes = options.bytes.or(Some(0));
    }
    entry
}

/// The options of an entry in the tool's syntax.
pub(crate) fn entry_options(options: &EntryOptions) -> String {
    let mut text = String::new();
    let mut add = |word: String| text = format!("{text} {word}");
    if options.nomatch {
        add("nomatch".into());
    }
    if let Some(timeout) = options.timeout {
        add(format!("timeout {timeout}"));
    }
    if let Some(packets) = options.packets {
        add(format!("packets {packets}"));
    }
    if let Some(bytes) = options.bytes {
        add(format!("bytes {bytes}"));
    }
    if let Some(comment) = options.comment() {
        add(format!("comment \"{comment}\""));
    }
    if let Some(it) = options.skbmark {
        match it.mask {
            u32::MAX => add(format!("skbmark {:#x}", it.mark)),
            mask => add(format!("skbmark {:#x}/{mask:#x}", it.mark)),
        }
    }
    if let Some(it) = options.skbprio {
        add(format!("skbprio {:x}:{:x}", it.major, it.minor));
    }
    if let Some(queue) = options.skbqueue {
        add(format!("skbqueue {queue}"));
    }
    text
}

/// How a set is created, in the tool's syntax from its type on.
pub(crate) fn create_text<T: SetType>(set: &IpSet<T>) -> String {
    let options = set.options();
    let mut text = set.type_name().to_owned();
    let mut add = |word: String| text = format!("{text} {word}");
    if has_family(set.type_name()) {
        add(match options.family {
            Family::Inet => "family inet".into(),
            Family::Inet6 => "family inet6".into(),
        });
    }
    let numbers = [
        ("hashsize", options.hashsize),
        ("maxelem", options.maxelem),
        ("netmask", options.netmask.map(u32::from)),
        ("bucketsize", options.bucketsize.map(u32::from)),
        ("size", options.size),
        ("timeout", options.timeout),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            add(format!("{name} {value}"));
        }
    }
    if let Some(range) = options.range {
        add(format!("range {range}"));
    }
    if let Some(mask) = options.bitmask {
        add(format!("bitmask {mask}"));
    }
    if let Some(mask) = options.markmask {
        add(format!("markmask {mask:#010x}"));
    }
    if let Some(initval) = options.initval {
        add(format!("initval {initval:#010x}"));
    }
    let flags = [
        ("counters", options.counters),
        ("comment", options.comment),
        ("skbinfo", options.skbinfo),
        ("forceadd", options.forceadd),
    ];
    for (name, given) in flags {
        if given {
            add(name.into());
        }
    }
    text
}

/// Whether the tool takes and prints a family for a type of set.
pub(crate) fn has_family(type_name: &str) -> bool {
    type_name.starts_with("hash:") && type_name != "hash:mac"
}

/// Whether the running kernel is this one or a later one.
pub(crate) fn kernel_is_at_least(major: u32, minor: u32) -> bool {
    let release = lab::sysctl::read("kernel.osrelease").unwrap();
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    let mut number = || numbers.next().unwrap().parse::<u32>().unwrap();
    (number(), number()) >= (major, minor)
}
