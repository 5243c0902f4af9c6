//! Sets and entries of every type over few elements, so that many of them are the same or overlap.
//! Used by the property tests of plans and by the tests on real kernels.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;

use super::Family;
use super::ipset::elements::{
    Addresses, AnyElement, AnyValue, Interface, Ipv4Range, MacAddress, Mark, Member, OptionalMac,
    PortRange, icmp, icmpv6, protocol, sctp, tcp, udp,
};
use super::ipset::types::AnyType;
use super::ipset::{AnyEntry, AnySet, EntryOptions, SetRange, SkbMark, SkbPriority};

/// The members of lists.
pub(crate) const MEMBERS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Addresses begin here, and there are 64 of them.
fn v4(low: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, low % 64)
}

fn v6(low: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(low % 64))
}

fn address(family: Family) -> impl Strategy<Value = IpAddr> {
    any::<u8>().prop_map(move |low| match family {
        Family::Ipv4 => v4(low.max(1)).into(),
        Family::Ipv6 => v6(low.max(1)).into(),
    })
}

fn network(family: Family) -> impl Strategy<Value = IpNet> {
    (any::<u8>(), 0..=6u8).prop_map(move |(low, zeros)| match family {
        Family::Ipv4 => Ipv4Net::new(v4(low), 32 - zeros).unwrap().into(),
        Family::Ipv6 => Ipv6Net::new(v6(low), 128 - zeros).unwrap().into(),
    })
}

fn range() -> impl Strategy<Value = Addresses> {
    let ends = (1..64u8, 0..16u8);
    ends.prop_map(|(first, more)| Ipv4Range::new(v4(first), v4((first + more).min(63))).into())
}

/// What a type's name calls `ip` or `net`, at its place. `ranges`: whether there are any.
fn addresses(
    kind: AnyType,
    place: usize,
    family: Family,
    ranges: bool,
) -> BoxedStrategy<AnyElement> {
    let words: Vec<_> = kind.name().split([':', ',']).skip(1).collect();
    let (net, mac) = (words[place] == "net", words.contains(&"mac"));
    let one = address(family).prop_map(AnyElement::from);
    let network = network(family).prop_map(|it| AnyElement::from(Addresses::Network(it)));
    let range = range().prop_map(AnyElement::from);
    let expands = place == 0 && !mac && family == Family::Ipv4 && ranges;
    match (net, family) {
        (true, Family::Ipv4) if ranges => prop_oneof![2 => network, 1 => one, 1 => range].boxed(),
        (true, _) => prop_oneof![2 => network, 1 => one].boxed(),
        (false, _) if expands => prop_oneof![1 => network, 2 => one, 1 => range].boxed(),
        (false, _) => one.boxed(),
    }
}

fn ports() -> impl Strategy<Value = PortRange> {
    (1..6u16, 0..3u16).prop_map(|(first, more)| PortRange::new(first, first + more))
}

fn port(family: Family) -> BoxedStrategy<AnyElement> {
    let other = match family {
        Family::Ipv4 => icmp(8, 0),
        Family::Ipv6 => icmpv6(128, 0),
    };
    prop_oneof![
        4 => ports().prop_map(tcp),
        1 => ports().prop_map(udp),
        1 => ports().prop_map(sctp),
        1 => select(vec![other, protocol(47)]),
    ]
    .prop_map(AnyElement::from)
    .boxed()
}

fn mac() -> impl Strategy<Value = MacAddress> {
    (1..4u8).prop_map(|low| MacAddress([2, 0, 0, 0, 0, low]))
}

fn interface() -> impl Strategy<Value = Interface> {
    let name = select(vec!["eth0", "eth1", "eth", "e", "br0"]);
    (name, weighted(0.2, Just(())), weighted(0.2, Just(()))).prop_map(|(name, bridged, wild)| {
        let mut interface = Interface::new(name).unwrap();
        if bridged.is_some() {
            interface = interface.physdev();
        }
        match wild {
            Some(()) => interface.wildcard(),
            None => interface,
        }
    })
}

fn element(kind: AnyType, place: usize, family: Family, ranges: bool) -> BoxedStrategy<AnyElement> {
    let bitmap = kind.name().starts_with("bitmap");
    match kind.name().split([':', ',']).nth(place + 1).unwrap() {
        "ip" | "net" => addresses(kind, place, family, ranges),
        "port" if bitmap => ports().prop_map(AnyElement::from).boxed(),
        "port" => port(family),
        "mac" if bitmap => of(mac()).prop_map(|mac| OptionalMac(mac).into()).boxed(),
        "mac" => mac().prop_map(AnyElement::from).boxed(),
        "mark" => select(vec![0x01, 0x02, 0x12, 0xff])
            .prop_map(|it| Mark(it).into())
            .boxed(),
        "iface" => interface().prop_map(AnyElement::from).boxed(),
        "set" => select(&MEMBERS[..])
            .prop_map(|it| Member::new(it).unwrap().into())
            .boxed(),
        other => panic!("{other}"),
    }
}

/// The elements of an entry of a set.
pub(crate) fn value(set: &AnySet) -> impl Strategy<Value = AnyValue> + use<> {
    let (kind, options) = (*set.kind(), set.options());
    // Of ranges in such sets the kernel stores addresses to which it does not apply the mask.
    let masked = match kind.name() {
        "hash:ip,port" | "hash:net,net" => options.netmask.is_some() || options.bitmask.is_some(),
        _ => options.bitmask.is_some(),
    };
    let count = kind.name().split(',').count();
    let family = options.family;
    let elements: Vec<_> = (0..count)
        .map(|it| element(kind, it, family, !masked))
        .collect();
    elements.prop_map(|elements| elements.into_iter().collect())
}

/// The options of an entry that a set stores.
pub(crate) fn options(set: &AnySet) -> impl Strategy<Value = EntryOptions> + use<> {
    let set_options = set.options().clone();
    let nomatch = set.type_name().starts_with("hash:") && set.type_name().contains("net");
    let given = (
        of(select(vec![0, 3000, 7000])),
        weighted(0.2, (0..9u64, 0..999u64)),
        weighted(0.4, select(vec!["", "one", "two words"])),
        weighted(0.3, select(vec![(0, 0), (0, u32::MAX), (1, 0xff)])),
        weighted(0.3, select(vec![(0, 0), (1, 2)])),
        weighted(0.3, select(vec![0, 3])),
        weighted(0.2, Just(())),
    );
    given.prop_map(
        move |(timeout, counters, comment, mark, priority, queue, exception)| {
            let mut options = EntryOptions::default();
            if set_options.timeout.is_some() {
                options.timeout = timeout.map(Duration::from_secs);
            }
            if let (true, Some((packets, bytes))) = (set_options.counters, counters) {
                (options.packets, options.bytes) = (Some(packets), Some(bytes));
            }
            if let (true, Some(comment)) = (set_options.comment, comment) {
                options.set_comment(comment);
            }
            if set_options.skbinfo {
                options.skbmark = mark.map(|(mark, mask)| SkbMark { mark, mask });
                options.skbprio = priority.map(|(major, minor)| SkbPriority { major, minor });
                options.skbqueue = queue;
            }
            options.nomatch = nomatch && exception.is_some();
            options
        },
    )
}

/// An entry of a set.
pub(crate) fn entry(set: &AnySet) -> impl Strategy<Value = AnyEntry> + use<> {
    (value(set), options(set)).prop_map(|(value, options)| {
        let mut entry = AnyEntry::from(value);
        *entry.options_mut() = options;
        entry
    })
}

/// A set of a type, with the masks and extensions that it can have.
pub(crate) fn set(kind: AnyType, family: Family) -> impl Strategy<Value = AnySet> {
    let options = (
        weighted(0.6, select(vec![0, 5000])),
        any::<(bool, bool, bool)>(),
        select(vec![None, Some(2u8), Some(4)]),
        weighted(0.2, Just(())),
        of(select(vec![0x0f, 0x12])),
    );
    options.prop_map(
        move |(timeout, (counters, comment, skbinfo), zeros, bits, marks)| {
            let mut set = AnySet::untyped("s", kind).unwrap();
            let options = set.options_mut();
            options.family = family;
            options.timeout = timeout.map(Duration::from_secs);
            (options.counters, options.comment, options.skbinfo) = (counters, comment, skbinfo);
            match kind.name() {
                "bitmap:ip" => options.netmask = zeros.map(|zeros| 32 - zeros),
                "hash:ip" | "hash:ip,port" | "hash:net,net" if bits.is_some() => {
                    options.bitmask = Some(match family {
                        Family::Ipv4 => Ipv4Addr::new(255, 255, 255, 0x0d).into(),
                        Family::Ipv6 => Ipv6Addr::from_bits(!0xf2).into(),
                    });
                }
                "hash:ip" | "hash:ip,port" | "hash:net,net" => {
                    let width = if family == Family::Ipv4 { 32 } else { 128 };
                    options.netmask = zeros.map(|zeros| width - zeros);
                }
                "hash:ip,mark" => options.markmask = marks,
                _ => {}
            }
            options.range = match kind.name() {
                "bitmap:ip" | "bitmap:ip,mac" => Some(Ipv4Range::new(v4(0), v4(63)).into()),
                "bitmap:port" => Some(SetRange::Ports(PortRange::new(0, 99))),
                _ => None,
            };
            set
        },
    )
}
