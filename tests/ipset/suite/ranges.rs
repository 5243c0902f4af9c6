//! Ranges of addresses, networks and ports, and the entries that the kernel stores for them.

use ipvset::ipset::elements::{Interface, Mark, PortRange, sctp, tcp, udp, udplite};
use ipvset::ipset::types::{
    BitmapIp, BitmapPort, HashIp, HashIpMark, HashIpPort, HashIpPortIp, HashIpPortNet, HashNet,
    HashNetIface, HashNetNet, HashNetPort, HashNetPortNet, SetType,
};
use ipvset::ipset::{Entry, IpSet, IpSets};

use super::common::{
    Outcome, created, ip, listed, net, range, restore, saved_entries, set, tests, v4, v6, values,
};
use super::{ALL, Test};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        ALL => what_the_tool_stores,
        &["bitmap:ip", "bitmap:port", "hash:ip", "hash:ip,port"] => ends_may_be_given_in_either_order,
        &["hash:net"] => a_range_of_networks_is_split_into_the_fewest,
        &["hash:ip"] => a_range_that_meets_an_entry_stops_there,
        &["hash:ip"] => a_range_larger_than_the_kernel_adds_at_once,
        &["hash:ip"] => a_range_that_fills_the_set,
        &["hash:ip,port", "bitmap:port"] => ports_to_the_last,
        &["hash:ip", "hash:ip,port"] => the_last_address_of_all,
        &["hash:ip", "hash:ip,port", "hash:net"] => ipv6_has_ports_in_ranges_but_no_addresses,
        &["hash:net"] => host_bits_are_cut_and_overlap_is_fine,
    ]
}

/// Adds an entry to one set with the crate and to another with the tool. Both sets must be equal.
fn same_as_the_tool<T: SetType>(
    sets: &mut IpSets,
    set: &IpSet<T>,
    entry: impl Into<Entry<T>>,
    text: &str,
    count: usize,
) -> Outcome {
    let entry = entry.into();
    sets.create(set)?;
    sets.create(&set.with_name("tool")?)?;
    sets.add(set, entry.clone())?;
    restore(&format!("add tool {text}\n"))?;
    let entries = saved_entries("s")?;
    assert_eq!(entries, saved_entries("tool")?, "{text}");
    assert_eq!(entries.len(), count, "{text}");
    let lines: Vec<_> = entries.into_iter().map(|(value, _)| value).collect();
    assert_eq!(values(sets, set)?, lines, "{text}");
    for entry in listed(sets, set)? {
        assert!(sets.test(set, entry)?);
    }
    sets.remove(set, entry)?;
    assert_eq!(values(sets, set)?.len(), 0, "{text}");
    sets.destroy_all()?;
    Ok(())
}

fn what_the_tool_stores() -> Outcome {
    let sets = &mut IpSets::connect()?;
    let seven = range("10.0.0.1", "10.0.0.7");
    let four = net("10.0.0.8/30");
    let bits = range("10.0.0.0", "10.0.0.255");
    let eth0 = Interface::new("eth0")?;
    let (seven_text, four_text) = ("10.0.0.1-10.0.0.7", "10.0.0.8/30");

    let it = set::<BitmapIp>().range(bits);
    same_as_the_tool(sets, &it, seven, seven_text, 7)?;
    same_as_the_tool(sets, &it, four, four_text, 4)?;
    let it = set::<BitmapPort>().range(0..=65535);
    same_as_the_tool(sets, &it, 100..=199, "100-199", 100)?;
    let it = set::<HashIp>();
    same_as_the_tool(sets, &it, seven, seven_text, 7)?;
    same_as_the_tool(sets, &it, four, four_text, 4)?;
    let it = set::<HashIp>().netmask(24);
    same_as_the_tool(sets, &it, net("10.0.0.0/20"), "10.0.0.0/20", 16)?;
    let it = set::<HashIpMark>();
    same_as_the_tool(sets, &it, (seven, Mark(5)), "10.0.0.1-10.0.0.7,5", 7)?;
    same_as_the_tool(sets, &it, (four, Mark(5)), "10.0.0.8/30,5", 4)?;
    let it = set::<HashIpPort>();
    same_as_the_tool(sets, &it, (seven, tcp(1..=3)), "10.0.0.1-10.0.0.7,1-3", 21)?;
    same_as_the_tool(sets, &it, (four, udp(9)), "10.0.0.8/30,udp:9", 4)?;
    let it = set::<HashIpPortIp>();
    let text = "10.0.0.1-10.0.0.7,udplite:1-3,10.1.1.1";
    let entry = (seven, udplite(1..=3), ip("10.1.1.1"));
    same_as_the_tool(sets, &it, entry, text, 21)?;
    let it = set::<HashIpPortNet>();
    let text = "10.0.0.1-10.0.0.7,sctp:1-3,10.1.0.1-10.1.0.6";
    let entry = (seven, sctp(1..=3), range("10.1.0.1", "10.1.0.6"));
    // 10.1.0.1, 10.1.0.2/31, 10.1.0.4/31, 10.1.0.6
    same_as_the_tool(sets, &it, entry, text, 7 * 3 * 4)?;
    let it = set::<HashNet>();
    same_as_the_tool(sets, &it, seven, seven_text, 3)?;
    let it = set::<HashNetIface>();
    same_as_the_tool(sets, &it, (seven, eth0), "10.0.0.1-10.0.0.7,eth0", 3)?;
    let it = set::<HashNetNet>();
    let text = "10.0.0.1-10.0.0.7,10.1.0.1-10.1.0.6";
    same_as_the_tool(sets, &it, (seven, range("10.1.0.1", "10.1.0.6")), text, 12)?;
    let it = set::<HashNetPort>();
    same_as_the_tool(sets, &it, (seven, tcp(1..=2)), "10.0.0.1-10.0.0.7,1-2", 6)?;
    let it = set::<HashNetPortNet>();
    let text = "10.0.0.1-10.0.0.7,1-2,10.1.0.1-10.1.0.6";
    let entry = (seven, tcp(1..=2), range("10.1.0.1", "10.1.0.6"));
    same_as_the_tool(sets, &it, entry, text, 24)?;
    Ok(())
}

fn ends_may_be_given_in_either_order() -> Outcome {
    let (mut sets, set) = created(set::<HashIpPort>())?;
    let backwards = range("10.0.0.3", "10.0.0.1");
    sets.add(&set, (backwards, tcp(PortRange::new(9, 8))))?;
    assert_eq!(values(&mut sets, &set)?.len(), 6);
    restore("create tool hash:ip,port\nadd tool 10.0.0.3-10.0.0.1,tcp:9-8\n")?;
    assert_eq!(saved_entries("s")?, saved_entries("tool")?);
    let bits = IpSet::<BitmapIp>::new("bits")?.range(range("10.0.0.9", "10.0.0.0"));
    sets.create(&bits)?;
    sets.add(&bits, backwards)?;
    assert_eq!(
        values(&mut sets, &bits)?,
        ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    );
    Ok(())
}

fn a_range_of_networks_is_split_into_the_fewest() -> Outcome {
    let (mut sets, set) = created(set::<HashNet>())?;
    sets.add(&set, range("10.0.0.1", "10.0.0.10"))?;
    let parts = [
        "10.0.0.1",
        "10.0.0.10",
        "10.0.0.2/31",
        "10.0.0.4/30",
        "10.0.0.8/31",
    ];
    assert_eq!(values(&mut sets, &set)?, parts);
    sets.flush(&set)?;
    sets.add(&set, range("10.0.0.0", "10.0.255.255"))?;
    assert_eq!(values(&mut sets, &set)?, ["10.0.0.0/16"]);
    sets.flush(&set)?;
    // All addresses except the last, and all except the first.
    sets.add(&set, range("0.0.0.0", "255.255.255.254"))?;
    assert_eq!(values(&mut sets, &set)?.len(), 32);
    sets.flush(&set)?;
    sets.add(&set, range("0.0.0.1", "127.255.255.255"))?;
    sets.add(&set, range("128.0.0.0", "255.255.255.255"))?;
    assert_eq!(values(&mut sets, &set)?.len(), 32);
    sets.flush(&set)?;
    // The kernel would store each address of a range of more than half of all addresses.
    let error = sets
        .add(&set, range("0.0.0.1", "255.255.255.255"))
        .unwrap_err();
    assert!(error.is_invalid_input() && error.ipset_code().is_none());
    assert!(error.to_string().contains("half"), "{error}");
    // The range of all addresses is refused, but each half is accepted.
    let error = sets
        .add(&set, range("0.0.0.0", "255.255.255.255"))
        .unwrap_err();
    assert!(error.is_invalid_input() && error.ipset_code().is_none());
    assert!(error.to_string().contains("128.0.0.0/1"), "{error}");
    sets.add(&set, net("0.0.0.0/1"))?;
    sets.add(&set, net("128.0.0.0/1"))?;
    assert!(sets.test(&set, v4("255.255.255.255"))? && sets.test(&set, v4("0.0.0.0"))?);
    Ok(())
}

fn a_range_that_meets_an_entry_stops_there() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().comments())?;
    let all = range("10.0.0.1", "10.0.0.9");
    sets.add(&set, Entry::new(v4("10.0.0.5")).comment("old"))?;
    let error = sets.add(&set, Entry::new(all).comment("new")).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    let there = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
    assert_eq!(values(&mut sets, &set)?, there);
    sets.put(&set, Entry::new(all).comment("new"))?;
    let lines = saved_entries("s")?;
    assert_eq!(lines.len(), 9);
    assert!(lines.iter().all(|(_, options)| options["comment"] == "new"));
    // The same applies to removing.
    sets.remove(&set, v4("10.0.0.5"))?;
    let error = sets.remove(&set, all).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let rest = ["10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"];
    assert_eq!(values(&mut sets, &set)?, rest);
    sets.remove_if_present(&set, all)?;
    assert_eq!(values(&mut sets, &set)?.len(), 0);
    Ok(())
}

/// The kernel releases its lock after every 16,384 addresses.
fn a_range_larger_than_the_kernel_adds_at_once() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().maxelem(200_000).hashsize(65536))?;
    sets.add(&set, net("10.0.0.0/16"))?;
    assert_eq!(sets.info(&set)?.entries, Some(65536));
    let error = sets.add(&set, net("10.0.0.0/15")).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    sets.put(&set, net("10.0.0.0/15"))?;
    assert_eq!(sets.list(&set)?.count(), 131_072);
    sets.remove(&set, net("10.0.0.0/15"))?;
    assert_eq!(sets.info(&set)?.entries, Some(0));
    Ok(())
}

fn a_range_that_fills_the_set() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().maxelem(100))?;
    let error = sets.add(&set, net("10.0.0.0/24")).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert!(error.to_string().contains("maxelem 100"), "{error}");
    let there = sets.list(&set)?.count();
    assert_eq!(there, 100);
    assert!(sets.test(&set, v4("10.0.0.99"))? && !sets.test(&set, v4("10.0.0.100"))?);
    Ok(())
}

fn ports_to_the_last() -> Outcome {
    let (mut sets, set) = created(set::<HashIpPort>())?;
    let server = v4("10.0.0.1");
    for ports in [tcp(65530..=65535), udp(0..=5), sctp(65535), udplite(1..=1)] {
        sets.add(&set, (server, ports))?;
        let error = sets.test(&set, (server, tcp(1..=2))).unwrap_err();
        assert!(error.is_invalid_input() && error.ipset_code().is_none());
    }
    assert_eq!(values(&mut sets, &set)?.len(), 14);
    assert!(sets.test(&set, (server, tcp(65535)))? && sets.test(&set, (server, udp(0)))?);
    let bits = IpSet::<BitmapPort>::new("bits")?.range(0..=65535);
    sets.create(&bits)?;
    sets.add(&bits, 0..=65535)?;
    assert_eq!(sets.list(&bits)?.count(), 65536);
    sets.remove(&bits, 1..=65535)?;
    assert_eq!(values(&mut sets, &bits)?, ["0"]);
    Ok(())
}

/// A range that ends with the last address is refused, because some kernels would never stop. The
/// last address alone is accepted.
fn the_last_address_of_all() -> Outcome {
    let (mut sets, set) = created(set::<HashIpPort>())?;
    let last = v4("255.255.255.255");
    sets.add(&set, (last, tcp(80)))?;
    let error = sets.add(&set, (last, tcp(80..=81))).unwrap_err();
    assert!(error.is_invalid_input() && error.ipset_code().is_none());
    let end = range("255.255.255.250", "255.255.255.255");
    let error = sets.add(&set, (end, tcp(80))).unwrap_err();
    assert!(error.is_invalid_input() && error.ipset_code().is_none());
    sets.add(&set, (range("255.255.255.250", "255.255.255.254"), tcp(80)))?;
    assert_eq!(values(&mut sets, &set)?.len(), 6);
    let addresses = IpSet::<HashIp>::new("addresses")?;
    sets.create(&addresses)?;
    sets.add(&addresses, end)?;
    assert_eq!(values(&mut sets, &addresses)?.len(), 6);
    Ok(())
}

fn ipv6_has_ports_in_ranges_but_no_addresses() -> Outcome {
    let (mut sets, set) = created(set::<HashIpPort>().inet6())?;
    sets.add(&set, (v6("2001:db8::1"), tcp(1..=5)))?;
    assert_eq!(values(&mut sets, &set)?.len(), 5);
    for error in [
        sets.add(&set, (net("2001:db8::/126"), tcp(1))).unwrap_err(),
        sets.add(&set, (range("10.0.0.1", "10.0.0.2"), tcp(1)))
            .unwrap_err(),
    ] {
        assert!(error.is_invalid_input() && error.ipset_code().is_none());
    }
    // A network of one address is stored as the address.
    sets.add(&set, (net("2001:db8::2/128"), tcp(1)))?;
    assert!(sets.test(&set, (v6("2001:db8::2"), tcp(1)))?);
    Ok(())
}

fn host_bits_are_cut_and_overlap_is_fine() -> Outcome {
    let (mut sets, set) = created(set::<HashNet>())?;
    sets.add(&set, net("10.1.2.3/8"))?;
    let again = sets.add(&set, net("10.0.0.0/8")).unwrap_err();
    assert!(again.is_already_exists(), "{again}");
    sets.add(&set, net("10.1.2.3/16"))?;
    sets.add(&set, v4("10.1.2.3"))?;
    assert_eq!(
        values(&mut sets, &set)?,
        ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3"]
    );
    sets.remove(&set, net("10.9.9.9/8"))?;
    assert_eq!(values(&mut sets, &set)?, ["10.1.0.0/16", "10.1.2.3"]);
    Ok(())
}
