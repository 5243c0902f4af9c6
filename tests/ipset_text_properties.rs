//! The text of any set and entry is read back unchanged. Reading any text does not panic.

#[path = "ipset/arbitrary.rs"]
mod arbitrary;

use arbitrary::{entry, network, port, set, v4};
use ipvset::Family;
use ipvset::ipset::text::{Line, Reader, Writer};
use ipvset::ipset::types::HashIpPortNet;
use ipvset::ipset::{AnySet, Entry, IpSet};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 100_000, ..Default::default() })]

    #[test]
    fn a_sets_text_is_read_as_the_set(set in set()) {
        let text = set.to_string();
        let read: AnySet = text.parse()?;
        prop_assert_eq!(&read, &set);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn an_entrys_text_is_read_as_the_entry((set, entry) in set().prop_flat_map(entry)) {
        let text = entry.to_string();
        let read = set.parse_entry(&text)?;
        prop_assert_eq!(&read, &entry);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn a_file_is_read_as_it_was_written((set, entry) in set().prop_flat_map(entry)) {
        // An empty comment is written as no comment, which is the same for the kernel.
        prop_assume!(entry.options().comment_bytes() != Some(b""));
        let mut writer = Writer::new(Vec::new());
        writer.create(&set)?;
        writer.add(set.name(), &entry)?;
        let file = writer.into_inner();
        let lines = Reader::new(&file[..]).collect::<Result<Vec<_>, _>>()?;
        let name = *set.name();
        prop_assert_eq!(lines, vec![Line::Create(set), Line::Add(name, entry)]);
    }

    #[test]
    fn typed_entries_have_the_same_text(
        address in v4(), port in port(), net in network(Family::Ipv4), timeout in of(0..9u64),
    ) {
        let mut entry = Entry::<HashIpPortNet>::new((address, port, net));
        entry.options_mut().timeout = timeout.map(Duration::from_secs);
        let read: Entry<HashIpPortNet> = entry.to_string().parse()?;
        prop_assert_eq!(&read, &entry);
        let set = IpSet::<HashIpPortNet>::new("s")?;
        if set.validate_entry(entry.clone()).is_ok() {
            prop_assert_eq!(&set.parse_entry(entry.to_string())?, &entry);
            let untyped = set.untype().parse_entry(entry.to_string())?;
            prop_assert_eq!(untyped.to_string(), entry.to_string());
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*", bytes in vec(any::<u8>(), 0..200)) {
        let _ = text.parse::<AnySet>();
        for line in Reader::new(&bytes[..]).chain(Reader::new(text.as_bytes())).flatten() {
            let _ = line;
        }
    }

    /// Lines that are nearly correct: combinations of parts of correct lines.
    #[test]
    fn nearly_right_lines_are_read_or_refused_with_a_position(
        words in vec(select(vec![
            "add", "create", "s", "t", "hash:ip", "hash:net,iface", "list:set", "1.1.1.1", "::1/64",
            "1.1.1.1-2.2.2.2", ",", "tcp:80", "80-90", "[", "]", "-", ":", "/", "timeout", "5",
            "comment", "\"", "\"a b\"", "family", "inet6", "range", "bitmap:port", "0-9", "nomatch",
            "before", "wildcard", "skbmark", "0x1", "\u{fc}", " ", " ", " ", " ", "\t",
        ]), 0..12),
    ) {
        let line = words.concat();
        let file = format!("create s hash:ip,port family inet6\ncreate t hash:net,iface\n{line}\n");
        for line in Reader::new(file.as_bytes()).skip(2) {
            if let Err(error) = line {
                let (line, column) = error.position().expect("a position");
                prop_assert_eq!(line, 3);
                prop_assert!(column <= file.len());
            }
        }
    }
}
