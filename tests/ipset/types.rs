//! Sets of every type and family, with every option: made by the crate and read by the tool, and
//! the other way round.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use ipvset::ipset::*;

use lab::test::Test;

use crate::common::{Result, listed, same};

/// The tests, each with the type of set that it is about.
pub(crate) fn tests() -> Vec<(&'static str, Test)> {
    macro_rules! tests {
        ($($kind:literal $test:ident),* $(,)?) => {
            vec![$(($kind, Test::new(stringify!($test), $test))),*]
        };
    }
    tests![
        "bitmap:ip" bitmap_ip,
        "bitmap:ip,mac" bitmap_ip_mac,
        "bitmap:port" bitmap_port,
        "hash:ip" hash_ip,
        "hash:ip,mac" hash_ip_mac,
        "hash:ip,mark" hash_ip_mark,
        "hash:ip,port" hash_ip_port,
        "hash:ip,port,ip" hash_ip_port_ip,
        "hash:ip,port,net" hash_ip_port_net,
        "hash:mac" hash_mac,
        "hash:net" hash_net,
        "hash:net,iface" hash_net_iface,
        "hash:net,net" hash_net_net,
        "hash:net,port" hash_net_port,
        "hash:net,port,net" hash_net_port_net,
        "list:set" list_set,
        "hash:ip" masks_of_hash_ip,
        "hash:ip,port" masks_of_hash_ip_port,
        "hash:net,net" masks_of_hash_net_net,
        "hash:ip" a_set_with_forceadd_makes_room,
        "hash:ip,port" untyped_values_are_checked_at_run_time,
    ]
}

/// The lines that the real tool saves of one set, sorted behind the first.
fn saved(set: &str) -> Result<Vec<String>> {
    let text = lab::tool("ipset", ["save", set])?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Some((_, entries)) = lines.split_first_mut() {
        entries.sort();
    }
    Ok(lines)
}

/// Makes the set and its entries, holds it against what the tool saves, tests, lists, and removes;
/// then lets the tool restore what it saved and reads that.
///
/// `expected` are the tool's lines without the first two words: those of the entries in the
/// order of the text.
fn round_trip<T: SetType>(set: IpSet<T>, entries: Vec<Entry<T>>, expected: &[&str]) -> Result {
    let mut sets = IpSets::connect()?;
    let name = set.name().to_string();
    sets.create(&set)?;
    for entry in &entries {
        sets.add(&set, entry.clone())?;
        assert!(sets.test(&set, entry.clone())?, "{entry} is in the set");
    }
    let lines = saved(&name)?;
    let (head, rest) = lines.split_first().expect("a line for the set");
    let prefix = |word: &str| format!("{word} {name} ");
    let strip = |line: &String, word| line.strip_prefix(&prefix(word)).map(str::to_owned);
    let mut found = vec![strip(head, "create")];
    found.extend(rest.iter().map(|line| strip(line, "add")));
    let expected: Vec<_> = expected.iter().map(|it| Some(it.to_string())).collect();
    same("what the tool saves", found, expected);

    let mut sorted = entries.clone();
    sorted.sort_by_key(|entry| format!("{entry:?}"));
    same("what is listed", listed(&mut sets, &set)?, sorted.clone());

    // Untyped, it is the same.
    let there = sets.info(&set)?.set.expect("a type that the crate knows");
    same("the options", given(&there), given(&set.untype()));
    let untyped = listed(&mut sets, &there)?;
    same("untyped entries", texts(&untyped), texts(&sorted));
    for entry in &untyped {
        assert!(sets.test(&there, entry.clone())?, "{entry} is in the set");
        sets.remove(&there, entry.clone())?;
        // A larger network may have it still.
        let gone = there.type_name().contains("net") || !sets.test(&there, entry.clone())?;
        assert!(gone, "{entry} is removed");
        let missing = sets.remove(&there, entry.clone()).unwrap_err();
        assert!(missing.is_not_found(), "{missing}");
        sets.remove_if_present(&there, entry.clone())?;
        sets.add(&there, entry.clone())?;
        let twice = sets.add(&there, entry.clone()).unwrap_err();
        assert!(twice.already_exists(), "{twice}");
        sets.add_or_update(&there, entry.clone())?;
    }
    same("what was added untyped", saved(&name)?, lines.clone());
    let count = entries.len() as u64;
    same("removed", sets.remove_all(&set, entries.clone())?, count);
    same("nothing is left", listed(&mut sets, &set)?, vec![]);
    same("added", sets.add_all(&set, entries.clone())?, count);
    same("what was added at once", saved(&name)?, lines.clone());
    same("replaced", sets.replace(&set, entries)?, count);
    same(
        "what was replaced",
        listed(&mut sets, &set)?,
        sorted.clone(),
    );
    sets.destroy(&set)?;

    lab::tool_with_input("ipset", ["restore"], &lines.join("\n"))?;
    same("what the tool made", listed(&mut sets, &set)?, sorted);
    let there = sets.info(&set)?.set.expect("a type that the crate knows");
    same("the tool's options", given(&there), given(&set.untype()));
    sets.destroy(&set)?;
    Ok(())
}

/// Entries as the tool writes them, in order.
fn texts<T: SetType>(entries: &[Entry<T>]) -> Vec<String> {
    let mut texts: Vec<_> = entries.iter().map(Entry::to_string).collect();
    texts.sort();
    texts
}

/// A set with the kernel's defaults in place of what is not given.
fn given(set: &AnySet) -> CreateOptions {
    let mut options = set.options().clone();
    if set.type_name().starts_with("hash:") {
        options.hashsize.get_or_insert(1024);
        options.maxelem.get_or_insert(65536);
        options.bucketsize.get_or_insert(12);
    }
    if set.type_name() == "list:set" {
        options.size.get_or_insert(8);
    }
    if set.type_name() == "hash:ip,mark" {
        options.markmask.get_or_insert(u32::MAX);
    }
    options
}

/// A hash with everything that all hashes take.
fn full<T: HashType + Default>(name: &str) -> Result<IpSet<T>> {
    Ok(IpSet::new(name)?
        .hashsize(64)
        .maxelem(1000)
        .bucketsize(8)
        .initval(0x1234_5678)
        .timeout(0)
        .counters()
        .comments()
        .skbinfo())
}

/// An entry with everything that an entry has.
fn all<T: SetType>(entry: impl Into<Entry<T>>) -> Entry<T> {
    entry
        .into()
        .timeout(0)
        .counters(3, 200)
        .comment("a comment")
        .skbmark(SkbMark {
            mark: 0x11,
            mask: 0xff,
        })
        .skbprio(1, 10)
        .skbqueue(5)
}

/// An entry as a set with timeout and counters gives it.
fn plain<T: SetType>(entry: impl Into<Entry<T>>) -> Entry<T> {
    entry.into().timeout(0).counters(0, 0)
}

const HEAD: &str = "hashsize 64 maxelem 1000 timeout 0 counters comment skbinfo bucketsize 8 \
                    initval 0x12345678";
const ALL: &str = "timeout 0 packets 3 bytes 200 comment \"a comment\" skbmark 0x11/0xff skbprio \
                   1:a skbqueue 5";
const PLAIN: &str = "timeout 0 packets 0 bytes 0";

/// The first line of a hash with a family.
fn head(kind: &str, family: &str) -> String {
    format!("{kind} family {family} {HEAD}")
}

fn v4(text: &str) -> Ipv4Addr {
    text.parse().expect("an IPv4 address")
}

fn v6(text: &str) -> Ipv6Addr {
    text.parse().expect("an IPv6 address")
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a network")
}

const MAC: MacAddress = MacAddress([2, 0, 0x5e, 0x10, 0, 1]);

fn bitmap_ip() -> Result {
    let set = IpSet::<BitmapIp>::new("s")?
        .range(Ipv4Range::new(v4("10.0.0.0"), v4("10.0.255.255")))
        .timeout(0)
        .counters()
        .comments()
        .skbinfo();
    round_trip(
        set,
        vec![all(v4("10.0.0.1")), plain(v4("10.0.255.255"))],
        &[
            "bitmap:ip range 10.0.0.0-10.0.255.255 timeout 0 counters comment skbinfo",
            &format!("10.0.0.1 {ALL}"),
            &format!("10.0.255.255 {PLAIN}"),
        ],
    )?;
    let set = IpSet::<BitmapIp>::new("s")?
        .range(Ipv4Range::new(v4("10.0.0.0"), v4("10.0.255.255")))
        .netmask(24);
    round_trip(
        set,
        vec![v4("10.0.7.0").into()],
        &[
            "bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24",
            "10.0.7.0",
        ],
    )
}

fn bitmap_ip_mac() -> Result {
    let set = IpSet::<BitmapIpMac>::new("s")?
        .range(Ipv4Range::new(v4("10.0.0.0"), v4("10.0.0.9")))
        .timeout(0)
        .counters()
        .comments()
        .skbinfo();
    round_trip(
        set,
        vec![
            all((v4("10.0.0.1"), MAC)),
            plain((v4("10.0.0.2"), MaybeMac(None))),
        ],
        &[
            "bitmap:ip,mac range 10.0.0.0-10.0.0.9 timeout 0 counters comment skbinfo",
            &format!("10.0.0.1,02:00:5E:10:00:01 {ALL}"),
            &format!("10.0.0.2 {PLAIN}"),
        ],
    )
}

fn bitmap_port() -> Result {
    let set = IpSet::<BitmapPort>::new("s")?
        .range(0..=1023)
        .timeout(0)
        .counters()
        .comments()
        .skbinfo();
    round_trip(
        set,
        vec![all(80), plain(1023)],
        &[
            "bitmap:port range 0-1023 timeout 0 counters comment skbinfo",
            &format!("1023 {PLAIN}"),
            &format!("80 {ALL}"),
        ],
    )
}

fn hash_ip() -> Result {
    round_trip(
        full::<HashIp>("s")?,
        vec![all(v4("10.0.0.1")), plain(v4("192.168.1.1"))],
        &[
            &head("hash:ip", "inet"),
            &format!("10.0.0.1 {ALL}"),
            &format!("192.168.1.1 {PLAIN}"),
        ],
    )?;
    round_trip(
        full::<HashIp>("s")?.inet6(),
        vec![all(v6("2001:db8::1")), plain(v6("fe80::1"))],
        &[
            &head("hash:ip", "inet6"),
            &format!("2001:db8::1 {ALL}"),
            &format!("fe80::1 {PLAIN}"),
        ],
    )?;
    let masked = IpSet::<HashIp>::new("s")?.initval(1).netmask(24);
    round_trip(
        masked,
        vec![v4("10.0.1.0").into()],
        &[
            "hash:ip family inet hashsize 1024 maxelem 65536 netmask 24 bucketsize 12 \
             initval 0x00000001",
            "10.0.1.0",
        ],
    )
}

fn hash_ip_mac() -> Result {
    round_trip(
        full::<HashIpMac>("s")?,
        vec![all((v4("10.0.0.1"), MAC)), plain((v4("10.0.0.2"), MAC))],
        &[
            &head("hash:ip,mac", "inet"),
            &format!("10.0.0.1,02:00:5E:10:00:01 {ALL}"),
            &format!("10.0.0.2,02:00:5E:10:00:01 {PLAIN}"),
        ],
    )?;
    round_trip(
        full::<HashIpMac>("s")?.inet6(),
        vec![all((v6("2001:db8::1"), MAC))],
        &[
            &head("hash:ip,mac", "inet6"),
            &format!("2001:db8::1,02:00:5E:10:00:01 {ALL}"),
        ],
    )
}

fn hash_ip_mark() -> Result {
    round_trip(
        full::<HashIpMark>("s")?.markmask(0xff),
        vec![
            all((v4("10.0.0.1"), Mark(0x63))),
            plain((v4("10.0.0.2"), Mark(0))),
        ],
        &[
            "hash:ip,mark family inet markmask 0x000000ff hashsize 64 maxelem 1000 timeout 0 \
             counters comment skbinfo bucketsize 8 initval 0x12345678",
            &format!("10.0.0.1,0x00000063 {ALL}"),
            &format!("10.0.0.2,0x00000000 {PLAIN}"),
        ],
    )?;
    round_trip(
        full::<HashIpMark>("s")?.inet6(),
        vec![all((v6("2001:db8::1"), Mark(u32::MAX)))],
        &[
            "hash:ip,mark family inet6 markmask 0xffffffff hashsize 64 maxelem 1000 timeout 0 \
             counters comment skbinfo bucketsize 8 initval 0x12345678",
            &format!("2001:db8::1,0xffffffff {ALL}"),
        ],
    )
}

fn hash_ip_port() -> Result {
    round_trip(
        full::<HashIpPort>("s")?,
        vec![
            all((v4("10.0.0.1"), tcp(80))),
            plain((v4("10.0.0.1"), udp(53))),
            plain((v4("10.0.0.1"), sctp(65535))),
            plain((v4("10.0.0.1"), udplite(1))),
            plain((v4("10.0.0.1"), icmp(8, 0))),
            plain((v4("10.0.0.1"), icmp(3, 13))),
            plain((v4("10.0.0.1"), protocol(47))),
        ],
        &[
            &head("hash:ip,port", "inet"),
            &format!("10.0.0.1,gre:0 {PLAIN}"),
            &format!("10.0.0.1,icmp:communication-prohibited {PLAIN}"),
            &format!("10.0.0.1,icmp:echo-request {PLAIN}"),
            &format!("10.0.0.1,sctp:65535 {PLAIN}"),
            &format!("10.0.0.1,tcp:80 {ALL}"),
            &format!("10.0.0.1,udp:53 {PLAIN}"),
            &format!("10.0.0.1,udplite:1 {PLAIN}"),
        ],
    )?;
    round_trip(
        full::<HashIpPort>("s")?.inet6(),
        vec![
            all((v6("2001:db8::1"), tcp(80))),
            plain((v6("2001:db8::1"), icmpv6(128, 0))),
        ],
        &[
            &head("hash:ip,port", "inet6"),
            &format!("2001:db8::1,ipv6-icmp:echo-request {PLAIN}"),
            &format!("2001:db8::1,tcp:80 {ALL}"),
        ],
    )
}

fn hash_ip_port_ip() -> Result {
    round_trip(
        full::<HashIpPortIp>("s")?,
        vec![
            all((v4("10.0.0.11"), tcp(8080), v4("10.0.0.11"))),
            plain((v4("10.0.0.21"), tcp(8080), v4("10.0.0.21"))),
        ],
        &[
            &head("hash:ip,port,ip", "inet"),
            &format!("10.0.0.11,tcp:8080,10.0.0.11 {ALL}"),
            &format!("10.0.0.21,tcp:8080,10.0.0.21 {PLAIN}"),
        ],
    )?;
    round_trip(
        full::<HashIpPortIp>("s")?.inet6(),
        vec![all((v6("2001:db8::1"), udp(53), v6("::1")))],
        &[
            &head("hash:ip,port,ip", "inet6"),
            &format!("2001:db8::1,udp:53,::1 {ALL}"),
        ],
    )
}

fn hash_ip_port_net() -> Result {
    round_trip(
        full::<HashIpPortNet>("s")?,
        vec![
            all((v4("10.0.0.1"), tcp(80), net("192.168.0.0/16"))),
            plain((v4("10.0.0.1"), tcp(80), v4("192.168.7.7"))).nomatch(),
        ],
        &[
            &head("hash:ip,port,net", "inet"),
            &format!("10.0.0.1,tcp:80,192.168.0.0/16 {ALL}"),
            "10.0.0.1,tcp:80,192.168.7.7 timeout 0 nomatch packets 0 bytes 0",
        ],
    )?;
    round_trip(
        full::<HashIpPortNet>("s")?.inet6(),
        vec![all((v6("::1"), tcp(80), net("2001:db8::/32")))],
        &[
            &head("hash:ip,port,net", "inet6"),
            &format!("::1,tcp:80,2001:db8::/32 {ALL}"),
        ],
    )
}

fn hash_mac() -> Result {
    round_trip(
        full::<HashMac>("s")?,
        vec![all(MAC), plain(MacAddress([2, 0, 0, 0, 0, 2]))],
        &[
            &format!("hash:mac {HEAD}"),
            &format!("02:00:00:00:00:02 {PLAIN}"),
            &format!("02:00:5E:10:00:01 {ALL}"),
        ],
    )
}

fn hash_net() -> Result {
    round_trip(
        full::<HashNet>("s")?,
        vec![
            all(net("10.0.0.0/8")),
            plain(net("10.1.0.0/16")).nomatch(),
            plain(v4("10.1.0.1")),
        ],
        &[
            &head("hash:net", "inet"),
            &format!("10.0.0.0/8 {ALL}"),
            "10.1.0.0/16 timeout 0 nomatch packets 0 bytes 0",
            &format!("10.1.0.1 {PLAIN}"),
        ],
    )?;
    round_trip(
        full::<HashNet>("s")?.inet6(),
        vec![all(net("2001:db8::/32")), plain(v6("2001:db8::1"))],
        &[
            &head("hash:net", "inet6"),
            &format!("2001:db8::/32 {ALL}"),
            &format!("2001:db8::1 {PLAIN}"),
        ],
    )
}

fn hash_net_iface() -> Result {
    round_trip(
        full::<HashNetIface>("s")?,
        vec![
            all((net("10.0.0.0/8"), Interface::new("eth0")?)),
            plain((net("0.0.0.0/0"), Interface::new("eth1")?.physdev())),
            plain((v4("10.0.0.1"), Interface::new("veth")?.wildcard())).nomatch(),
        ],
        &[
            &head("hash:net,iface", "inet"),
            &format!("0.0.0.0/0,physdev:eth1 {PLAIN}"),
            &format!("10.0.0.0/8,eth0 {ALL}"),
            "10.0.0.1,veth timeout 0 nomatch wildcard packets 0 bytes 0",
        ],
    )?;
    round_trip(
        full::<HashNetIface>("s")?.inet6(),
        vec![all((net("::/0"), Interface::new("fifteen-bytes-x")?))],
        &[
            &head("hash:net,iface", "inet6"),
            &format!("::/0,fifteen-bytes-x {ALL}"),
        ],
    )
}

fn hash_net_net() -> Result {
    round_trip(
        full::<HashNetNet>("s")?,
        vec![
            all((net("10.0.0.0/8"), net("192.168.0.0/16"))),
            plain((v4("10.0.0.1"), net("192.168.1.0/24"))).nomatch(),
        ],
        &[
            &head("hash:net,net", "inet"),
            &format!("10.0.0.0/8,192.168.0.0/16 {ALL}"),
            "10.0.0.1,192.168.1.0/24 timeout 0 nomatch packets 0 bytes 0",
        ],
    )?;
    round_trip(
        full::<HashNetNet>("s")?.inet6(),
        vec![all((net("2001:db8::/32"), v6("::1")))],
        &[
            &head("hash:net,net", "inet6"),
            &format!("2001:db8::/32,::1 {ALL}"),
        ],
    )
}

fn hash_net_port() -> Result {
    round_trip(
        full::<HashNetPort>("s")?,
        vec![
            all((net("10.0.0.0/8"), tcp(80))),
            plain((v4("10.0.0.1"), tcp(80))).nomatch(),
        ],
        &[
            &head("hash:net,port", "inet"),
            &format!("10.0.0.0/8,tcp:80 {ALL}"),
            "10.0.0.1,tcp:80 timeout 0 nomatch packets 0 bytes 0",
        ],
    )?;
    round_trip(
        full::<HashNetPort>("s")?.inet6(),
        vec![all((net("2001:db8::/32"), udp(53)))],
        &[
            &head("hash:net,port", "inet6"),
            &format!("2001:db8::/32,udp:53 {ALL}"),
        ],
    )
}

fn hash_net_port_net() -> Result {
    round_trip(
        full::<HashNetPortNet>("s")?,
        vec![
            all((net("10.0.0.0/8"), tcp(80), net("192.168.0.0/16"))),
            plain((net("0.0.0.0/0"), tcp(80), v4("192.168.0.1"))).nomatch(),
        ],
        &[
            &head("hash:net,port,net", "inet"),
            "0.0.0.0/0,tcp:80,192.168.0.1 timeout 0 nomatch packets 0 bytes 0",
            &format!("10.0.0.0/8,tcp:80,192.168.0.0/16 {ALL}"),
        ],
    )?;
    round_trip(
        full::<HashNetPortNet>("s")?.inet6(),
        vec![all((net("2001:db8::/32"), udp(53), net("::/0")))],
        &[
            &head("hash:net,port,net", "inet6"),
            &format!("2001:db8::/32,udp:53,::/0 {ALL}"),
        ],
    )
}

fn list_set() -> Result {
    let mut sets = IpSets::connect()?;
    for name in ["one", "two"] {
        sets.create(&IpSet::<HashIp>::new(name)?)?;
    }
    let set = IpSet::<ListSet>::new("s")?
        .size(4)
        .timeout(0)
        .counters()
        .comments()
        .skbinfo();
    round_trip(
        set,
        vec![all(Member::new("one")?), plain(Member::new("two")?)],
        &[
            "list:set size 4 timeout 0 counters comment skbinfo",
            &format!("one {ALL}"),
            &format!("two {PLAIN}"),
        ],
    )
}

/// The tool does not show forceadd (7.17), so it is not part of the round trips.
/// Masks that came with Linux 6.2: they work, or are refused before the kernel is asked.
fn masks<T>(since: u8, masked: impl Into<Entry<T>>, entry: impl Into<Entry<T>>) -> Result
where
    T: NetmaskType + BitmaskType + Default,
{
    let mut sets = IpSets::connect()?;
    let set = IpSet::<T>::new("masked")?;
    let bitmask = set.clone().bitmask(v4("255.255.0.255"));
    let netmask = set.clone().netmask(24);
    let (_, most) = sets.revisions(AnyType::of(&T::default()))?;
    if most < since {
        let mut late = vec![("bitmask", bitmask)];
        if set.type_name() != "hash:ip" {
            late.push(("netmask", netmask));
        }
        for (option, set) in late {
            let error = sets.create(&set).unwrap_err();
            assert!(error.is_unavailable(), "{error}");
            let text = error.to_string();
            let said = format!("{option} needs Linux 6.2 or later");
            assert!(text.contains(&said), "{text}");
        }
        return Ok(());
    }
    let entry = entry.into();
    sets.create(&bitmask)?;
    sets.add(&bitmask, entry.clone())?;
    assert!(
        sets.test(&bitmask, entry)?,
        "it is masked when it is tested too"
    );
    same(
        "what is listed",
        listed(&mut sets, &bitmask)?,
        vec![masked.into()],
    );
    let saved = saved("masked")?;
    assert!(saved[0].contains(" bitmask 255.255.0.255"), "{saved:?}");
    let there = sets.get::<T>("masked")?;
    same(
        "the mask",
        there.options().bitmask,
        bitmask.options().bitmask,
    );
    assert!(!sets.create_or_same(&bitmask)?, "it is the same");
    let other = sets.create_or_same(&set).unwrap_err();
    assert!(other.already_exists(), "{other}");
    sets.destroy("masked")?;
    lab::tool_with_input("ipset", ["restore"], &saved.join("\n"))?;
    same(
        "the tool's mask",
        sets.get::<T>("masked")?.options().bitmask,
        bitmask.options().bitmask,
    );
    sets.destroy("masked")?;
    sets.create(&netmask)?;
    same(
        "the netmask",
        sets.get::<T>("masked")?.options().netmask,
        Some(24),
    );

    let both = netmask.bitmask(v4("255.255.0.255"));
    assert!(sets.create(&both).unwrap_err().is_invalid_input());
    Ok(())
}

fn masks_of_hash_ip() -> Result {
    masks::<HashIp>(6, v4("10.0.0.7"), v4("10.0.9.7"))
}

fn masks_of_hash_ip_port() -> Result {
    let entry = |address| (v4(address), tcp(80));
    masks::<HashIpPort>(7, entry("10.0.0.7"), entry("10.0.9.7"))
}

fn masks_of_hash_net_net() -> Result {
    let entry = |one, other| (v4(one), v4(other));
    masks::<HashNetNet>(
        4,
        entry("10.0.0.7", "10.1.0.7"),
        entry("10.0.9.7", "10.1.9.7"),
    )
}

fn a_set_with_forceadd_makes_room() -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("s")?
        .hashsize(64)
        .maxelem(64)
        .forceadd();
    sets.create(&set)?;
    assert!(sets.get::<HashIp>("s")?.options().forceadd);
    let mut added = 0;
    for address in 1..=200 {
        match sets.add(&set, Ipv4Addr::from_bits(address)) {
            Ok(()) => added += 1,
            Err(error) => assert!(error.is_full(), "{error}"),
        }
    }
    let count = listed(&mut sets, &set)?.len();
    assert!(count <= 64 && added > 64, "{added} added, {count} kept");
    Ok(())
}

/// An address of either family in the untyped world.
fn untyped_values_are_checked_at_run_time() -> Result {
    let mut sets = IpSets::connect()?;
    let set = AnySet::untyped("s", "hash:ip,port".parse()?)?;
    sets.create(&set)?;
    let address: IpAddr = v4("10.0.0.1").into();
    sets.add(&set, (address, tcp(80)))?;
    for (entry, why) in [
        (AnyEntry::from(address), "1 elements"),
        ((address, MAC).into(), "a port with its protocol is meant"),
        ((tcp(80), address).into(), "an address or a range"),
        ((v6("::1"), tcp(80)).into(), "holds IPv4"),
        ((address, tcp(80), address).into(), "3 elements"),
    ] {
        let error = sets.add(&set, entry).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    Ok(())
}
