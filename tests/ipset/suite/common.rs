//! Helpers of the tests: they parse the output of the real tool, and compute the expected output.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use ipvset::Family;
use ipvset::ipset::elements::{Ipv4Range, MacAddress};
use ipvset::ipset::text::{self, Reader, Writer};
use ipvset::ipset::types::SetType;
use ipvset::ipset::{CreateOptions, Entry, EntryOptions, IpSet, IpSets, SetOrEntry};

/// Lists the tests of a module after the set types that they need, for each test or for all.
macro_rules! tests {
    ($types:expr; $($test:ident),+ $(,)?) => {
        tests![$($types => $test),+]
    };
    ($($types:expr => $test:ident),+ $(,)?) => {
        vec![$($crate::suite::needs(
            $types,
            $crate::suite::common::inside(concat!(module_path!(), "::", stringify!($test))),
            $test,
        )),+]
    };
}
pub(crate) use tests;

/// Returns a path without the names of the binary and of the suite.
pub(crate) fn inside(path: &'static str) -> &'static str {
    path.split_once("::suite::").map_or(path, |(_, rest)| rest)
}

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

/// Returns a set with the name `s` and the kernel's defaults.
pub(crate) fn set<T: SetType + Default>() -> IpSet<T> {
    IpSet::new("s").unwrap()
}

/// Creates a set on a new connection.
pub(crate) fn created<T: SetType>(set: IpSet<T>) -> Outcome<(IpSets, IpSet<T>)> {
    let mut sets = IpSets::connect()?;
    sets.create(&set)?;
    Ok((sets, set))
}

/// The result of a test.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The arguments of a line of `ipset save`: the first word, and the options by name.
pub(crate) type Line = (String, BTreeMap<String, String>);

/// Asserts that two values are equal, and prints both on several lines if not.
#[track_caller]
pub(crate) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) {
    assert!(
        found == expected,
        "{what}:\n   found {found:#?}\nexpected {expected:#?}"
    );
}

/// Runs the real `ipset`.
pub(crate) fn ipset<'a>(arguments: impl IntoIterator<Item = &'a str>) -> lab::Result<String> {
    lab::tool("ipset", arguments)
}

/// Runs the real `ipset restore`.
pub(crate) fn restore(text: &str) -> lab::Result<()> {
    lab::tool_with_input("ipset", ["restore"], text).map(drop)
}

/// Splits at spaces outside double quotes, and removes the quotes.
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

/// The options without a value.
const FLAGS: [&str; 6] = [
    "counters", "comment", "skbinfo", "forceadd", "nomatch", "wildcard",
];

/// Parses options. If `creating` is true, `comment` has no value.
fn options(words: &[String], creating: bool) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut words = words.iter();
    while let Some(name) = words.next() {
        let flag = FLAGS.contains(&name.as_str()) && (creating || name != "comment");
        let value = if flag { None } else { words.next() };
        let mut value = value.cloned().unwrap_or_default();
        if name == "timeout" && !creating {
            let timeout = Duration::from_secs(value.parse().unwrap());
            value = rounded(timeout).as_secs().to_string();
        }
        options.insert(name.clone(), value);
    }
    options
}

/// Rounds a timeout up to whole thousands of seconds. The tests use only such timeouts, so that the
/// original is known from the time that is left.
pub(crate) fn rounded(timeout: Duration) -> Duration {
    Duration::from_secs(timeout.as_secs().div_ceil(1000) * 1000)
}

/// Parses an entry in the tool's syntax, without the set's name.
pub(crate) fn entry_line(text: &str) -> Line {
    let words = words(text);
    (words[0].clone(), options(&words[1..], false))
}

/// Parses a set in the tool's syntax, starting at its type.
pub(crate) fn create_line(text: &str) -> Line {
    let words = words(text);
    (words[0].clone(), options(&words[1..], true))
}

/// The sets and their entries in the kernel's order, by name.
pub(crate) type Saved = BTreeMap<String, (Line, Vec<Line>)>;

/// Parses the output of `ipset save`. The crate must read it and write it back unchanged.
pub(crate) fn saved_all() -> lab::Result<Saved> {
    let text = ipset(["save"])?;
    let mut writer = Writer::new(Vec::new());
    for line in Reader::new(text.as_bytes()) {
        match line.unwrap() {
            text::Line::Create(set) => writer.create(&set).unwrap(),
            text::Line::Add(set, entry) => writer.add(&set, &entry).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    let written = String::from_utf8(writer.into_inner()).unwrap();
    for (written, meant) in written.lines().zip(text.lines()) {
        assert_eq!(written, meant);
    }
    assert_eq!(written.len(), text.len());
    Ok(read(&text))
}

/// Returns the same sets, as listed and written by the crate.
pub(crate) fn saved_by_the_crate(sets: &mut IpSets) -> ipvset::Result<Saved> {
    let mut writer = Writer::new(Vec::new());
    let mut name = None;
    for item in sets.list_all()? {
        match (item?, name) {
            (SetOrEntry::Set(info), _) => {
                name = Some(info.name);
                writer.create(&info.set.expect("a type that the crate knows"))?;
            }
            (SetOrEntry::Entry(entry), Some(name)) => writer.add(&name, &entry)?,
            other => panic!("{other:?}"),
        }
    }
    Ok(read(&String::from_utf8(writer.into_inner()).unwrap()))
}

fn read(text: &str) -> Saved {
    let mut sets = Saved::new();
    for line in text.lines() {
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
    sets
}

/// Returns the same for one set.
pub(crate) fn saved(name: &str) -> lab::Result<(Line, Vec<Line>)> {
    let mut sets = saved_all()?;
    Ok(sets.remove(name).unwrap_or_default())
}

/// Returns the entries that the tool lists, in an order that does not depend on the kernel.
pub(crate) fn saved_entries(name: &str) -> lab::Result<Vec<Line>> {
    let (_, mut entries) = saved(name)?;
    entries.sort();
    Ok(entries)
}

/// Returns the entries that the crate lists, in an order that does not depend on the kernel.
pub(crate) fn listed<T: SetType>(
    sets: &mut IpSets,
    set: &IpSet<T>,
) -> ipvset::Result<Vec<Entry<T>>> {
    let mut entries = listed_in_order(sets, set)?;
    sort(&mut entries);
    Ok(entries)
}

/// Returns the entries that the crate lists, in the kernel's order.
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

/// Returns the values that the crate lists, in the tool's syntax without options, sorted as text.
pub(crate) fn values<T: SetType>(sets: &mut IpSets, set: &IpSet<T>) -> ipvset::Result<Vec<String>> {
    let mut values = Vec::new();
    for entry in sets.list(set)? {
        let (value, _) = entry_line(&entry?.to_string());
        values.push(value);
    }
    values.sort();
    Ok(values)
}

/// Sorts entries by their text.
pub(crate) fn sort<T: SetType>(entries: &mut [Entry<T>]) {
    entries.sort_by_cached_key(|entry| format!("{entry:?} {:?}", entry.value()));
}

/// Returns the entry as the kernel stores it, with defaults for missing options.
pub(crate) fn kept<T: SetType>(mut entry: Entry<T>, set: &CreateOptions) -> Entry<T> {
    let options = entry.options_mut();
    options.timeout = options.timeout.or(set.timeout);
    if set.counters {
        options.packets = options.packets.or(Some(0));
        options.bytes = options.bytes.or(Some(0));
    }
    entry
}

/// Formats the options of an entry in the tool's syntax.
pub(crate) fn entry_options(options: &EntryOptions) -> String {
    let mut text = String::new();
    let mut add = |word: String| text = format!("{text} {word}");
    if options.nomatch {
        add("nomatch".into());
    }
    if let Some(timeout) = options.timeout {
        add(format!("timeout {}", timeout.as_secs()));
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

/// Formats a set in the tool's syntax, starting at its type.
pub(crate) fn create_text<T: SetType>(set: &IpSet<T>) -> String {
    let options = set.options();
    let mut text = set.type_name().to_owned();
    let mut add = |word: String| text = format!("{text} {word}");
    if has_family(set.type_name()) {
        add(match options.family {
            Family::Ipv4 => "family inet".into(),
            Family::Ipv6 => "family inet6".into(),
        });
    }
    let numbers = [
        ("hashsize", options.hashsize),
        ("maxelem", options.maxelem),
        ("netmask", options.netmask.map(u32::from)),
        ("bucketsize", options.bucketsize.map(u32::from)),
        ("size", options.size),
        ("timeout", options.timeout.map(|it| it.as_secs() as u32)),
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

/// Whether the tool accepts and prints a family for a set type.
pub(crate) fn has_family(type_name: &str) -> bool {
    type_name.starts_with("hash:") && type_name != "hash:mac"
}

/// Whether the running kernel has this version or a later one.
pub(crate) fn kernel_is_at_least(major: u32, minor: u32) -> bool {
    lab::sysctl::kernel_is_at_least(major, minor).unwrap()
}
