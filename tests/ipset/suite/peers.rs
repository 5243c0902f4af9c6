//! The behaviours that other libraries test: pyroute2 in test_ipset.py, and vishvananda/netlink in
//! its ipset tests.

use ipvset::OnFailure;
use ipvset::ipset::elements::{Interface, Mark, Member, tcp, udp};
use ipvset::ipset::types::{
    BitmapIp, BitmapPort, HashIp, HashIpMark, HashIpPort, HashMac, HashNet, HashNetIface,
    HashNetNet, HashNetPortNet, ListSet, SetType,
};
use ipvset::ipset::{AnyEntry, AnySet, Entry, IpSet, IpSets, Revision, SetOrEntry};
use std::time::Duration;

use super::common::{
    Outcome, create_line, created, entry_line, kernel_is_at_least, listed, mac, net, range,
    restore, saved, saved_entries, set, tests, v4, v6, values,
};
use super::{ALL, Test};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        &["hash:ip"] => create_exclusively_or_not,
        &["hash:ip"] => add_exclusively_or_not,
        &["hash:ip"] => create_and_destroy,
        &["hash:ip"] => add_and_delete,
        &["hash:ip"] => swap,
        &["hash:ip"] => rename,
        &["hash:ip"] => flush,
        &["hash:ip"] => get_by_name_and_by_index,
        &["hash:ip"] => counters,
        &["hash:ip"] => comments,
        &["hash:ip"] => skbinfo_of_an_entry,
        &["hash:ip"] => maxelem_and_hashsize,
        &["hash:ip"] => forceadd,
        &["hash:ip"] => timeouts_of_set_and_entry,
        &["hash:net", "hash:net,iface"] => networks_and_interfaces,
        &["hash:net,port,net"] => network_port_network,
        &["list:set", "hash:ip"] => a_list_of_sets,
        &["bitmap:port"] => ports_in_a_bitmap,
        &["bitmap:ip"] => addresses_in_a_bitmap,
        &["hash:ip,port"] => port_ranges_with_protocols,
        &["hash:ip", "hash:net"] => all_sets_with_their_entries,
        ALL => one_flow_for_every_type,
        ALL => the_highest_revision_is_the_kernels,
        ALL => the_lowest_revision_that_can_express_a_set,
    ]
}

fn create_exclusively_or_not() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    let error = sets.create(&set).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(error.object_name(), Some("s"));
    assert!(!sets.create_if_absent(&set)?);
    Ok(())
}

fn add_exclusively_or_not() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    sets.add(&set, v4("172.16.0.1"))?;
    let error = sets.add(&set, v4("172.16.0.1")).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(error.object_name(), Some("172.16.0.1 in s"));
    sets.put(&set, v4("172.16.0.1"))?;
    assert_eq!(values(&mut sets, &set)?, ["172.16.0.1"]);
    Ok(())
}

fn create_and_destroy() -> Outcome {
    let mut sets = IpSets::connect()?;
    for (number, name) in ["one", "two", "three"].into_iter().enumerate() {
        sets.create(&IpSet::<HashIp>::new(name)?)?;
        assert_eq!(sets.names()?.len(), number + 1);
    }
    sets.destroy("two")?;
    let names: Vec<_> = sets.names()?.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["one", "three"]);
    assert!(sets.destroy("two").unwrap_err().is_not_found());
    sets.destroy_all()?;
    assert_eq!(sets.info_all()?.len(), 0);
    Ok(())
}

fn add_and_delete() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    for number in 1..=20 {
        sets.add(&set, v4(&format!("192.168.1.{number}")))?;
    }
    assert_eq!(saved_entries("s")?.len(), 20);
    for number in 1..=20 {
        let address = v4(&format!("192.168.1.{number}"));
        assert!(sets.test(&set, address)?);
        sets.remove(&set, address)?;
        assert!(!sets.test(&set, address)?);
    }
    assert_eq!(saved_entries("s")?.len(), 0);
    Ok(())
}

fn swap() -> Outcome {
    let (mut sets, one) = created(set::<HashIp>())?;
    let other = one.with_name("other")?;
    sets.create(&other)?;
    sets.add(&one, v4("10.0.0.1"))?;
    sets.add(&other, v4("10.0.0.2"))?;
    let indices = (sets.index(&one)?, sets.index(&other)?);
    sets.swap(&one, &other)?;
    assert_eq!(values(&mut sets, &one)?, ["10.0.0.2"]);
    assert_eq!(values(&mut sets, &other)?, ["10.0.0.1"]);
    assert_eq!(saved_entries("s")?, [entry_line("10.0.0.2")]);
    // The index stays with the name, so rules that use it see the new content.
    assert_eq!((sets.index(&one)?, sets.index(&other)?), indices);
    Ok(())
}

fn rename() -> Outcome {
    let (mut sets, one) = created(set::<HashIp>())?;
    sets.add(&one, v4("10.0.0.1"))?;
    sets.rename(&one, "new")?;
    assert!(sets.header("s").unwrap_err().is_not_found());
    let new = one.with_name("new")?;
    assert_eq!(values(&mut sets, &new)?, ["10.0.0.1"]);
    Ok(())
}

fn flush() -> Outcome {
    let (mut sets, one) = created(set::<HashIp>())?;
    let other = one.with_name("other")?;
    sets.create(&other)?;
    for set in [&one, &other] {
        sets.add(set, range("10.0.0.1", "10.0.0.9"))?;
    }
    sets.flush(&one)?;
    assert_eq!(sets.info(&one)?.entries, Some(0));
    assert_eq!(sets.info(&other)?.entries, Some(9));
    sets.flush_all()?;
    assert_eq!(sets.info(&other)?.entries, Some(0));
    Ok(())
}

fn get_by_name_and_by_index() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    let index = sets.index(&set)?;
    assert_eq!(sets.by_index(index)?, "s");
    assert_eq!(sets.info(&set)?.index, Some(index));
    let error = sets.by_index(index + 1).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    sets.destroy(&set)?;
    assert!(sets.by_index(index).unwrap_err().is_not_found());
    Ok(())
}

fn counters() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().counters())?;
    sets.add(&set, Entry::new(v4("172.16.202.202")).counters(10, 10000))?;
    sets.add(&set, v4("172.16.202.203"))?;
    let expected = [
        entry_line("172.16.202.202 packets 10 bytes 10000"),
        entry_line("172.16.202.203 packets 0 bytes 0"),
    ];
    assert_eq!(saved_entries("s")?, expected);
    let entries = listed(&mut sets, &set)?;
    assert_eq!(entries[0].options().packets, Some(10));
    assert_eq!(entries[0].options().bytes, Some(10000));
    let bare = IpSet::<HashIp>::new("bare")?;
    sets.create(&bare)?;
    sets.add(&bare, v4("10.0.0.1"))?;
    assert_eq!(listed(&mut sets, &bare)?[0].options().packets, None);
    Ok(())
}

fn comments() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().comments())?;
    let text = "a very nice comment";
    sets.add(&set, Entry::new(v4("172.16.202.202")).comment(text))?;
    let entries = listed(&mut sets, &set)?;
    assert_eq!(entries[0].options().comment().as_deref(), Some(text));
    for bad in [
        "x".repeat(256),
        "a \"quoted\" word".into(),
        "two\nlines".into(),
    ] {
        let error = sets
            .add(&set, Entry::new(v4("10.0.0.1")).comment(bad))
            .unwrap_err();
        assert!(error.is_invalid_input() && error.ipset_code().is_none());
    }
    // An empty comment is no comment.
    sets.put(&set, Entry::new(v4("172.16.202.202")).comment(""))?;
    assert_eq!(saved_entries("s")?, [entry_line("172.16.202.202")]);
    Ok(())
}

fn skbinfo_of_an_entry() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().skbinfo())?;
    let entry = Entry::new(v4("172.16.202.202"));
    let entry = entry.skbmark(0xffff).skbprio(1, 10).skbqueue(7);
    sets.add(&set, entry.clone())?;
    assert_eq!(listed(&mut sets, &set)?, [entry]);
    let line = entry_line("172.16.202.202 skbmark 0xffff skbprio 1:a skbqueue 7");
    assert_eq!(saved_entries("s")?, [line]);
    Ok(())
}

fn maxelem_and_hashsize() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().maxelem(2).hashsize(512))?;
    sets.add(&set, v4("172.16.202.202"))?;
    sets.add(&set, v4("172.16.202.203"))?;
    let error = sets.add(&set, v4("172.16.202.204")).unwrap_err();
    assert!(error.is_full(), "{error}");
    let options = saved("s")?.0.1;
    assert_eq!((&*options["maxelem"], &*options["hashsize"]), ("2", "512"));
    Ok(())
}

fn forceadd() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().forceadd().maxelem(20).hashsize(1))?;
    assert!(sets.get::<HashIp>(&set)?.options().forceadd);
    let mut added = 0;
    for number in 1..250 {
        match sets.add(&set, v4(&format!("10.0.0.{number}"))) {
            Ok(()) => added += 1,
            // The bucket was empty.
            Err(error) => assert!(error.is_full(), "{error}"),
        }
    }
    assert!(added > 20, "{added}");
    assert!(sets.list(&set)?.count() <= 20);
    Ok(())
}

fn timeouts_of_set_and_entry() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().timeout(Duration::from_secs(2000)))?;
    sets.add(&set, v4("10.0.0.1"))?;
    sets.add(
        &set,
        Entry::new(v4("10.0.0.2")).timeout(Duration::from_secs(1000)),
    )?;
    sets.add(
        &set,
        Entry::new(v4("10.0.0.3")).timeout(Duration::from_secs(0)),
    )?;
    let timeouts: Vec<_> = listed(&mut sets, &set)?
        .iter()
        .map(|entry| entry.options().timeout)
        .collect();
    assert_eq!(
        timeouts,
        [2000, 1000, 0].map(|it| Some(Duration::from_secs(it)))
    );
    assert_eq!(saved_entries("s")?[2], entry_line("10.0.0.3 timeout 0"));
    Ok(())
}

fn networks_and_interfaces() -> Outcome {
    let (mut sets, set) = created(set::<HashNet>())?;
    sets.add(&set, net("172.16.0.0/12"))?;
    sets.add(&set, range("192.168.1.0", "192.168.1.255"))?;
    assert_eq!(
        values(&mut sets, &set)?,
        ["172.16.0.0/12", "192.168.1.0/24"]
    );
    assert!(sets.test(&set, v4("172.20.1.1"))?);
    let wires = IpSet::<HashNetIface>::new("wires")?;
    sets.create(&wires)?;
    sets.add(&wires, (net("192.168.1.0/24"), Interface::new("eth0")?))?;
    sets.add(
        &wires,
        (net("10.0.0.0/8"), Interface::new("eth0")?.physdev()),
    )?;
    let expected = ["10.0.0.0/8,physdev:eth0", "192.168.1.0/24,eth0"];
    assert_eq!(values(&mut sets, &wires)?, expected);
    sets.remove(
        &wires,
        (net("10.0.0.0/8"), Interface::new("eth0")?.physdev()),
    )?;
    assert_eq!(saved_entries("wires")?, [entry_line("192.168.1.0/24,eth0")]);
    Ok(())
}

fn network_port_network() -> Outcome {
    let (mut sets, set) = created(set::<HashNetPortNet>())?;
    let one = (net("192.168.1.0/24"), tcp(443), net("10.0.0.0/8"));
    sets.add(&set, one)?;
    sets.add(&set, (v4("1.1.1.1"), udp(53..=54), v4("2.2.2.2")))?;
    assert_eq!(saved_entries("s")?.len(), 3);
    assert!(sets.test(&set, (v4("192.168.1.7"), tcp(443), v4("10.1.2.3")))?);
    assert!(!sets.test(&set, (v4("192.168.1.7"), udp(443), v4("10.1.2.3")))?);
    sets.remove(&set, one)?;
    assert!(!sets.test(&set, one)?);
    Ok(())
}

fn a_list_of_sets() -> Outcome {
    let (mut sets, list) = created(set::<ListSet>())?;
    restore("create a hash:ip\ncreate b hash:ip\ncreate c hash:ip\n")?;
    sets.add(&list, Member::new("a")?)?;
    sets.add(&list, Member::new("c")?)?;
    sets.add(&list, Member::new("b")?.before("c")?)?;
    let names: Vec<_> = saved("s")?.1.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let error = sets.destroy("b").unwrap_err();
    assert!(error.is_busy(), "{error}");
    let before = sets
        .remove(&list, Member::new("b")?.before("a")?)
        .unwrap_err();
    assert!(before.is_not_found(), "{before}");
    sets.remove(&list, Member::new("b")?.after("a")?)?;
    sets.destroy("b")?;
    assert!(sets.test(&list, Member::new("a")?)?);
    let error = sets.test(&list, Member::new("b")?);
    assert!(!error?, "a destroyed set is in no list");
    Ok(())
}

fn ports_in_a_bitmap() -> Outcome {
    let (mut sets, set) = created(set::<BitmapPort>().range(6000..=7000))?;
    sets.add(&set, 6001)?;
    sets.add(&set, 6010..=6020)?;
    assert_eq!(values(&mut sets, &set)?.len(), 12);
    for outside in [5999, 7001] {
        let error = sets.add(&set, outside).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        assert!(error.to_string().contains("6000-7000"), "{error}");
    }
    let line = create_line("bitmap:port range 6000-7000");
    assert_eq!(saved("s")?.0, line);
    Ok(())
}

fn addresses_in_a_bitmap() -> Outcome {
    let (mut sets, set) =
        created(set::<BitmapIp>().range("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?))?;
    sets.add(&set, v4("10.0.0.1"))?;
    sets.add(&set, net("10.0.0.128/30"))?;
    assert_eq!(values(&mut sets, &set)?.len(), 5);
    let info_all = sets.info_all()?;
    let options = info_all[0].set.as_ref().map(|it| it.options().clone());
    assert_eq!(options.and_then(|it| it.range), set.options().range);
    Ok(())
}

fn port_ranges_with_protocols() -> Outcome {
    let (mut sets, set) = created(set::<HashIpPort>())?;
    sets.add(&set, (v4("1.1.1.1"), tcp(10..=12)))?;
    sets.add(&set, (v4("1.1.1.1"), udp(10..=12)))?;
    let lines: Vec<_> = saved_entries("s")?
        .into_iter()
        .map(|(value, _)| value)
        .collect();
    let expected: Vec<_> = ["tcp", "udp"]
        .iter()
        .flat_map(|protocol| (10..=12).map(move |port| format!("1.1.1.1,{protocol}:{port}")))
        .collect();
    assert_eq!(lines, expected);
    sets.remove(&set, (v4("1.1.1.1"), tcp(11)))?;
    assert!(!sets.test(&set, (v4("1.1.1.1"), tcp(11)))?);
    assert!(sets.test(&set, (v4("1.1.1.1"), udp(11)))?);
    Ok(())
}

/// A set that needs several datagrams is listed as one set.
fn all_sets_with_their_entries() -> Outcome {
    let (mut sets, large) = created(set::<HashIp>().comments())?;
    let small = IpSet::<HashNet>::new("small")?.inet6();
    sets.create(&small)?;
    sets.create(&IpSet::<HashNet>::new("empty")?)?;
    sets.add(&small, v6("2001:db8::1"))?;
    let comment = "x".repeat(255);
    let entries = (0..5000).map(|number| {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0001 + number);
        Entry::<HashIp>::new(address).comment(comment.clone())
    });
    sets.add_all(&large, entries, OnFailure::Stop)
        .into_result()?;
    let mut found: Vec<(String, usize)> = Vec::new();
    for item in sets.list_all()? {
        match item? {
            SetOrEntry::Set(info) => found.push((info.name.to_string(), 0)),
            SetOrEntry::Entry(_) => found.last_mut().ok_or("an entry before its set")?.1 += 1,
            _ => {}
        }
    }
    found.sort();
    let expected = [("empty", 0), ("s", 5000), ("small", 1)];
    assert_eq!(
        found,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
    assert_eq!(sets.list(&large)?.count(), 5000);
    Ok(())
}

/// Creates, adds, lists, removes and destroys, for the types in the table of vishvananda/netlink.
fn one_flow_for_every_type() -> Outcome {
    let sets = &mut IpSets::connect()?;
    let eth0 = Interface::new("eth0")?;
    let mac = mac("02:00:00:00:00:01");
    flow(sets, set::<HashIp>(), v4("10.0.0.1"))?;
    flow(sets, set::<HashIp>().inet6(), v6("2001:db8::1"))?;
    flow(sets, set::<HashNet>(), net("10.10.10.0/24"))?;
    flow(sets, set::<HashNet>().inet6(), net("2001:db8::/64"))?;
    let nets = (net("10.10.10.0/24"), net("192.168.0.0/16"));
    flow(sets, set::<HashNetNet>(), nets)?;
    let nets = (net("2001:db8::/64"), net("2001:db8:1::/64"));
    flow(sets, set::<HashNetNet>().inet6(), nets)?;
    flow(sets, set::<HashIpPort>(), (v4("10.0.0.1"), tcp(443)))?;
    let entry = (net("10.0.0.0/8"), udp(53), net("192.168.0.0/16"));
    flow(sets, set::<HashNetPortNet>(), entry)?;
    flow(sets, set::<HashMac>(), mac)?;
    flow(sets, set::<HashNetIface>(), (net("10.0.0.0/8"), eth0))?;
    flow(sets, set::<HashIpMark>(), (v4("10.0.0.1"), Mark(0xff)))?;
    flow(sets, set::<BitmapPort>().range(0..=65535), 443)?;
    Ok(())
}

fn flow<T: SetType>(sets: &mut IpSets, set: IpSet<T>, entry: impl Into<Entry<T>>) -> Outcome {
    let set = set
        .timeout(Duration::from_secs(3000))
        .counters()
        .comments()
        .skbinfo();
    let entry = entry
        .into()
        .comment("test comment")
        .timeout(Duration::from_secs(1000));
    sets.create(&set)?;
    let info = sets.info(&set)?;
    assert_eq!((info.entries, info.references), (Some(0), 0));
    assert!(info.memory > 0);
    sets.add(&set, entry.clone())?;
    let there = listed(sets, &set)?;
    assert_eq!(there.len(), 1);
    assert_eq!(there[0].value(), entry.value());
    assert_eq!(there[0].options().timeout, Some(Duration::from_secs(1000)));
    assert_eq!(
        there[0].options().comment().as_deref(),
        Some("test comment")
    );
    assert_eq!(sets.info(&set)?.entries, Some(1));
    sets.remove(&set, entry)?;
    assert_eq!(listed(sets, &set)?.len(), 0);
    sets.destroy(&set)?;
    Ok(())
}

/// `Revision::Highest` is the highest revision that both the kernel and the crate know. The tool
/// uses the same.
fn the_highest_revision_is_the_kernels() -> Outcome {
    let mut sets = IpSets::connect()?;
    let mut text = String::new();
    let mut expected = Vec::new();
    for (number, name) in ALL.iter().enumerate() {
        let range = match *name {
            "bitmap:port" => " range 0-9",
            name if name.starts_with("bitmap:") => " range 10.0.0.0/24",
            _ => "",
        };
        text += &format!("create tool-{number} {name}{range}\n");
        let (least, most) = sets.revisions(name.parse()?)?;
        assert!(least <= most);
        expected.push(most);
    }
    restore(&text)?;
    for (number, name) in ALL.iter().enumerate() {
        let tool = sets.header(format!("tool-{number}"))?;
        assert_eq!(tool.type_name, *name);
        let set = AnySet::untyped(format!("crate-{number}"), name.parse()?)?;
        let mut set = set;
        set.options_mut().range = sets.info(tool.name)?.set.and_then(|it| it.options().range);
        sets.create_with(&set, Revision::Highest)?;
        assert_eq!(sets.header(&set)?.revision, tool.revision, "{name}");
        assert_eq!(tool.revision, expected[number], "{name}");
    }
    assert_eq!(
        sets.header("tool-3")?.revision >= 6,
        kernel_is_at_least(6, 2)
    );
    let any = sets.info("tool-3")?.set.ok_or("hash:ip is known")?;
    sets.add(&any, AnyEntry::new(v4("10.0.0.1")))?;
    Ok(())
}

/// The lowest revision is low enough for older tools, and high enough for the installed tool to
/// save every option.
fn the_lowest_revision_that_can_express_a_set() -> Outcome {
    let mut sets = IpSets::connect()?;
    restore("create m hash:ip\n")?;
    // The type, an entry, and the first revisions with all kinds of entries, counters, comment,
    // forceadd, skbinfo, and bucketsize.
    let types: [(&str, &str, [u8; 6]); 16] = [
        ("bitmap:ip", "10.0.0.1", [0, 1, 2, 0, 3, 0]),
        (
            "bitmap:ip,mac",
            "10.0.0.1,02:00:00:00:00:01",
            [0, 1, 2, 0, 3, 0],
        ),
        ("bitmap:port", "9", [0, 1, 2, 0, 3, 0]),
        ("hash:ip", "10.0.0.1", [0, 1, 2, 3, 4, 5]),
        (
            "hash:ip,mac",
            "10.0.0.1,02:00:00:00:00:01",
            [0, 0, 0, 0, 0, 1],
        ),
        ("hash:ip,mark", "10.0.0.1,0x00000007", [0, 0, 0, 1, 2, 3]),
        ("hash:ip,port", "10.0.0.1,sctp:9", [1, 2, 3, 4, 5, 6]),
        (
            "hash:ip,port,ip",
            "10.0.0.1,udplite:9,10.0.0.2",
            [1, 2, 3, 4, 5, 6],
        ),
        (
            "hash:ip,port,net",
            "10.0.0.1,tcp:9,10.0.0.0/24 nomatch",
            [3, 4, 5, 6, 7, 8],
        ),
        ("hash:mac", "02:00:00:00:00:01", [0, 0, 0, 0, 0, 1]),
        ("hash:net", "10.0.0.0/24 nomatch", [2, 3, 4, 5, 6, 7]),
        (
            "hash:net,iface",
            "10.0.0.0/24,lo nomatch",
            [7, 7, 7, 7, 7, 8],
        ),
        (
            "hash:net,net",
            "10.0.0.0/24,10.0.1.0/24 nomatch",
            [0, 0, 0, 1, 2, 3],
        ),
        (
            "hash:net,port",
            "10.0.0.0/24,tcp:9 nomatch",
            [3, 4, 5, 6, 7, 8],
        ),
        (
            "hash:net,port,net",
            "10.0.0.0/24,tcp:9,10.0.1.0/24 nomatch",
            [0, 0, 0, 1, 2, 3],
        ),
        ("list:set", "m", [0, 1, 2, 0, 3, 0]),
    ];
    for (name, entry, since) in types {
        let (least, most) = sets.revisions(name.parse()?)?;
        let hash = name.starts_with("hash:");
        let options = [
            "",
            "counters",
            "comment",
            "forceadd",
            "skbinfo",
            "bucketsize 4",
        ];
        for (option, since) in options.into_iter().zip(since) {
            if !hash && ["forceadd", "bucketsize 4"].contains(&option) {
                continue;
            }
            let range = match name {
                "bitmap:port" => "range 0-9",
                name if name.starts_with("bitmap:") => "range 10.0.0.0/24",
                _ => "",
            };
            let set: AnySet = format!("s {name} {range} {option}").parse()?;
            assert_eq!(set.lowest_revision(), since, "{name} {option}");
            if option == "bucketsize 4" && !kernel_is_at_least(5, 11) {
                continue;
            }
            sets.create(&set)?;
            let revision = sets.header("s")?.revision;
            let expected = match option {
                "bucketsize 4" => most,
                _ => since.clamp(least, most),
            };
            assert_eq!(revision, expected, "{name} {option}");
            let options = match option {
                "counters" => "packets 3 bytes 4",
                "comment" => "comment \"hello\"",
                "skbinfo" => "skbmark 0x7 skbprio 1:2 skbqueue 3",
                _ => "",
            };
            let line = format!("{entry} {options}");
            sets.add(&set, set.parse_entry(&line)?)?;
            assert_eq!(saved_entries("s")?, [entry_line(&line)], "{name}");
            let there = sets.info("s")?.set.ok_or("a type that is known")?;
            assert_eq!(
                there.options().bucketsize.filter(|size| *size == 4),
                set.options().bucketsize
            );
            sets.replace(&there, [set.parse_entry(&line)?])?;
            assert_eq!(sets.header("s")?.revision, revision);
            sets.destroy("s")?;
        }
    }
    Ok(())
}
