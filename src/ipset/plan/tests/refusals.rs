//! Wanted entries that no set of the type takes: each is refused as it was given, and the others
//! are planned as if it were not there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::info;
use crate::ipset::plan::{Overflow, Policy, SetPlan, SetReport};
use crate::ipset::{
    Addresses, AnyElement, AnyEntry, AnySet, AnyType, Entry, HashIp, IpSet, PortRange, elements,
};

/// Reads the elements of an entry of any family: addresses, and a port of TCP or of a protocol.
fn entry(text: &str) -> AnyEntry {
    let element = |text: &str| match text.split_once(':') {
        Some(("tcp", ports)) => {
            let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
            elements::tcp(first.parse().unwrap()..=last.parse().unwrap()).into()
        }
        Some(("ports", ports)) => {
            let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
            PortRange::new(first.parse().unwrap(), last.parse().unwrap()).into()
        }
        Some(("icmpv6", "")) => elements::icmpv6(0, 0).into(),
        _ => AnyElement::from(text.parse::<Addresses>().unwrap()),
    };
    AnyEntry::from_parts(text.split(',').map(element).collect(), Default::default())
}

fn plan(set: &str, wanted: &[&str], overflow: Overflow) -> SetPlan<AnyType> {
    plan_beside(set, &[], wanted, overflow)
}

fn plan_beside(set: &str, there: &[&str], wanted: &[&str], overflow: Overflow) -> SetPlan<AnyType> {
    let set: AnySet = format!("s {set}").parse().unwrap();
    let there = there.iter().map(|it| entry(it));
    let wanted = wanted.iter().map(|it| entry(it));
    let policy = Policy::new().if_too_many(overflow);
    SetPlan::new(&set, wanted, &info(&set), there, &policy).unwrap()
}

fn refused(plan: &SetPlan<AnyType>) -> Vec<usize> {
    plan.refused().map(|(index, _)| index).collect()
}

const POLICIES: [Overflow; 3] = [
    Overflow::Refuse,
    Overflow::Cut,
    Overflow::Grow { most: 1 << 20 },
];

#[test]
fn what_is_refused_needs_no_room() {
    let wanted = ["2001:db8::1", "2001:db8::2", "10.0.0.1", "10.0.0.2"];
    for overflow in POLICIES {
        let plan = plan_beside("hash:ip maxelem 2", &["10.0.0.1"], &wanted, overflow);
        assert_eq!(refused(&plan), [0, 1], "{overflow:?}");
        let counts = plan.counts();
        assert_eq!((counts.added, counts.kept), (1, 1), "{overflow:?}");
        assert_eq!((counts.removed, counts.left_out), (0, 0), "{overflow:?}");
        assert_eq!(plan.set().options().maxelem, Some(2), "{overflow:?}");
    }
}

#[test]
fn a_range_that_no_set_takes_is_refused_as_one_entry() {
    for (set, range) in [
        ("hash:ip family inet6", "10.0.0.0/8"),
        ("hash:ip family inet6", "10.0.0.0-10.255.255.255"),
        ("hash:ip", "10.0.0.0/8,tcp:80"),
        ("hash:ip,port family inet6", "10.0.0.0/8,tcp:1-1000"),
        ("hash:ip,port", "10.0.0.0/8,icmpv6:"),
        ("hash:ip,port,ip", "10.0.0.0/8,tcp:1-1000,10.0.0.0/8"),
        ("hash:ip,mac", "10.0.0.0/8,tcp:80"),
    ] {
        for overflow in POLICIES {
            let mut plan = plan(set, &[range, range], overflow);
            assert_eq!(refused(&plan), [0, 1], "{set}");
            assert!(plan.counts().is_unchanged(), "{set}");
            let report = SetReport::begin(&mut plan, None);
            let failures = report.failures();
            assert_eq!(failures.len(), 2);
            assert_eq!((failures[1].index, &failures[1].input), (1, &entry(range)));
            let object = failures[1].error.to_string();
            let range = entry(range).value().to_string();
            assert!(object.contains(&format!("{range} in s")), "{object}");
        }
    }
}

/// The kernel would walk or refuse them as a whole, but they are added one by one.
#[test]
fn a_range_of_entries_that_a_set_takes_is_not_refused() {
    for (set, range, added, refused) in [
        ("hash:ip,port", "255.255.255.0/24,tcp:80-81", 512, 0),
        ("hash:ip", "0.0.0.0/30", 3, 1),
        ("hash:net", "1.0.0.0-129.255.255.255", 8, 0),
        ("hash:net", "0.0.0.0-255.255.255.255", 2, 0),
    ] {
        let plan = plan(set, &[range], Overflow::Refuse);
        assert_eq!(plan.counts().added, added, "{set}");
        assert_eq!(plan.refused().count(), refused, "{set}");
    }
}

#[test]
fn refused_entries_are_told_in_order_and_once() {
    let set: IpSet<HashIp> = "s hash:ip comment".parse().unwrap();
    let (ours, other) = (Ipv4Addr::new(10, 0, 0, 1), Ipv6Addr::LOCALHOST);
    let quoted = Addresses::from("10.0.1.0/24".parse::<ipnet::Ipv4Net>().unwrap());
    let wanted = [
        Entry::from(IpAddr::from(ours)),
        Entry::from(quoted).comment("a \"b\""),
        Entry::from(IpAddr::from(other)),
        Entry::from(IpAddr::from(Ipv4Addr::UNSPECIFIED)),
    ];
    let plan = SetPlan::to_create(&set, wanted, &Policy::new()).unwrap();
    let refused: Vec<_> = plan.refused().map(|(index, _)| index).collect();
    assert_eq!(refused, [1, 2, 3]);
    assert_eq!(plan.counts().added, 1);
}

/// Another program may have added it. It could not be added again.
#[test]
fn what_is_in_the_set_stays_though_it_could_not_be_added() {
    let wanted = ["10.0.0.1,icmpv6:"];
    let plan = plan_beside("hash:ip,port", &wanted, &wanted, Overflow::Refuse);
    assert!(plan.is_empty());
    assert_eq!((plan.counts().kept, plan.refused().count()), (1, 0));
}

/// The kernel refuses such a range as a whole.
#[test]
fn what_is_not_within_the_range_of_a_bitmap_is_refused_as_it_was_given() {
    let addresses = "range 10.0.0.0-10.0.0.127";
    for (set, outside, inside) in [
        ("bitmap:ip", "0.0.0.0/1", "10.0.0.0/25"),
        (
            "bitmap:ip",
            "0.0.0.0-255.255.255.255",
            "10.0.0.0-10.0.0.127",
        ),
        ("bitmap:ip", "10.0.0.64/26,tcp:80", "10.0.0.64/26"),
        ("bitmap:ip", "10.0.0.0/24", "10.0.0.0"),
        ("bitmap:ip", "9.255.255.255", "10.0.0.127"),
        ("bitmap:ip", "2001:db8::1", "10.0.0.127"),
        ("bitmap:ip netmask 28", "10.0.0.128", "10.0.0.120"),
        ("bitmap:ip,mac", "10.0.0.128", "10.0.0.127"),
    ] {
        let plan = plan(
            &format!("{set} {addresses}"),
            &[outside, inside, outside],
            Overflow::Refuse,
        );
        assert_eq!(refused(&plan), [0, 2], "{set} {outside}");
        assert_ne!(plan.counts().added, 0, "{set} {inside}");
    }
    for (outside, inside) in [("ports:0-65535", "ports:9-10"), ("ports:8", "ports:9")] {
        let plan = plan("bitmap:port range 9-99", &[outside, inside], Overflow::Cut);
        assert_eq!(refused(&plan), [0], "{outside}");
        assert_ne!(plan.counts().added, 0, "{inside}");
    }
    let plan = plan(
        "bitmap:ip range 10.0.0.0/24",
        &["10.0.1.0"],
        Overflow::Refuse,
    );
    let (_, error) = plan.refused().next().unwrap();
    let text = error.to_string();
    assert!(text.contains("range 10.0.0.0-10.0.0.255"), "{text}");
}

#[test]
fn a_bitmap_without_a_range_is_an_error_before_its_entries_are_expanded() {
    let set = AnySet::untyped("s", "bitmap:ip".parse().unwrap()).unwrap();
    SetPlan::to_create(&set, [entry("0.0.0.0/1")], &Policy::new()).unwrap_err();
}

#[test]
fn what_is_left_out_of_a_range_is_counted_without_looking_at_it() {
    let left_out = |set: &str, wanted: &[&str]| {
        let counts = plan(set, wanted, Overflow::Cut).counts();
        assert_eq!(counts.added, 65536, "{set} {wanted:?}");
        counts.left_out
    };
    let two_to_the = |power: u32| 1u64 << power;
    let all = two_to_the(16);
    assert_eq!(left_out("hash:ip", &["10.0.0.0/8"]), two_to_the(24) - all);
    let range = "10.0.0.0-10.255.255.254";
    assert_eq!(left_out("hash:ip", &[range]), two_to_the(24) - 1 - all);
    let ports = ["10.0.0.0/16,tcp:1-1000"];
    assert_eq!(left_out("hash:ip,port", &ports), 1000 * all - all);
    let most = ["0.0.0.0/1,tcp:0-65535"];
    assert_eq!(left_out("hash:ip,port", &most), two_to_the(47) - all);
    // The range is eight networks.
    let nets = ["10.0.0.0/9,tcp:1-1000,10.0.0.1-10.0.0.30"];
    let expected = 1000 * 8 * two_to_the(23) - all;
    assert_eq!(left_out("hash:ip,port,net", &nets), expected);
    // A step is a network of the netmask.
    let masked = left_out("hash:ip netmask 28", &["10.0.0.0-10.255.255.255"]);
    assert_eq!(masked, two_to_the(20) - all);
    let unaligned = left_out("hash:ip netmask 28", &["10.0.0.15-10.255.255.240"]);
    assert_eq!(unaligned, two_to_the(20) - all);
    // They are added up.
    let twice = left_out("hash:ip,port", &["10.0.0.0/16,tcp:1", most[0], most[0]]);
    assert_eq!(twice, 2 * two_to_the(47));
}

/// However many are left out, those of a range that is not too large are found.
#[test]
fn of_a_set_that_is_full_the_options_of_the_last_wanted_entry_count() {
    let set: IpSet<HashIp> = "s hash:ip timeout 100 maxelem 2".parse().unwrap();
    let addresses = |text: &str| Entry::<HashIp>::new(text.parse::<Addresses>().unwrap());
    let later = std::time::Duration::from_secs(50);
    let wanted = [
        addresses("10.0.0.1"),
        addresses("10.0.255.255"),
        addresses("10.0.0.0/16").timeout(later),
    ];
    let policy = Policy::new().if_too_many(Overflow::Cut);
    let plan = SetPlan::to_create(&set, wanted, &policy).unwrap();
    assert!(plan.content().all(|it| it.options().timeout == Some(later)));
    assert_eq!(plan.counts().left_out, 65534);
}
