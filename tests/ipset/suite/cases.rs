//! Every type and family: the tool reads what the crate writes, and the other way round.

use ipvset::OnFailure;
use ipvset::ipset::elements::{
    AnyValue, FromParts, Interface, Ipv4Range, Mark, Member, OptionalMac, PortRange, icmp, icmpv6,
    protocol, sctp, tcp, udp, udplite,
};
use ipvset::ipset::types::{
    BitmapIp, BitmapIpMac, BitmapPort, FamilyType, HashIp, HashIpMac, HashIpMark, HashIpPort,
    HashIpPortIp, HashIpPortNet, HashMac, HashNet, HashNetIface, HashNetNet, HashNetPort,
    HashNetPortNet, ListSet, SetType,
};
use ipvset::ipset::{AnyEntry, Entry, IpSet, IpSets, SetName, SetOrEntry};
use std::time::Duration;

use super::common::{
    Line, Outcome, create_line, create_text, entry_line, entry_options, ip, kept, listed, mac, net,
    restore, saved_all, saved_by_the_crate, sort, v4, v6,
};
use super::{Test, needs};

/// An entry, typed, untyped, and in the tool's syntax.
struct Sample<T: SetType> {
    typed: Entry<T>,
    untyped: AnyEntry,
    text: &'static str,
}

/// A type and family with entries. Where it matters, they have no element in common.
struct Case<T: SetType> {
    /// The set, with the required options: family or range.
    set: IpSet<T>,
    samples: Vec<Sample<T>>,
}

impl<T: SetType + Default> Case<T> {
    fn of(set: IpSet<T>) -> Self {
        Self {
            set,
            samples: Vec::new(),
        }
    }

    fn entry<P: Clone>(mut self, parts: P, text: &'static str) -> Self
    where
        T::Value: FromParts<P>,
        AnyValue: FromParts<P>,
    {
        self.samples.push(Sample {
            typed: Entry::new(parts.clone()),
            untyped: Entry::new(parts),
            text,
        });
        self
    }

    fn exception<P: Clone>(mut self, parts: P, text: &'static str) -> Self
    where
        T::Value: FromParts<P>,
        AnyValue: FromParts<P>,
    {
        self = self.entry(parts, text);
        if let Some(sample) = self.samples.last_mut() {
            sample.typed.options_mut().nomatch = true;
            sample.untyped.options_mut().nomatch = true;
        }
        self
    }
}

fn set<T: SetType + Default>() -> IpSet<T> {
    IpSet::new("s").unwrap()
}

fn set6<T: FamilyType + Default>() -> IpSet<T> {
    set().inet6()
}

fn bitmap_ip() -> Case<BitmapIp> {
    Case::of(set().range(Ipv4Range::new(v4("10.0.0.0"), v4("10.0.1.255"))))
        .entry(v4("10.0.0.0"), "10.0.0.0")
        .entry(v4("10.0.0.7"), "10.0.0.7")
        .entry(v4("10.0.1.255"), "10.0.1.255")
}

fn bitmap_ip_mac() -> Case<BitmapIpMac> {
    Case::of(set().range(Ipv4Range::new(v4("10.0.0.0"), v4("10.0.0.255"))))
        .entry(
            (ip("10.0.0.1"), mac("02:00:00:00:00:01")),
            "10.0.0.1,02:00:00:00:00:01",
        )
        .entry(
            (ip("10.0.0.255"), mac("fe:ff:ff:ff:ff:ff")),
            "10.0.0.255,FE:FF:FF:FF:FF:FF",
        )
        .entry((ip("10.0.0.2"), OptionalMac(None)), "10.0.0.2")
}

fn bitmap_port() -> Case<BitmapPort> {
    Case::of(set().range(PortRange::new(0, 65535)))
        .entry(PortRange::from(0), "0")
        .entry(PortRange::from(80), "80")
        .entry(PortRange::from(65535), "65535")
}

fn hash_ip() -> Case<HashIp> {
    Case::of(set())
        .entry(v4("10.0.0.1"), "10.0.0.1")
        .entry(v4("0.0.0.1"), "0.0.0.1")
        .entry(v4("255.255.255.255"), "255.255.255.255")
}

fn hash_ip6() -> Case<HashIp> {
    Case::of(set6())
        .entry(v6("2001:db8::1"), "2001:db8::1")
        .entry(v6("::1"), "::1")
        .entry(
            v6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        )
}

fn hash_ip_mac() -> Case<HashIpMac> {
    Case::of(set())
        .entry(
            (ip("10.0.0.1"), mac("02:00:00:00:00:01")),
            "10.0.0.1,02:00:00:00:00:01",
        )
        .entry(
            (ip("10.0.0.1"), mac("02:00:00:00:00:0a")),
            "10.0.0.1,02:00:00:00:00:0A",
        )
}

fn hash_ip_mac6() -> Case<HashIpMac> {
    Case::of(set6())
        .entry(
            (ip("2001:db8::1"), mac("02:00:00:00:00:01")),
            "2001:db8::1,02:00:00:00:00:01",
        )
        .entry(
            (ip("2001:db8::2"), mac("02:00:00:00:00:01")),
            "2001:db8::2,02:00:00:00:00:01",
        )
}

fn hash_ip_mark() -> Case<HashIpMark> {
    Case::of(set())
        .entry((v4("10.0.0.1"), Mark(0)), "10.0.0.1,0x00000000")
        .entry((v4("10.0.0.1"), Mark(0xab)), "10.0.0.1,0x000000ab")
        .entry((v4("0.0.0.0"), Mark(u32::MAX)), "0.0.0.0,0xffffffff")
}

fn hash_ip_mark6() -> Case<HashIpMark> {
    Case::of(set6())
        .entry((v6("2001:db8::1"), Mark(0)), "2001:db8::1,0x00000000")
        .entry((v6("::"), Mark(7)), "::,0x00000007")
}

fn hash_ip_port() -> Case<HashIpPort> {
    Case::of(set())
        .entry((v4("10.0.0.1"), tcp(80)), "10.0.0.1,tcp:80")
        .entry((v4("10.0.0.1"), udp(80)), "10.0.0.1,udp:80")
        .entry((v4("10.0.0.1"), sctp(65535)), "10.0.0.1,sctp:65535")
        .entry((v4("10.0.0.1"), udplite(1)), "10.0.0.1,udplite:1")
        .entry((v4("10.0.0.1"), tcp(0)), "10.0.0.1,tcp:0")
        .entry((v4("10.0.0.1"), icmp(8, 0)), "10.0.0.1,icmp:echo-request")
        .entry((v4("10.0.0.1"), icmp(200, 17)), "10.0.0.1,icmp:200/17")
        .entry((v4("10.0.0.1"), protocol(47)), "10.0.0.1,gre:0")
        .entry((v4("10.0.0.1"), protocol(253)), "10.0.0.1,253:0")
}

fn hash_ip_port6() -> Case<HashIpPort> {
    Case::of(set6())
        .entry((v6("2001:db8::1"), tcp(80)), "2001:db8::1,tcp:80")
        .entry((v6("2001:db8::1"), udp(53)), "2001:db8::1,udp:53")
        .entry(
            (v6("2001:db8::1"), icmpv6(128, 0)),
            "2001:db8::1,ipv6-icmp:echo-request",
        )
        .entry(
            (v6("2001:db8::1"), icmpv6(200, 17)),
            "2001:db8::1,ipv6-icmp:200/17",
        )
        .entry((v6("2001:db8::1"), protocol(47)), "2001:db8::1,gre:0")
}

fn hash_ip_port_ip() -> Case<HashIpPortIp> {
    Case::of(set())
        .entry(
            (v4("10.0.0.1"), tcp(80), ip("10.0.0.2")),
            "10.0.0.1,tcp:80,10.0.0.2",
        )
        .entry(
            (v4("0.0.0.0"), tcp(80), ip("0.0.0.0")),
            "0.0.0.0,tcp:80,0.0.0.0",
        )
        .entry(
            (v4("10.0.0.1"), icmp(0, 0), ip("10.0.0.1")),
            "10.0.0.1,icmp:echo-reply,10.0.0.1",
        )
}

fn hash_ip_port_ip6() -> Case<HashIpPortIp> {
    Case::of(set6())
        .entry(
            (v6("2001:db8::1"), tcp(80), ip("2001:db8::2")),
            "2001:db8::1,tcp:80,2001:db8::2",
        )
        .entry((v6("::"), udp(80), ip("::")), "::,udp:80,::")
}

fn hash_ip_port_net() -> Case<HashIpPortNet> {
    Case::of(set())
        .entry(
            (v4("10.0.0.1"), tcp(80), net("192.168.0.0/16")),
            "10.0.0.1,tcp:80,192.168.0.0/16",
        )
        .entry(
            (v4("10.0.0.1"), tcp(80), v4("192.168.0.1")),
            "10.0.0.1,tcp:80,192.168.0.1",
        )
        .entry(
            (v4("10.0.0.1"), udp(53), net("0.0.0.0/1")),
            "10.0.0.1,udp:53,0.0.0.0/1",
        )
        .exception(
            (v4("10.0.0.1"), tcp(80), net("192.168.7.0/24")),
            "10.0.0.1,tcp:80,192.168.7.0/24",
        )
}

fn hash_ip_port_net6() -> Case<HashIpPortNet> {
    Case::of(set6())
        .entry(
            (v6("2001:db8::1"), tcp(80), net("2001:db8:1::/48")),
            "2001:db8::1,tcp:80,2001:db8:1::/48",
        )
        .entry(
            (v6("2001:db8::1"), tcp(80), v6("2001:db8::2")),
            "2001:db8::1,tcp:80,2001:db8::2",
        )
        .exception(
            (v6("2001:db8::1"), tcp(80), net("2001:db8:1:1::/64")),
            "2001:db8::1,tcp:80,2001:db8:1:1::/64",
        )
}

fn hash_mac() -> Case<HashMac> {
    Case::of(set())
        .entry(mac("02:00:00:00:00:01"), "02:00:00:00:00:01")
        .entry(mac("ff:ff:ff:ff:ff:ff"), "FF:FF:FF:FF:FF:FF")
}

fn hash_net() -> Case<HashNet> {
    Case::of(set())
        .entry(net("10.0.0.0/8"), "10.0.0.0/8")
        .entry(v4("10.0.0.1"), "10.0.0.1")
        .entry(net("128.0.0.0/1"), "128.0.0.0/1")
        .exception(net("10.1.0.0/16"), "10.1.0.0/16")
}

fn hash_net6() -> Case<HashNet> {
    Case::of(set6())
        .entry(net("2001:db8::/32"), "2001:db8::/32")
        .entry(v6("2001:db8::1"), "2001:db8::1")
        .entry(net("8000::/1"), "8000::/1")
        .exception(net("2001:db8:1::/48"), "2001:db8:1::/48")
}

fn interface(name: &str) -> Interface {
    Interface::new(name).unwrap()
}

fn hash_net_iface() -> Case<HashNetIface> {
    Case::of(set())
        .entry((net("10.0.0.0/8"), interface("eth0")), "10.0.0.0/8,eth0")
        .entry((v4("10.0.0.1"), interface("a")), "10.0.0.1,a")
        .entry((net("0.0.0.0/0"), interface("eth1")), "0.0.0.0/0,eth1")
        .entry(
            (net("10.0.0.0/8"), interface("br0").physdev()),
            "10.0.0.0/8,physdev:br0",
        )
        .entry(
            (net("10.0.0.0/8"), interface("veth").wildcard()),
            "10.0.0.0/8,veth wildcard",
        )
        .exception(
            (net("10.0.0.0/24"), interface("fifteen-letters")),
            "10.0.0.0/24,fifteen-letters",
        )
}

fn hash_net_iface6() -> Case<HashNetIface> {
    Case::of(set6())
        .entry(
            (net("2001:db8::/32"), interface("eth0")),
            "2001:db8::/32,eth0",
        )
        .entry((net("::/0"), interface("eth1")), "::/0,eth1")
        .entry(
            (v6("2001:db8::1"), interface("veth").physdev().wildcard()),
            "2001:db8::1,physdev:veth wildcard",
        )
        .exception(
            (net("2001:db8:1::/48"), interface("eth0")),
            "2001:db8:1::/48,eth0",
        )
}

fn hash_net_net() -> Case<HashNetNet> {
    Case::of(set())
        .entry(
            (net("10.0.0.0/8"), net("192.168.0.0/16")),
            "10.0.0.0/8,192.168.0.0/16",
        )
        .entry((v4("10.0.0.1"), v4("10.0.0.2")), "10.0.0.1,10.0.0.2")
        .entry((net("0.0.0.0/1"), v4("10.0.0.2")), "0.0.0.0/1,10.0.0.2")
        .exception(
            (net("10.1.0.0/16"), net("192.168.0.0/16")),
            "10.1.0.0/16,192.168.0.0/16",
        )
}

fn hash_net_net6() -> Case<HashNetNet> {
    Case::of(set6())
        .entry(
            (net("2001:db8::/32"), net("8000::/1")),
            "2001:db8::/32,8000::/1",
        )
        .entry(
            (v6("2001:db8::1"), v6("2001:db8::2")),
            "2001:db8::1,2001:db8::2",
        )
        .exception(
            (net("2001:db8:1::/48"), net("8000::/1")),
            "2001:db8:1::/48,8000::/1",
        )
}

fn hash_net_port() -> Case<HashNetPort> {
    Case::of(set())
        .entry((net("10.0.0.0/8"), tcp(80)), "10.0.0.0/8,tcp:80")
        .entry((v4("10.0.0.1"), udp(53)), "10.0.0.1,udp:53")
        .entry(
            (net("10.0.0.0/8"), icmp(3, 1)),
            "10.0.0.0/8,icmp:host-unreachable",
        )
        .entry((net("10.0.0.0/8"), protocol(50)), "10.0.0.0/8,esp:0")
        .exception((net("10.1.0.0/16"), tcp(80)), "10.1.0.0/16,tcp:80")
}

fn hash_net_port6() -> Case<HashNetPort> {
    Case::of(set6())
        .entry((net("2001:db8::/32"), tcp(80)), "2001:db8::/32,tcp:80")
        .entry(
            (v6("2001:db8::1"), icmpv6(135, 0)),
            "2001:db8::1,ipv6-icmp:neighbour-solicitation",
        )
        .exception((net("2001:db8:1::/48"), tcp(80)), "2001:db8:1::/48,tcp:80")
}

fn hash_net_port_net() -> Case<HashNetPortNet> {
    Case::of(set())
        .entry(
            (net("10.0.0.0/8"), tcp(80), net("192.168.0.0/16")),
            "10.0.0.0/8,tcp:80,192.168.0.0/16",
        )
        .entry(
            (net("0.0.0.0/0"), tcp(80), net("0.0.0.0/0")),
            "0.0.0.0/0,tcp:80,0.0.0.0/0",
        )
        .entry(
            (v4("10.0.0.1"), udp(53), v4("10.0.0.2")),
            "10.0.0.1,udp:53,10.0.0.2",
        )
        .exception(
            (net("10.1.0.0/16"), tcp(80), net("192.168.0.0/16")),
            "10.1.0.0/16,tcp:80,192.168.0.0/16",
        )
}

fn hash_net_port_net6() -> Case<HashNetPortNet> {
    Case::of(set6())
        .entry(
            (net("2001:db8::/32"), tcp(80), net("8000::/1")),
            "2001:db8::/32,tcp:80,8000::/1",
        )
        .entry((net("::/0"), udp(80), net("::/0")), "::/0,udp:80,::/0")
        .exception(
            (net("2001:db8:1::/48"), tcp(80), net("8000::/1")),
            "2001:db8:1::/48,tcp:80,8000::/1",
        )
}

fn list_set() -> Case<ListSet> {
    let name = |name: &str| name.parse::<SetName>().unwrap();
    Case::of(set())
        .entry(Member::new("b").unwrap(), "b")
        .entry(name("a"), "a")
        .entry(name("c"), "c")
}

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    macro_rules! cases {
        ($($name:literal: $($case:ident $family:literal),+;)+) => {$($(
            tests.push(needs(
                needed!($name),
                concat!("types::", $name, $family, "::written_by_the_crate"),
                || written_by_the_crate($case()),
            ));
            tests.push(needs(
                needed!($name),
                concat!("types::", $name, $family, "::written_by_the_tool"),
                || written_by_the_tool($case()),
            ));
        )+)+};
    }
    macro_rules! needed {
        ("list:set") => {
            &["list:set", "hash:ip"]
        };
        ($name:literal) => {
            &[$name]
        };
    }
    cases! {
        "bitmap:ip": bitmap_ip "";
        "bitmap:ip,mac": bitmap_ip_mac "";
        "bitmap:port": bitmap_port "";
        "hash:ip": hash_ip " inet", hash_ip6 " inet6";
        "hash:ip,mac": hash_ip_mac " inet", hash_ip_mac6 " inet6";
        "hash:ip,mark": hash_ip_mark " inet", hash_ip_mark6 " inet6";
        "hash:ip,port": hash_ip_port " inet", hash_ip_port6 " inet6";
        "hash:ip,port,ip": hash_ip_port_ip " inet", hash_ip_port_ip6 " inet6";
        "hash:ip,port,net": hash_ip_port_net " inet", hash_ip_port_net6 " inet6";
        "hash:mac": hash_mac "";
        "hash:net": hash_net " inet", hash_net6 " inet6";
        "hash:net,iface": hash_net_iface " inet", hash_net_iface6 " inet6";
        "hash:net,net": hash_net_net " inet", hash_net_net6 " inet6";
        "hash:net,port": hash_net_port " inet", hash_net_port6 " inet6";
        "hash:net,port,net": hash_net_port_net " inet", hash_net_port_net6 " inet6";
        "list:set": list_set "";
    }
    tests
}

/// Changes the options of an entry.
trait With: Sized {
    fn with(&self, variant: &Variant) -> Self;
}

/// Options of an entry: a name, and a function that sets them.
struct Variant {
    name: &'static str,
    set: fn(&mut ipvset::ipset::EntryOptions),
}

impl<T: SetType> With for Entry<T> {
    fn with(&self, variant: &Variant) -> Self {
        let mut entry = self.clone();
        (variant.set)(entry.options_mut());
        entry
    }
}

/// Every option of an entry, each alone and all together.
const VARIANTS: &[Variant] = &[
    Variant {
        name: "nothing",
        set: |_| {},
    },
    Variant {
        name: "timeout",
        set: |it| it.timeout = Some(Duration::from_secs(7000)),
    },
    Variant {
        name: "no-timeout",
        set: |it| it.timeout = Some(Duration::from_secs(0)),
    },
    Variant {
        name: "counters",
        set: |it| (it.packets, it.bytes) = (Some(u64::MAX - 1), Some(1 << 40)),
    },
    Variant {
        name: "packets-alone",
        set: |it| it.packets = Some(3),
    },
    Variant {
        name: "comment",
        set: |it| it.set_comment("two words, ünicode's \\ and #1"),
    },
    Variant {
        name: "longest-comment",
        set: |it| it.set_comment("x".repeat(255)),
    },
    Variant {
        name: "skbmark",
        set: |it| it.skbmark = Some(0xdead_beef.into()),
    },
    Variant {
        name: "masked-skbmark",
        set: |it| {
            it.skbmark = Some(ipvset::ipset::SkbMark {
                mark: 0x10,
                mask: 0xf0,
            });
        },
    },
    Variant {
        name: "skbprio",
        set: |it| {
            it.skbprio = Some(ipvset::ipset::SkbPriority {
                major: 0xffff,
                minor: 0x10,
            });
        },
    },
    Variant {
        name: "skbqueue",
        set: |it| it.skbqueue = Some(65535),
    },
    Variant {
        name: "everything",
        set: |it| {
            it.timeout = Some(Duration::from_secs(3000));
            (it.packets, it.bytes) = (Some(1), Some(60));
            it.set_comment("all of it");
            it.skbmark = Some(1.into());
            it.skbprio = Some(ipvset::ipset::SkbPriority { major: 1, minor: 2 });
            it.skbqueue = Some(3);
        },
    },
];

/// Returns a set with all extensions.
fn keeping_everything<T: SetType>(set: &IpSet<T>) -> IpSet<T> {
    set.clone()
        .timeout(Duration::from_secs(5000))
        .counters()
        .comments()
        .skbinfo()
}

fn prepare<T: SetType>(case: &Case<T>) -> Outcome {
    if case.set.type_name() == "list:set" {
        restore("create a hash:ip\ncreate b hash:ip\ncreate c hash:ip\n")?;
    }
    Ok(())
}

fn written_by_the_crate<T: SetType + Default>(case: Case<T>) -> Outcome {
    prepare(&case)?;
    let mut sets = IpSets::connect()?;
    let before = sets.names()?.len();
    written_plainly(&mut sets, &case)?;

    // Each variant has its own set, so that one run of the tool reads them all.
    let mut written = Vec::new();
    for variant in VARIANTS {
        let set = keeping_everything(&case.set).with_name(variant.name)?;
        sets.create(&set)?;
        write(&mut sets, &set, &case.samples, variant)?;
        written.push(set);
    }
    let saved = saved_all()?;
    assert_eq!(saved_by_the_crate(&mut sets)?, saved);
    for (set, variant) in written.iter().zip(VARIANTS) {
        let (create, mut lines) = saved[variant.name].clone();
        lines.sort();
        assert_eq!(lines, expected_lines(set, &case.samples, variant));
        assert_eq!(create, create_line(&create_text(&sets.get::<T>(set)?)));
        check_listing(&mut sets, set, &case.samples, variant)?;
        for sample in &case.samples {
            remove(&mut sets, set, sample, variant)?;
        }
        assert_eq!(listed(&mut sets, set)?, []);
        sets.destroy(set)?;
    }
    assert_eq!(sets.names()?.len(), before);
    Ok(())
}

fn written_plainly<T: SetType + Default>(sets: &mut IpSets, case: &Case<T>) -> Outcome {
    let set = &case.set;
    sets.create(set)?;
    assert_eq!(listed(sets, set)?, []);
    for sample in &case.samples {
        assert!(!sets.test(set, sample.typed.clone())?, "{}", sample.text);
    }
    for sample in &case.samples {
        sets.add(set, sample.typed.clone())?;
        assert!(sets.test(set, sample.typed.clone())?, "{}", sample.text);
    }
    let mut entries: Vec<_> = case.samples.iter().map(|it| it.typed.clone()).collect();
    sort(&mut entries);
    assert_eq!(listed(sets, set)?, entries);
    let info = sets.info(set)?;
    assert_eq!(info.entries, Some(case.samples.len() as u32));
    assert_eq!(info.type_name, set.type_name());
    for sample in &case.samples {
        sets.remove(set, sample.typed.clone())?;
        let again = sets.remove(set, sample.typed.clone()).unwrap_err();
        assert!(again.is_not_found(), "{again}");
        sets.remove_if_present(set, sample.typed.clone())?;
    }
    for sample in &case.samples {
        assert!(!sets.test(set, sample.typed.clone())?, "{}", sample.text);
    }
    assert_eq!(sets.info(set)?.entries, Some(0));
    at_once(sets, case)?;
    sets.destroy(set)?;
    Ok(())
}

/// Adds all samples in a single call, in each way.
fn at_once<T: SetType + Default>(sets: &mut IpSets, case: &Case<T>) -> Outcome {
    let Case { set, samples } = case;
    let typed = || samples.iter().map(|it| it.typed.clone());
    let untyped = || samples.iter().map(|it| it.untyped.clone());
    let count = samples.len();
    let mut sorted: Vec<_> = typed().collect();
    sort(&mut sorted);
    assert_eq!(
        sets.add_all(set, typed(), OnFailure::Stop).into_result()?,
        count
    );
    assert_eq!(listed(sets, set)?, sorted);
    let again = sets.add_all(&set.untype(), untyped(), OnFailure::Continue);
    let refused = again.failures().iter();
    assert!(refused.clone().map(|it| it.index).eq(0..count));
    for (failed, entry) in refused.zip(untyped()) {
        assert_eq!(failed.input, entry);
        assert!(failed.error.is_already_exists(), "{}", failed.error);
    }
    assert_eq!(sets.replace(set, typed().take(1))?, 1);
    assert_eq!(listed(sets, set)?, typed().take(1).collect::<Vec<_>>());
    let rest = sets.remove_all(set, typed(), OnFailure::Continue);
    assert_eq!((rest.applied(), rest.failures().len()), (1, count - 1));
    assert_eq!(sets.replace(&set.untype(), untyped())?, count);
    assert_eq!(listed(sets, set)?, sorted);
    assert_eq!(
        sets.remove_all(set, typed(), OnFailure::Stop)
            .into_result()?,
        count
    );
    assert_eq!(listed(sets, set)?, []);
    Ok(())
}

/// Adds all samples with these options, half of them untyped.
fn write<T: SetType + Default>(
    sets: &mut IpSets,
    set: &IpSet<T>,
    samples: &[Sample<T>],
    variant: &Variant,
) -> Outcome {
    let untyped = set.untype();
    for (position, sample) in samples.iter().enumerate() {
        if position % 2 == 0 {
            sets.add(set, sample.typed.with(variant))?;
        } else {
            sets.add(&untyped, sample.untyped.with(variant))?;
        }
    }
    Ok(())
}

/// Returns the expected output of the tool.
fn expected_lines<T: SetType>(
    set: &IpSet<T>,
    samples: &[Sample<T>],
    variant: &Variant,
) -> Vec<Line> {
    let line = |sample: &Sample<T>| {
        let there = kept(sample.typed.with(variant), set.options());
        let options = entry_options(there.options());
        entry_line(&format!("{}{options}", sample.text))
    };
    let mut lines: Vec<_> = samples.iter().map(line).collect();
    lines.sort();
    lines
}

/// Checks the crate's listing, typed and untyped.
fn check_listing<T: SetType>(
    sets: &mut IpSets,
    set: &IpSet<T>,
    samples: &[Sample<T>],
    variant: &Variant,
) -> Outcome {
    let typed = samples.iter().map(|it| it.typed.with(variant));
    let mut typed: Vec<_> = typed.map(|it| kept(it, set.options())).collect();
    sort(&mut typed);
    assert_eq!(listed(sets, set)?, typed, "{}", variant.name);
    let untyped = samples.iter().map(|it| it.untyped.with(variant));
    let mut untyped: Vec<_> = untyped.map(|it| kept(it, set.options())).collect();
    sort(&mut untyped);
    assert_eq!(listed(sets, &set.untype())?, untyped, "{}", variant.name);
    Ok(())
}

fn written_by_the_tool<T: SetType + Default>(case: Case<T>) -> Outcome {
    prepare(&case)?;
    let mut sets = IpSets::connect()?;
    let set = keeping_everything(&case.set);
    let create = create_text(&set);
    let mut text = String::new();
    for Variant { name, .. } in VARIANTS {
        text += &format!("create {name} {create}\n");
    }
    for variant in VARIANTS {
        for sample in &case.samples {
            let options = entry_options(sample.typed.with(variant).options());
            text += &format!("add {} {}{options}\n", variant.name, sample.text);
        }
    }
    restore(&text).map_err(|error| format!("{error} in\n{text}"))?;
    let saved = saved_all()?;
    assert_eq!(saved_by_the_crate(&mut sets)?, saved);
    for variant in VARIANTS {
        let found = sets.get::<T>(variant.name)?;
        assert_eq!(create_line(&create_text(&found)), saved[variant.name].0);
        assert_eq!(found.options().timeout, Some(Duration::from_secs(5000)));
        assert_eq!(sets.info(&found)?.set, Some(found.untype()));
        check_listing(&mut sets, &found, &case.samples, variant)?;
        assert_eq!(
            among_all(&mut sets, variant.name)?,
            case.samples.len(),
            "{}",
            variant.name
        );
        for sample in &case.samples {
            assert!(sets.test(&found, sample.typed.clone())?, "{}", sample.text);
            remove(&mut sets, &found, sample, variant)?;
        }
        assert_eq!(listed(&mut sets, &found)?, []);
    }
    Ok(())
}

/// Removes a sample from a set with timeouts.
fn remove<T: SetType>(
    sets: &mut IpSets,
    set: &IpSet<T>,
    sample: &Sample<T>,
    variant: &Variant,
) -> Outcome {
    let removed = sets.remove(set, sample.typed.clone());
    let there = kept(sample.typed.with(variant), set.options());
    let open = set.type_name() == "bitmap:ip,mac" && !sample.text.contains(',');
    if open && there.options().timeout != Some(Duration::from_secs(0)) {
        // Without a MAC address, the kernel treats the timeout as expired: it removes the entry and
        // reports that it did not exist.
        assert!(removed.is_err_and(|error| error.is_not_found()));
    } else {
        removed?;
    }
    Ok(())
}

/// Returns the number of entries of a set in a listing of all sets.
fn among_all(sets: &mut IpSets, name: &str) -> Outcome<usize> {
    let mut count = 0;
    let mut here = false;
    for item in sets.list_all()? {
        match item? {
            SetOrEntry::Set(info) => here = info.name == name,
            SetOrEntry::Entry(_) if here => count += 1,
            _ => {}
        }
    }
    Ok(count)
}
