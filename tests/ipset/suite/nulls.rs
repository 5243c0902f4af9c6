//! How sets treat zeros, masks and limits. The module `elements` tests that zero elements are
//! refused.

use ipvset::ipset::elements::{Interface, Mark, Member, OptionalMac, tcp};
use ipvset::ipset::types::{
    BitmapIp, BitmapIpMac, BitmapPort, HashIp, HashIpMark, HashIpPort, HashNetIface,
    HashNetPortNet, ListSet,
};
use ipvset::ipset::{Entry, IpSet, IpSets};
use lab::Namespace;
use std::time::Duration;

use super::common::{
    Outcome, created, ip, ipset, kernel_is_at_least, listed, mac, net, range, saved_entries, set,
    tests, v4, v6, values,
};
use super::{Test, needs};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        &["bitmap:ip"] => a_bitmap_with_a_netmask_holds_networks,
        &["bitmap:ip", "bitmap:port"] => a_bitmap_refuses_entries_outside_its_range,
        &["bitmap:ip,mac"] => a_missing_mac_address_matches_any,
        &["hash:ip"] => an_address_that_the_netmask_makes_zero,
        &["hash:ip,mark"] => marks_are_masked,
        &["hash:ip,port"] => a_zero_address_with_a_port,
        &["hash:net,iface", "hash:net,port,net"] => a_network_of_all_addresses_contains_each,
        &["hash:net,iface"] => a_network_has_at_most_64_interfaces,
        &["list:set", "hash:ip"] => a_list_can_exceed_its_size,
        &["hash:ip"] => a_set_with_maxelem_0_is_full,
    ];
    tests.push(
        needs(
            &["bitmap:ip,mac"],
            "nulls::the_first_packet_sets_the_mac_address",
            the_first_packet_sets_the_mac_address,
        )
        .with_rules(),
    );
    tests
}

fn a_bitmap_with_a_netmask_holds_networks() -> Outcome {
    let all = range("10.0.0.0", "10.0.255.255");
    let (mut sets, set) = created(set::<BitmapIp>().range(all).netmask(24))?;
    sets.add(&set, v4("10.0.5.77"))?;
    let again = sets.add(&set, v4("10.0.5.78")).unwrap_err();
    assert!(again.is_already_exists(), "{again}");
    assert!(sets.test(&set, v4("10.0.5.1"))?);
    assert!(!sets.test(&set, v4("10.0.6.1"))?);
    assert_eq!(values(&mut sets, &set)?, ["10.0.5.0"]);
    assert_eq!(saved_entries("s")?[0].0, "10.0.5.0");
    sets.remove(&set, v4("10.0.5.255"))?;
    sets.add(&set, net("10.0.8.0/22"))?;
    let four = ["10.0.10.0", "10.0.11.0", "10.0.8.0", "10.0.9.0"];
    assert_eq!(values(&mut sets, &set)?, four);
    Ok(())
}

fn a_bitmap_refuses_entries_outside_its_range() -> Outcome {
    let (mut sets, set) = created(set::<BitmapIp>().range(range("10.0.0.8", "10.0.0.15")))?;
    for outside in ["10.0.0.7", "10.0.0.16", "0.0.0.0", "255.255.255.255"] {
        let error = sets.add(&set, v4(outside)).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        assert_eq!(error.ipset_code(), Some(4352));
        let text = error.to_string();
        assert!(
            text.contains(outside) && text.contains("10.0.0.8-10.0.0.15"),
            "{text}"
        );
        assert!(!sets.test(&set, v4(outside))?);
    }
    // If a part of a range is outside, nothing is added.
    let error = sets.add(&set, range("10.0.0.14", "10.0.0.17")).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    assert_eq!(values(&mut sets, &set)?.len(), 0);

    let ports = IpSet::<BitmapPort>::new("ports")?.range(10..=20);
    sets.create(&ports)?;
    for outside in [9, 21] {
        let error = sets.add(&ports, outside).unwrap_err();
        assert!(error.to_string().contains("range 10-20"), "{error}");
    }
    sets.add(&ports, 10..=20)?;
    assert_eq!(sets.list(&ports)?.count(), 11);
    Ok(())
}

fn a_missing_mac_address_matches_any() -> Outcome {
    let all = range("10.0.0.0", "10.0.0.255");
    let (mut sets, set) = created(set::<BitmapIpMac>().range(all))?;
    let (one, other) = (mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02"));
    sets.add(&set, (ip("10.0.0.1"), one))?;
    assert!(sets.test(&set, (ip("10.0.0.1"), one))?);
    assert!(!sets.test(&set, (ip("10.0.0.1"), other))?);
    // It is found without its MAC address.
    assert!(sets.test(&set, (ip("10.0.0.1"), OptionalMac(None)))?);
    // Each address has at most one entry.
    let again = sets.add(&set, (ip("10.0.0.1"), other)).unwrap_err();
    assert!(again.is_already_exists(), "{again}");

    sets.add(&set, (ip("10.0.0.2"), None))?;
    assert_eq!(saved_entries("s")?[1].0, "10.0.0.2");
    // Adding it again sets the missing MAC address.
    sets.add(&set, (ip("10.0.0.2"), other))?;
    assert_eq!(saved_entries("s")?[1].0, "10.0.0.2,02:00:00:00:00:02");
    sets.remove(&set, (ip("10.0.0.2"), one))?;
    Ok(())
}

/// A packet whose source address is in the set completes the entry and starts its timeout.
fn the_first_packet_sets_the_mac_address() -> Outcome {
    let other = Namespace::new()?;
    lab::link::veth_into("here", "there", &other)?;
    lab::link::mac("here", [2, 0, 0, 0, 0, 1])?;
    lab::address::add("10.0.0.1/24", "here")?;
    lab::link::up("here")?;
    other.run(|| -> lab::Result<()> {
        lab::link::mac("there", [2, 0, 0, 0, 0, 2])?;
        lab::address::add("10.0.0.2/24", "there")?;
        lab::link::up("there")
    })?;
    let all = range("10.0.0.0", "10.0.0.255");
    let (mut sets, set) = created(
        set::<BitmapIpMac>()
            .range(all)
            .timeout(Duration::from_secs(5000)),
    )?;
    sets.add(&set, (ip("10.0.0.2"), None))?;
    let rule = "-p udp -m set --match-set s src,src -j DROP";
    lab::test::need("firewall rules", lab::Iptables::new()).append("filter", "INPUT", rule)?;
    other.run(|| -> std::io::Result<()> {
        let socket = std::net::UdpSocket::bind("10.0.0.2:0")?;
        socket.send_to(b"hello", "10.0.0.1:9").map(drop)
    })?;
    let told = mac("02:00:00:00:00:02");
    loop {
        let entries = listed(&mut sets, &set)?;
        let options = entries[0].options();
        assert_eq!(options.timeout, Some(Duration::from_secs(5000)));
        if *entries[0].value() == (ip("10.0.0.2"), OptionalMac(Some(told))) {
            break;
        }
    }
    assert_eq!(saved_entries("s")?[0].0, "10.0.0.2,02:00:00:00:00:02");
    sets.remove(&set, (ip("10.0.0.2"), told))?;
    Ok(())
}

fn an_address_that_the_netmask_makes_zero() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().netmask(24))?;
    let error = sets.add(&set, v4("0.0.0.5")).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    assert!(error.to_string().contains("zero"), "{error}");
    sets.add(&set, v4("10.0.5.77"))?;
    assert!(sets.test(&set, v4("10.0.5.1"))?);
    assert_eq!(values(&mut sets, &set)?, ["10.0.5.0"]);
    assert_eq!(saved_entries("s")?[0].0, "10.0.5.0");
    let six = IpSet::<HashIp>::new("six")?.inet6().netmask(64);
    sets.create(&six)?;
    let error = sets.add(&six, v6("::5")).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    sets.add(&six, v6("2001:db8::77"))?;
    assert_eq!(values(&mut sets, &six)?, ["2001:db8::"]);
    Ok(())
}

fn marks_are_masked() -> Outcome {
    let (mut sets, set) = created(set::<HashIpMark>().markmask(0xff00))?;
    sets.add(&set, (v4("10.0.0.1"), Mark(0x1234)))?;
    assert_eq!(values(&mut sets, &set)?, ["10.0.0.1,0x00001200"]);
    assert!(sets.test(&set, (v4("10.0.0.1"), Mark(0x12ff)))?);
    let again = sets.add(&set, (v4("10.0.0.1"), 0x1200)).unwrap_err();
    assert!(again.is_already_exists(), "{again}");
    sets.add(&set, (v4("10.0.0.1"), 0))?;
    // A mark that the mask makes zero is refused like a zero mark. Linux 5.10 stores it.
    let added = sets.add(&set, (v4("0.0.0.0"), 1));
    assert_eq!(added.is_ok(), !kernel_is_at_least(5, 11), "{added:?}");
    if let Err(error) = added {
        assert!(error.is_invalid_input(), "{error}");
    }
    let six = IpSet::<HashIpMark>::new("six")?.inet6();
    sets.create(&six)?;
    sets.add(&six, (v6("::"), 0))?;
    assert_eq!(values(&mut sets, &six)?, ["::,0x00000000"]);
    Ok(())
}

fn a_zero_address_with_a_port() -> Outcome {
    let (mut sets, set) = created(set::<HashIpPort>())?;
    let added = sets.add(&set, (v4("0.0.0.0"), tcp(80)));
    if kernel_is_at_least(6, 2) {
        let error = added.unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        assert!(error.to_string().contains("6.2"), "{error}");
        assert_eq!(values(&mut sets, &set)?.len(), 0);
    } else {
        added?;
        assert_eq!(saved_entries("s")?[0].0, "0.0.0.0,tcp:80");
    }
    Ok(())
}

fn a_network_of_all_addresses_contains_each() -> Outcome {
    let (mut sets, set) = created(set::<HashNetPortNet>())?;
    sets.add(&set, (net("0.0.0.0/0"), tcp(80), net("0.0.0.0/0")))?;
    let addresses = ["0.0.0.0", "10.0.0.1", "255.255.255.255"];
    for (one, other) in addresses.iter().zip(addresses.iter().rev()) {
        assert!(sets.test(&set, (v4(one), tcp(80), v4(other)))?);
        assert!(!sets.test(&set, (v4(one), tcp(81), v4(other)))?);
    }
    let eth0 = Interface::new("eth0")?;
    let six = IpSet::<HashNetIface>::new("six")?.inet6();
    sets.create(&six)?;
    sets.add(&six, (net("::/0"), eth0))?;
    for address in ["::", "2001:db8::1", "ffff::"] {
        assert!(sets.test(&six, (v6(address), eth0))?);
        assert!(!sets.test(&six, (v6(address), Interface::new("eth1")?))?);
    }
    Ok(())
}

/// The interfaces of one network share a bucket, which is full. The set has not reached its
/// maxelem, and has room for other networks.
fn a_network_has_at_most_64_interfaces() -> Outcome {
    let (mut sets, set) = created(set::<HashNetIface>())?;
    let interface = |number: u32| Interface::new(&format!("eth{number}"));
    for number in 0..64 {
        sets.add(&set, (net("10.0.0.0/8"), interface(number)?))?;
    }
    let error = sets
        .add(&set, (net("10.0.0.0/8"), interface(64)?))
        .unwrap_err();
    // Linux 5.10 reports the same error as without memory.
    if kernel_is_at_least(5, 11) {
        assert!(error.is_full(), "{error}");
        assert!(error.to_string().contains("64 interfaces"), "{error}");
    } else {
        assert_eq!(error.errno(), Some(nix::libc::ENOMEM), "{error}");
    }
    assert_eq!(sets.info(&set)?.entries, Some(64));
    sets.add(&set, (net("11.0.0.0/8"), interface(64)?))?;
    Ok(())
}

fn a_list_can_exceed_its_size() -> Outcome {
    let (mut sets, list) = created(set::<ListSet>().size(4))?;
    for number in 0..9 {
        let member = IpSet::<HashIp>::new(format!("member-{number}"))?;
        sets.create(&member)?;
        sets.add(&list, Member::new(&member)?)?;
    }
    assert_eq!(values(&mut sets, &list)?.len(), 9);
    assert_eq!(
        sets.info(&list)?.set.and_then(|it| it.options().size),
        Some(4)
    );
    // A list cannot contain lists.
    sets.create(&IpSet::<ListSet>::new("inner")?)?;
    for loops in ["inner", "s"] {
        let error = sets.add(&list, Member::new(loops)?).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        assert!(error.to_string().contains("cannot be a member"), "{error}");
    }
    Ok(())
}

fn a_set_with_maxelem_0_is_full() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().maxelem(0))?;
    let error = sets.add(&set, v4("10.0.0.1")).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert!(error.to_string().contains("maxelem 0"), "{error}");
    assert!(ipset(["add", "s", "10.0.0.1"]).is_err());
    // Replacing old entries does not help if there are none.
    let forced = IpSet::<HashIp>::new("forced")?.maxelem(0).forceadd();
    sets.create(&forced)?;
    let error = sets.add(&forced, Entry::new(v4("10.0.0.1"))).unwrap_err();
    assert!(error.is_full(), "{error}");
    let mut other = IpSets::connect()?;
    assert_eq!(other.info(&forced)?.entries, Some(0));
    Ok(())
}
