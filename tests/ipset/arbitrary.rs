//! Strategies of proptest for sets and entries of every type, with every option.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use ipvset::Family;
use ipvset::ipset::elements::{
    Addresses, AnyElement, AnyValue, Interface, Ipv4Range, MacAddress, Mark, Member, OptionalMac,
    Port, PortRange, icmp, icmpv6, protocol, sctp, tcp, udp, udplite,
};
use ipvset::ipset::types::AnyType;
use ipvset::ipset::{AnyEntry, AnySet, SetName, SetRange, SkbMark, SkbPriority};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn name() -> impl Strategy<Value = SetName> {
    "[A-Za-z0-9_.:ä#'+][A-Za-z0-9_.:ä#'+-]{0,14}".prop_map(|name| SetName::new(&name).unwrap())
}

pub(crate) fn v4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from)
}

/// Addresses with many zeros, because those have different short forms.
fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let segment = prop_oneof![3 => Just(0u16), 1 => Just(0xffff), 2 => any::<u16>()];
    proptest::array::uniform8(segment).prop_map(Ipv6Addr::from)
}

fn address(family: Family) -> BoxedStrategy<IpAddr> {
    match family {
        Family::Ipv4 => v4().prop_map(IpAddr::V4).boxed(),
        Family::Ipv6 => v6().prop_map(IpAddr::V6).boxed(),
    }
}

pub(crate) fn network(family: Family) -> BoxedStrategy<IpNet> {
    match family {
        Family::Ipv4 => (v4(), 0..=32u8)
            .prop_map(|(address, prefix)| Ipv4Net::new(address, prefix).unwrap().into())
            .boxed(),
        Family::Ipv6 => (v6(), 0..=128u8)
            .prop_map(|(address, prefix)| Ipv6Net::new(address, prefix).unwrap().into())
            .boxed(),
    }
}

fn addresses(family: Family) -> impl Strategy<Value = Addresses> {
    prop_oneof![
        address(family).prop_map(Addresses::from),
        network(family).prop_map(Addresses::from),
        (v4(), v4()).prop_map(|(one, other)| Ipv4Range::new(one, other).into()),
    ]
}

fn ports() -> impl Strategy<Value = PortRange> {
    prop_oneof![
        any::<u16>().prop_map(PortRange::from),
        any::<(u16, u16)>().prop_map(|(one, other)| PortRange::new(one, other)),
    ]
}

pub(crate) fn port() -> impl Strategy<Value = Port> {
    prop_oneof![
        ports().prop_map(tcp),
        ports().prop_map(udp),
        ports().prop_map(sctp),
        ports().prop_map(udplite),
        (0..20u8, 0..20u8).prop_map(|(kind, code)| icmp(kind, code)),
        any::<(u8, u8)>().prop_map(|(kind, code)| icmpv6(kind, code)),
        (1..=255u8).prop_map(protocol),
    ]
}

fn interface() -> impl Strategy<Value = Interface> {
    ("[a-z0-9.+:ä-]{1,14}", any::<bool>(), any::<bool>()).prop_filter_map(
        "a name that text has another meaning for",
        |(name, physdev, wildcard)| {
            let mut interface = Interface::new(&name).ok()?;
            if name.starts_with("physdev:") {
                return None;
            }
            if physdev {
                interface = interface.physdev();
            }
            Some(match wildcard {
                true => interface.wildcard(),
                false => interface,
            })
        },
    )
}

fn member() -> impl Strategy<Value = Member> {
    (name(), name(), 0..3).prop_map(|(name, other, place)| match place {
        0 => name.into(),
        1 => Member::from(name).before(other).unwrap(),
        _ => Member::from(name).after(other).unwrap(),
    })
}

fn mac() -> impl Strategy<Value = MacAddress> {
    any::<[u8; 6]>().prop_map(MacAddress)
}

/// Returns elements for a part of a type's name.
fn element(word: &str, family: Family, optional: bool) -> BoxedStrategy<AnyElement> {
    match word {
        "ip" | "net" => addresses(family).prop_map(Into::into).boxed(),
        "port" if optional => ports().prop_map(Into::into).boxed(),
        "port" => port().prop_map(Into::into).boxed(),
        "mac" if optional => of(mac()).prop_map(|mac| OptionalMac(mac).into()).boxed(),
        "mac" => mac().prop_map(Into::into).boxed(),
        "mark" => any::<u32>().prop_map(|mark| Mark(mark).into()).boxed(),
        "iface" => interface().prop_map(Into::into).boxed(),
        "set" => member().prop_map(Into::into).boxed(),
        other => panic!("{other}"),
    }
}

pub(crate) fn set() -> impl Strategy<Value = AnySet> {
    let types: Vec<_> = AnyType::all().collect();
    let options = (
        (any::<bool>(), of(any::<u32>()), of(any::<u32>())),
        (of(1..=32u8), of(any::<u32>()), of(any::<u32>())),
        (of((1..=6u8).prop_map(|half| 2 * half)), of(any::<u32>())),
        (of(0..=2_147_483u32), of(4..=u32::MAX)),
        any::<(bool, bool, bool, bool)>(),
        (v4(), 0..0x8000u32, ports()),
    );
    (name(), select(types), options).prop_filter_map(
        "what the type does not take",
        |(name, kind, (hash, masks, buckets, common, flags, range))| {
            let mut set = AnySet::untyped(name, kind).unwrap();
            let word = kind.name();
            let options = set.options_mut();
            let seconds = |it: u32| Duration::from_secs(it.into());
            (options.timeout, options.counters) = (common.0.map(seconds), flags.0);
            (options.comment, options.skbinfo) = (flags.1, flags.2);
            if word.starts_with("hash") {
                (options.hashsize, options.maxelem) = (hash.1, hash.2);
                (options.bucketsize, options.initval) = buckets;
                options.forceadd = flags.3;
                if hash.0 && word != "hash:mac" {
                    options.family = Family::Ipv6;
                }
            }
            let masked = ["hash:ip", "hash:ip,port", "hash:net,net"].contains(&word);
            match masks.1.filter(|mask| *mask != 0 && masked) {
                Some(mask) if options.family == Family::Ipv4 => {
                    options.bitmask = Some(Ipv4Addr::from(mask).into());
                }
                Some(mask) => options.bitmask = Some(Ipv6Addr::from(u128::from(mask) << 40).into()),
                None if masked => options.netmask = masks.0,
                None => {}
            }
            match word {
                "hash:ip,mark" => options.markmask = masks.2.filter(|mask| *mask != 0),
                "list:set" => options.size = common.1,
                "bitmap:port" => options.range = Some(SetRange::Ports(range.2)),
                "bitmap:ip" | "bitmap:ip,mac" => {
                    let last = range.0.to_bits().checked_add(range.1)?;
                    let last = Ipv4Addr::from(last);
                    options.range = Some(Ipv4Range::new(range.0, last).into());
                }
                _ => {}
            }
            set.validate().ok()?;
            Some(set)
        },
    )
}

fn comment() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^\"\\p{Cc}]{0,40}",
        // Words with a meaning elsewhere.
        select(vec![
            "",
            " ",
            "#",
            "timeout 5",
            "add s 1.1.1.1",
            ",",
            "[",
            "'",
            "\\"
        ])
        .prop_map(str::to_owned),
    ]
}

pub(crate) fn entry(set: AnySet) -> impl Strategy<Value = (AnySet, AnyEntry)> {
    let kind = set.type_name();
    let (method, words) = kind.split_once(':').unwrap();
    let family = set.options().family;
    let optional = method == "bitmap";
    let value: Vec<_> = words
        .split(',')
        .map(|word| element(word, family, optional))
        .collect();
    let nomatch = kind.starts_with("hash") && kind.contains("net");
    let options = (
        of(0..=2_147_483u32),
        of(any::<(u64, u64)>()),
        of(comment()),
        of((any::<u32>(), any::<u32>())),
        of(any::<(u16, u16)>()),
        of(any::<u16>()),
        any::<bool>(),
    );
    (Just(set), value, options).prop_filter_map(
        "what the set does not take",
        move |(set, value, (timeout, counters, comment, mark, priority, queue, exception))| {
            let value: AnyValue = value.into_iter().collect();
            let mut entry = AnyEntry::from(value);
            let options = entry.options_mut();
            options.timeout = timeout.map(|it| Duration::from_secs(u64::from(it)));
            if let Some((packets, bytes)) = counters {
                (options.packets, options.bytes) = (Some(packets), Some(bytes));
            }
            if let Some(comment) = comment {
                options.set_comment(comment);
            }
            options.skbmark = mark.map(|(mark, mask)| SkbMark { mark, mask });
            options.skbprio = priority.map(|(major, minor)| SkbPriority { major, minor });
            options.skbqueue = queue;
            options.nomatch = nomatch && exception;
            set.validate_entry(entry.clone()).ok()?;
            Some((set, entry))
        },
    )
}
