//! Exceptions, and the search order of sets of networks.

use ipvset::ipset::elements::{FromParts, Interface, tcp};
use ipvset::ipset::types::{
    HashIpPortNet, HashNet, HashNetIface, HashNetNet, HashNetPort, HashNetPortNet, NoMatchType,
};
use ipvset::ipset::{Entry, IpSet, IpSets};

use super::common::{Outcome, created, listed, net, saved_entries, set, v4, v6};
use super::{Test, needs};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        needs(&["hash:net"], "nomatch::hash:net", || {
            exceptions(set::<HashNet>(), &|it| net(it).into())
        }),
        needs(&["hash:net"], "nomatch::hash:net inet6", hash_net6),
        needs(&["hash:net,port"], "nomatch::hash:net,port", || {
            exceptions(set::<HashNetPort>(), &|it| (net(it), tcp(80)).into())
        }),
        needs(&["hash:net,iface"], "nomatch::hash:net,iface", || {
            let eth0 = Interface::new("eth0")?;
            exceptions(set::<HashNetIface>(), &|it| (net(it), eth0).into())
        }),
        needs(&["hash:net,net"], "nomatch::hash:net,net", || {
            exceptions(set::<HashNetNet>(), &|it| (net(it), other(it)).into())
        }),
        needs(&["hash:net,port,net"], "nomatch::hash:net,port,net", || {
            exceptions(set::<HashNetPortNet>(), &|it| {
                (net(it), tcp(80), other(it)).into()
            })
        }),
        needs(&["hash:ip,port,net"], "nomatch::hash:ip,port,net", || {
            let server = v4("192.168.0.1");
            exceptions(set::<HashIpPortNet>(), &|it| {
                (server, tcp(80), net(it)).into()
            })
        }),
        needs(
            &["hash:net,net"],
            "nomatch::the_first_network_decides",
            the_first_network_decides,
        ),
        needs(
            &["hash:net"],
            "nomatch::a_network_is_tested_as_a_whole",
            a_network_is_tested_as_a_whole,
        ),
        needs(
            &["hash:net,iface"],
            "nomatch::a_wildcard_matches_interfaces_by_prefix",
            a_wildcard_matches_interfaces_by_prefix,
        ),
    ]
}

/// Tests a network that contains an exception that contains a network. `entry` makes an entry from
/// a network.
fn exceptions<T: NoMatchType>(set: IpSet<T>, entry: &dyn Fn(&str) -> Entry<T>) -> Outcome {
    let (mut sets, set) = created(set)?;
    let set = &set;
    sets.add(set, entry("10.0.0.0/8"))?;
    sets.add(set, entry("10.1.0.0/16").nomatch())?;
    sets.add(set, entry("10.1.1.0/24"))?;
    let (outside, inside, within) = ("10.2.0.1/32", "10.1.2.1/32", "10.1.1.1/32");
    assert!(sets.test(set, entry(outside))?);
    assert!(!sets.test(set, entry(inside))?);
    assert!(sets.test(set, entry(within))?);
    // The exception does not match, but it exists.
    assert!(!sets.test(set, entry("10.1.0.0/16"))?);
    assert!(sets.test(set, entry("10.1.0.0/16").nomatch())?);
    assert!(!sets.test(set, entry("10.3.0.0/16").nomatch())?);
    assert_eq!(exceptions_of(&mut sets, set)?, 1);

    // An entry and an exception with the same network are the same entry.
    let again = sets.add(set, entry("10.1.0.0/16")).unwrap_err();
    assert!(again.is_already_exists(), "{again}");
    assert_eq!(exceptions_of(&mut sets, set)?, 1);
    // Adding it again without the option removes the option, and the other way round.
    sets.put(set, entry("10.1.0.0/16"))?;
    assert_eq!(exceptions_of(&mut sets, set)?, 0);
    assert!(sets.test(set, entry(inside))?);
    sets.put(set, entry("10.1.0.0/16").nomatch())?;
    assert!(!sets.test(set, entry(inside))?);
    // It can be removed with or without the option.
    sets.remove(set, entry("10.1.0.0/16").nomatch())?;
    assert!(sets.test(set, entry(inside))?);
    sets.add(set, entry("10.1.0.0/16").nomatch())?;
    sets.remove(set, entry("10.1.0.0/16"))?;
    assert_eq!(saved_entries("s")?.len(), 2);
    Ok(())
}

/// Returns the second network of an entry. It is an address if the first is one, because the kernel
/// searches shorter prefixes only if both are addresses.
fn other(first: &str) -> ipnet::IpNet {
    net(match first.ends_with("/32") {
        true => "192.168.0.1/32",
        false => "192.168.0.0/16",
    })
}

/// Returns the number of exceptions that the tool and the crate list.
fn exceptions_of<T: NoMatchType>(sets: &mut IpSets, set: &IpSet<T>) -> Outcome<usize> {
    let lines = saved_entries("s")?;
    let count = lines
        .iter()
        .filter(|(_, options)| options.contains_key("nomatch"))
        .count();
    let entries = listed(sets, set)?;
    let seen = entries
        .iter()
        .filter(|entry| entry.options().nomatch)
        .count();
    assert_eq!(seen, count);
    Ok(count)
}

fn hash_net6() -> Outcome {
    let (mut sets, set) = created(set::<HashNet>().inet6())?;
    sets.add(&set, net("2001:db8::/32"))?;
    sets.add(&set, Entry::new(net("2001:db8:1::/48")).nomatch())?;
    sets.add(&set, v6("2001:db8:1::1"))?;
    assert!(sets.test(&set, v6("2001:db8::1"))?);
    assert!(!sets.test(&set, v6("2001:db8:1::2"))?);
    assert!(sets.test(&set, v6("2001:db8:1::1"))?);
    assert_eq!(exceptions_of(&mut sets, &set)?, 1);
    Ok(())
}

/// Among matching entries, the one with the longest first prefix decides, whatever the second is.
fn the_first_network_decides() -> Outcome {
    fn entry<P>(parts: P) -> Entry<HashNetNet>
    where
        <HashNetNet as ipvset::ipset::types::SetType>::Value: FromParts<P>,
    {
        Entry::new(parts)
    }
    let (mut sets, set) = created(set::<HashNetNet>())?;
    sets.add(&set, (net("10.0.0.0/8"), net("192.168.1.0/24")))?;
    sets.add(
        &set,
        entry((net("10.1.0.0/16"), net("192.168.0.0/16"))).nomatch(),
    )?;
    assert!(!sets.test(&set, (v4("10.1.0.1"), v4("192.168.1.1")))?);
    assert!(sets.test(&set, (v4("10.2.0.1"), v4("192.168.1.1")))?);
    // If the first prefixes are equally long, the second decides.
    sets.add(&set, (net("10.1.0.0/16"), net("192.168.1.0/24")))?;
    assert!(sets.test(&set, (v4("10.1.0.1"), v4("192.168.1.1")))?);
    assert!(!sets.test(&set, (v4("10.1.0.1"), v4("192.168.2.1")))?);
    Ok(())
}

fn a_network_is_tested_as_a_whole() -> Outcome {
    let (mut sets, set) = created(set::<HashNet>())?;
    sets.add(&set, net("10.0.0.0/8"))?;
    assert!(sets.test(&set, net("10.0.0.0/8"))?);
    // The set contains all of its addresses, but not the network itself.
    assert!(!sets.test(&set, net("10.1.0.0/16"))?);
    assert!(!sets.test(&set, net("10.0.0.0/7"))?);
    assert!(sets.test(&set, net("10.1.0.0/32"))?);
    let missing = sets.remove(&set, v4("10.1.0.1")).unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    Ok(())
}

fn a_wildcard_matches_interfaces_by_prefix() -> Outcome {
    let (mut sets, set) = created(set::<HashNetIface>())?;
    let all = net("10.0.0.0/8");
    let (wild, eth0) = (Interface::new("eth")?.wildcard(), Interface::new("eth0")?);
    sets.add(&set, (all, wild))?;
    assert!(sets.test(&set, (v4("10.0.0.1"), eth0))?);
    assert!(!sets.test(&set, (v4("10.0.0.1"), Interface::new("br0")?))?);
    // The kernel treats an interface with this prefix as the same entry.
    let same = sets.add(&set, (all, eth0)).unwrap_err();
    assert!(same.is_already_exists(), "{same}");
    // With another network, it is a different entry.
    sets.add(&set, (net("10.0.0.0/16"), eth0))?;
    sets.add(&set, (all, eth0.physdev()))?;
    assert_eq!(saved_entries("s")?.len(), 3);
    sets.remove(&set, (all, wild))?;
    assert!(!sets.test(&set, (v4("10.1.0.1"), eth0))?);
    assert!(sets.test(&set, (v4("10.1.0.1"), eth0.physdev()))?);
    Ok(())
}
