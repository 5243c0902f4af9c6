//! Every element in every part of an entry, for every type and family. The kernel accepts what the
//! crate accepts, and the crate refuses everything else before it asks the kernel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipvset::ipset::elements::{
    Addresses, AnyElement, AnyValue, Interface, Ipv4Range, MacAddress, Mark, Member, OptionalMac,
    PortRange, icmp, icmpv6, protocol, tcp, udp,
};
use ipvset::ipset::types::AnyType;
use ipvset::ipset::{AnyEntry, AnySet, IpSets, SetRange};
use ipvset::{Family, Protocol};

use super::common::{Outcome, kernel_is_at_least, restore};
use super::{Test, of_every_type};

pub(crate) fn tests() -> Vec<Test> {
    of_every_type("elements", every_element)
}

/// The expected outcome of an entry.
#[derive(Debug, PartialEq)]
enum Verdict {
    Taken,
    /// The crate refuses it, without asking the kernel.
    Refused,
    /// The kernel refuses it, because it is outside the range of the bitmap.
    Outside,
    /// The kernel refuses it since Linux 6.2, because of a zero address in a hash:ip,port, or as
    /// the first address in a hash:net,net of IPv6.
    ZeroAddress,
}

/// Returns elements of every kind, including the special cases of some types. All ranges are small.
fn elements() -> Vec<AnyElement> {
    let v4 = |text: &str| text.parse::<Ipv4Addr>().unwrap();
    let v6 = |text: &str| text.parse::<Ipv6Addr>().unwrap();
    let net = |text: &str| text.parse::<ipnet::IpNet>().unwrap();
    let range = |first, last| Ipv4Range::new(v4(first), v4(last));
    vec![
        v4("10.0.0.1").into(),
        v4("0.0.0.0").into(),
        v4("255.255.255.255").into(),
        v6("2001:db8::1").into(),
        v6("::").into(),
        net("10.0.2.0/30").into(),
        net("0.0.0.0/30").into(),
        net("255.255.255.252/30").into(),
        net("0.0.0.0/0").into(),
        net("2001:db8:1::/64").into(),
        net("::/126").into(),
        net("::/0").into(),
        range("10.0.3.1", "10.0.3.3").into(),
        range("0.0.0.0", "0.0.0.2").into(),
        range("255.255.255.254", "255.255.255.255").into(),
        range("0.0.0.0", "255.255.255.255").into(),
        tcp(80).into(),
        udp(5..=7).into(),
        icmp(8, 0).into(),
        icmp(0, 0).into(),
        icmpv6(128, 0).into(),
        protocol(0).into(),
        protocol(47).into(),
        PortRange::from(80).into(),
        PortRange::new(5, 7).into(),
        MacAddress([2, 0, 0, 0, 0, 1]).into(),
        MacAddress([0; 6]).into(),
        OptionalMac(None).into(),
        Mark(0).into(),
        Mark(7).into(),
        Interface::new("eth0").unwrap().into(),
        Member::new("m").unwrap().into(),
    ]
}

fn every_element(name: &'static str, family: Family) -> Outcome {
    let kind: AnyType = name.parse()?;
    let mut set = AnySet::untyped("s", kind)?.with_family(family);
    match name {
        "bitmap:ip" | "bitmap:ip,mac" => {
            let all = "10.0.0.0/16".parse::<ipnet::Ipv4Net>()?;
            set = set.range(SetRange::from(all));
        }
        "bitmap:port" => set = set.range(SetRange::from(PortRange::new(0, 65535))),
        "list:set" => restore("create m hash:ip\n")?,
        _ => {}
    }
    let mut sets = IpSets::connect()?;
    sets.create(&set)?;
    let rules = Rules { name, family };
    let elements = elements();
    let mut taken = 0;
    let mut try_one = |entry: Vec<AnyElement>| -> Outcome {
        match rules.verdict(&entry) {
            Verdict::Refused => refused(&mut sets, &set, &entry),
            Verdict::Outside => outside(&mut sets, &set, &entry),
            Verdict::ZeroAddress if kernel_is_at_least(6, 2) => {
                let error = sets.add(&set, value(&entry)).unwrap_err();
                assert!(error.is_invalid_input(), "{error}");
                let words = match name {
                    "hash:ip,port" => "zero address",
                    _ => "zero element",
                };
                assert!(error.to_string().contains(words), "{error}");
                Ok(())
            }
            Verdict::Taken if rules.is_misread_by_old_kernels(&entry) => {
                let added = sets.add(&set, value(&entry));
                sets.flush(&set)?;
                match lab::test::has(ZERO_BESIDE_A_RANGE, added) {
                    Some(()) => accepted(&mut sets, &set, &entry),
                    None => Ok(()),
                }
            }
            Verdict::Taken | Verdict::ZeroAddress => {
                taken += 1;
                accepted(&mut sets, &set, &entry)
            }
        }
    };
    try_one(Vec::new())?;
    for first in &elements {
        try_one(vec![first.clone()])?;
        for second in &elements {
            try_one(vec![first.clone(), second.clone()])?;
            for third in &elements {
                try_one(vec![first.clone(), second.clone(), third.clone()])?;
            }
        }
    }
    try_one(vec![elements[0].clone(); 4])?;
    assert!(taken > 0);
    assert_eq!(sets.info(&set)?.entries, Some(0));
    Ok(())
}

fn value(entry: &[AnyElement]) -> AnyEntry {
    AnyEntry::new(entry.iter().cloned().collect::<AnyValue>())
}

fn refused(sets: &mut IpSets, set: &AnySet, entry: &[AnyElement]) -> Outcome {
    let mut errors = vec![("add entry", sets.add(set, value(entry)).err())];
    // There are tens of thousands of entries with three elements. Each is refused because of one
    // element.
    if entry.len() < 3 {
        errors.extend([
            ("add entry", set.validate_entry(value(entry)).err()),
            ("add entry", sets.put(set, value(entry)).err()),
        ]);
        // An entry that another program can have added can be removed.
        if !has_icmp_of_other_family(set, entry) {
            errors.extend([
                ("remove entry", sets.remove(set, value(entry)).err()),
                ("test entry", sets.test(set, value(entry)).err()),
            ]);
        }
    }
    for (operation, error) in errors {
        let Some(error) = error else {
            panic!("{operation} {entry:?} was not refused");
        };
        assert!(error.is_invalid_input(), "{error}");
        assert_eq!((error.errno(), error.ipset_code()), (None, None), "{error}");
        assert_eq!(error.operation(), operation);
        assert!(error.object_name().is_some_and(|it| it.ends_with("in s")));
    }
    Ok(())
}

fn has_icmp_of_other_family(set: &AnySet, entry: &[AnyElement]) -> bool {
    let other = match set.options().family {
        Family::Ipv4 => icmpv6(0, 0),
        Family::Ipv6 => icmp(0, 0),
    };
    entry.contains(&other.into())
}

fn outside(sets: &mut IpSets, set: &AnySet, entry: &[AnyElement]) -> Outcome {
    for error in [
        sets.add(set, value(entry)).unwrap_err(),
        sets.remove(set, value(entry)).unwrap_err(),
    ] {
        assert!(error.is_invalid_input(), "{error}");
        assert!(
            error.to_string().contains("outside the set's range"),
            "{error}"
        );
    }
    Ok(())
}

fn accepted(sets: &mut IpSets, set: &AnySet, entry: &[AnyElement]) -> Outcome {
    let named = |error: ipvset::Error| format!("{entry:?}: {error}");
    set.validate_entry(value(entry)).map_err(named)?;
    sets.add(set, value(entry)).map_err(named)?;
    let again = sets.add(set, value(entry)).unwrap_err();
    assert!(again.is_already_exists(), "{again}");
    match sets.test(set, value(entry)) {
        Ok(found) => assert!(found && !is_several(set, entry), "{entry:?}"),
        Err(error) => {
            assert!(
                error.is_invalid_input() && is_several(set, entry),
                "{error}"
            );
            assert_eq!(error.ipset_code(), None);
        }
    }
    sets.remove(set, value(entry)).map_err(named)?;
    let again = sets.remove(set, value(entry)).unwrap_err();
    assert!(again.is_not_found(), "{again}");
    Ok(())
}

/// Whether the value stands for several entries, which cannot be tested together.
fn is_several(set: &AnySet, entry: &[AnyElement]) -> bool {
    let parts = set.type_name().split_once(':').unwrap().1.split(',');
    entry
        .iter()
        .zip(parts)
        .any(|(element, part)| match element {
            AnyElement::Addresses(Addresses::Range(_)) => true,
            AnyElement::Addresses(Addresses::Network(_)) => part == "ip",
            AnyElement::Port(port) => port.ports().first() != port.ports().last(),
            AnyElement::Ports(ports) => ports.first() != ports.last(),
            _ => false,
        })
}

/// The elements that set types accept, formulated differently than in the crate.
struct Rules {
    name: &'static str,
    family: Family,
}

/// Linux 5.10 adds each address of the network until the set is full.
const ZERO_BESIDE_A_RANGE: &str = "a network of /0 beside a range";

impl Rules {
    fn is_misread_by_old_kernels(&self, entry: &[AnyElement]) -> bool {
        let is_zero = |element: &AnyElement| match element {
            AnyElement::Addresses(Addresses::Network(net)) => {
                net.addr().is_ipv4() && net.prefix_len() == 0
            }
            _ => false,
        };
        let is_range = |element: &AnyElement| match element {
            AnyElement::Addresses(Addresses::Range(_)) => true,
            AnyElement::Port(port) => port.ports().first() != port.ports().last(),
            _ => false,
        };
        self.name == "hash:net,port,net" && entry.iter().any(is_zero) && entry.iter().any(is_range)
    }

    fn verdict(&self, entry: &[AnyElement]) -> Verdict {
        let parts: Vec<_> = self.name.split_once(':').unwrap().1.split(',').collect();
        let optional = (self.name == "bitmap:ip,mac") as usize;
        if entry.len() > parts.len() || entry.len() + optional < parts.len() || entry.is_empty() {
            return Verdict::Refused;
        }
        let fits = |(place, element)| self.takes(parts[place], place, element);
        if !entry.iter().enumerate().all(fits) || !self.takes_together(entry) {
            return Verdict::Refused;
        }
        let (first, last) = bounds(&entry[0]);
        if self.name.starts_with("bitmap:ip") {
            let octets = |it: IpAddr| match it {
                IpAddr::V4(it) => it.octets(),
                IpAddr::V6(_) => [0; 4],
            };
            if octets(first)[..2] != [10, 0] || octets(last)[..2] != [10, 0] {
                return Verdict::Outside;
            }
        }
        match self.name {
            "hash:ip,port" if first.is_unspecified() => Verdict::ZeroAddress,
            "hash:net,net" if first == last && first == Ipv6Addr::UNSPECIFIED => {
                Verdict::ZeroAddress
            }
            _ => Verdict::Taken,
        }
    }

    fn takes(&self, part: &str, place: usize, element: &AnyElement) -> bool {
        match (part, element) {
            ("ip" | "net", AnyElement::Addresses(addresses)) => {
                self.takes_addresses(part, place, addresses)
            }
            ("port", AnyElement::Ports(_)) => self.name == "bitmap:port",
            ("port", AnyElement::Port(port)) => {
                let other = match self.family {
                    Family::Ipv4 => Protocol::ICMPV6,
                    Family::Ipv6 => Protocol::ICMP,
                };
                // The kernel stores it, but the tool refuses files that contain it.
                self.name != "bitmap:port"
                    && ![Protocol::from_number(0), other].contains(&port.protocol())
            }
            // A bitmap accepts the zero address.
            ("mac", AnyElement::Mac(OptionalMac(Some(mac)))) => {
                mac.0 != [0; 6] || self.name == "bitmap:ip,mac"
            }
            ("mac", AnyElement::Mac(OptionalMac(None))) => self.name == "bitmap:ip,mac",
            ("mark", AnyElement::Mark(_)) => true,
            ("iface", AnyElement::Interface(_)) => true,
            ("set", AnyElement::Member(_)) => true,
            _ => false,
        }
    }

    fn takes_addresses(&self, part: &str, place: usize, addresses: &Addresses) -> bool {
        let several =
            part == "net" || place == 0 && !matches!(self.name, "bitmap:ip,mac" | "hash:ip,mac");
        let element = AnyElement::from(*addresses);
        let (first, last) = bounds(&element);
        if first.is_ipv4() != (self.family == Family::Ipv4) {
            return false;
        }
        let fits = match addresses {
            Addresses::One(_) => true,
            Addresses::Range(_) => several && !is_everything(first, last),
            Addresses::Network(network) if network.prefix_len() == 0 => {
                matches!(self.name, "hash:net,iface" | "hash:net,port,net")
            }
            Addresses::Network(_) => several && (part == "net" || first.is_ipv4()),
            _ => false,
        };
        fits && !(self.name == "hash:ip" && first.is_unspecified())
    }

    /// Checks the rules about more than one element.
    fn takes_together(&self, entry: &[AnyElement]) -> bool {
        let (first, last) = bounds(&entry[0]);
        match (self.name, entry) {
            ("hash:ip,mark", [_, AnyElement::Mark(mark)]) => {
                let zero = self.family == Family::Ipv4 && first.is_unspecified() && mark.0 == 0;
                !(zero || first != last && is_last(last))
            }
            ("hash:ip,port" | "hash:ip,port,ip" | "hash:ip,port,net", [_, port, ..]) => {
                let ports = matches!(port, AnyElement::Port(port)
                    if port.ports().first() != port.ports().last());
                let networks = matches!(
                    entry.get(2),
                    Some(AnyElement::Addresses(Addresses::Range(_)))
                );
                !(is_last(last) && (first != last || ports || networks))
            }
            _ => true,
        }
    }
}

/// Returns the first and the last address of an element.
fn bounds(element: &AnyElement) -> (IpAddr, IpAddr) {
    const NONE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    match element {
        AnyElement::Addresses(Addresses::One(address)) => (*address, *address),
        AnyElement::Addresses(Addresses::Range(range)) => {
            (range.first().into(), range.last().into())
        }
        AnyElement::Addresses(Addresses::Network(network)) => {
            (network.network(), network.broadcast())
        }
        _ => (NONE, NONE),
    }
}

fn is_last(address: IpAddr) -> bool {
    address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

fn is_everything(first: IpAddr, last: IpAddr) -> bool {
    first.is_unspecified() && is_last(last)
}
