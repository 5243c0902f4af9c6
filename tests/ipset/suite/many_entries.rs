//! Changes of many entries at once, and what was applied after a failure.

use ipvset::{FailedChange, OnFailure};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipvset::ErrorKind;
use ipvset::ipset::elements::*;
use ipvset::ipset::types::*;
use ipvset::ipset::*;
use lab::Needs;

use super::Test;
use super::common::{Outcome as Result, listed, same, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        Needs::COMMON_SETS;
        a_million_entries_with_a_thousand_duplicates,
        every_entry_a_duplicate,
        stops_at_the_first_refusal,
        put_all_accepts_duplicates,
        an_entry_that_does_not_fit_the_type_fails_alone,
        entries_refused_without_a_line_number_are_found,
        a_full_set_reports_the_first_untried_entry,
        a_full_network_is_not_a_full_set,
        a_put_that_stops_adds_nothing_behind_the_refused_entry,
        a_set_removed_midway,
        lost_replies_are_in_doubt,
        test_all_reports_each_entry,
        test_all_stops_at_an_error,
        the_first_of_many_errors_is_returned,
        removing_missing_entries,
        untyped_entries_with_options,
        a_range_of_65536_ports_and_no_entries,
        replaced_at_once,
        a_replacement_that_fails_leaves_the_old_content,
        a_replaced_set_keeps_its_options,
    ]
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

fn set<T: SetType + Default>(sets: &mut IpSets) -> Result<IpSet<T>> {
    let set = IpSet::<T>::new("bulk")?;
    sets.create(&set)?;
    Ok(set)
}

fn a_million_entries_with_a_thousand_duplicates() -> Result {
    const COUNT: u32 = 1_000_000;
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIpPortIp>::new("bulk")?
        .hashsize(1 << 20)
        .maxelem(2 * COUNT);
    sets.create(&set)?;
    let entry = |number: u32| (address(number), tcp(8080), address(number / 3));
    // The duplicates are spread: the first is near the start, two are adjacent, the last is at the
    // end.
    let duplicate = |number: u32| (number % 1000 == 999).then_some(number / 2000 * 1000);
    let entries = (0..COUNT).map(|number| entry(duplicate(number).unwrap_or(number)));
    let outcome = sets.add_all(&set, entries, OnFailure::Continue);
    let indices = outcome.failures().iter().map(|failed| failed.index);
    let expected = (0..COUNT).filter(|number| duplicate(*number).is_some());
    assert!(indices.eq(expected.map(|it| it as usize)), "the indices");
    same("failures", outcome.failures().len(), 1000);
    same("added", outcome.applied(), 999_000);
    assert!(outcome.stopped().is_none() && outcome.untried_from().is_none());
    for failed in outcome.failures() {
        let number = duplicate(failed.index as u32).expect("a duplicate");
        same("the entry", &failed.input, &entry(number).into());
        assert!(failed.error.is_already_exists(), "{}", failed.error);
    }
    let text = outcome.failures()[1].error.to_string();
    let named = "add entry 10.0.0.0,tcp:8080,10.0.0.0 in bulk (index 1999)";
    assert!(text.starts_with(named), "{text}");
    same("in the set", sets.info(&set)?.entries, Some(999_000));
    same("listed", sets.list(&set)?.count(), 999_000);
    Ok(())
}

fn every_entry_a_duplicate() -> Result {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>(&mut sets)?;
    sets.add_all(&set, (1..=5000).map(address), OnFailure::Stop)
        .into_result()?;
    let how = OnFailure::Continue;
    let outcome = sets.add_all(&set, (1..=5000).map(address), how);
    let indices = outcome.failures().iter().map(|failed| failed.index);
    assert!(indices.eq(0..5000));
    same("added", outcome.applied(), 0);
    Ok(())
}

fn stops_at_the_first_refusal() -> Result {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>(&mut sets)?;
    sets.add(&set, address(2500))?;
    let outcome = sets.add_all(&set, (0..5000).map(address), OnFailure::Stop);
    same("added", outcome.applied(), 2500);
    same("failures", outcome.failures().len(), 1);
    same("index", outcome.failures()[0].index, 2500);
    same("untried", outcome.untried_from(), Some(2501));
    let error = outcome.into_result().unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    same("in the set", listed(&mut sets, &set)?.len(), 2501);
    Ok(())
}

fn put_all_accepts_duplicates() -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("bulk")?.comments();
    sets.create(&set)?;
    let entries = |comment: &'static str| {
        (0..3000).map(move |number| Entry::<HashIp>::new(address(number)).comment(comment))
    };
    sets.add_all(&set, entries("old"), OnFailure::Stop)
        .into_result()?;
    let outcome = sets.put_all(&set, entries("new"), OnFailure::Stop);
    same("added", outcome.into_result()?, 3000);
    for entry in listed(&mut sets, &set)? {
        same("comment", entry.options().comment().as_deref(), Some("new"));
    }
    Ok(())
}

fn an_entry_that_does_not_fit_the_type_fails_alone() -> Result {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>(&mut sets)?;
    sets.add(&set, address(7))?;
    let entries = || {
        (0..3000).map(|number| match number {
            1500 => Entry::<HashIp>::new(Ipv6Addr::LOCALHOST),
            number => Entry::new(address(number)),
        })
    };
    let how = OnFailure::Continue;
    let outcome = sets.add_all(&set, entries(), how);
    let failures = outcome.failures();
    same("failures", failures.len(), 2);
    same("indices", (failures[0].index, failures[1].index), (7, 1500));
    same("kind", failures[1].error.kind(), ErrorKind::InvalidInput);
    same("entry", failures[1].input.to_string(), "::1".into());
    same("added", outcome.applied(), 2998);
    sets.flush(&set)?;
    let outcome = sets.add_all(&set, entries(), OnFailure::Stop);
    same("added", outcome.applied(), 1500);
    same("index", outcome.failures()[0].index, 1500);
    same("untried", outcome.untried_from(), Some(1501));
    Ok(())
}

/// The kernel reports no line number for an entry that it cannot parse, such as an exception in a
/// hash:ip that is described as a hash:net.
fn entries_refused_without_a_line_number_are_found() -> Result {
    const COUNT: u32 = 5000;
    let mut sets = IpSets::connect()?;
    let there = set::<HashIp>(&mut sets)?;
    let wrong = IpSet::<HashNet>::new(there.name())?;
    let odd = [0, 1, 700, 701, 4999];
    let entries = || {
        (0..COUNT).map(|number| {
            let entry = Entry::<HashNet>::new(address(number));
            match odd.contains(&number) {
                true => entry.nomatch(),
                false => entry,
            }
        })
    };
    let going_on = OnFailure::Continue;
    for remove in [false, true] {
        let outcome = match remove {
            false => sets.add_all(&wrong, entries(), going_on),
            true => sets.remove_all(&wrong, entries(), going_on),
        };
        let failures = outcome.failures().iter();
        let indices: Vec<_> = failures.map(|failed| failed.index as u32).collect();
        same("indices", indices, odd.to_vec());
        same("done", outcome.applied(), COUNT as usize - 5);
        same("in doubt", outcome.in_doubt().count(), 0);
        assert!(outcome.failures()[2].error.is_invalid_input());
        same(
            "the entry",
            &outcome.failures()[2].input,
            &entries().nth(700).unwrap(),
        );
        let left = listed(&mut sets, &there)?.len();
        same("entries", left, if remove { 0 } else { 4995 });
    }

    // The first failure stops it. Entries before the failure are added, and entries after it are
    // not.
    let outcome = sets.add_all(&wrong, entries().skip(2), OnFailure::Stop);
    same("added", outcome.applied(), 698);
    same("untried", outcome.untried_from(), Some(699));
    same("in doubt", outcome.in_doubt().count(), 0);
    same("entries", listed(&mut sets, &there)?.len(), 698);

    // Existing entries are still refused, before and after the failures.
    let outcome = sets.add_all(&wrong, entries().skip(600), going_on);
    let known = |failed: &&FailedChange<Entry<HashNet>>| failed.error.is_already_exists();
    same(
        "known",
        outcome.failures().iter().filter(known).count(),
        100,
    );
    same("not known", outcome.failures().len(), 103);
    same("added", outcome.applied(), 4400 - 103);
    Ok(())
}

fn a_full_set_reports_the_first_untried_entry() -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("bulk")?.maxelem(2345);
    sets.create(&set)?;
    let how = OnFailure::Continue;
    let outcome = sets.add_all(&set, (0..1_000_000).map(address), how);
    same("added", outcome.applied(), 2345);
    same("failures", outcome.failures().len(), 1);
    let failed = &outcome.failures()[0];
    same("index", failed.index, 2345);
    assert!(failed.error.is_full(), "{}", failed.error);
    let text = failed.error.to_string();
    assert!(text.contains("the set is full: maxelem 2345"), "{text}");
    same("untried", outcome.untried_from(), Some(2346));
    Ok(())
}

/// The kernel keeps at most 64 interfaces of one network, and refuses the next one with the error
/// of a full set.
fn a_full_network_is_not_a_full_set() -> Result {
    let mut sets = IpSets::connect()?;
    let set = set::<HashNetIface>(&mut sets)?;
    let of_one = (0..65).map(|number| (0, number));
    let entries = of_one.chain((1..=50).map(|number| (number, 0)));
    let entries = entries.map(|(network, interface)| {
        let network = ipnet::IpNet::from(IpAddr::from(address(network << 8)));
        Ok((network, Interface::new(&format!("eth{interface}"))?))
    });
    let entries = entries.collect::<ipvset::Result<Vec<_>>>()?;
    let how = OnFailure::Continue;
    let outcome = sets.add_all(&set, entries, how);
    same("the first", outcome.failures()[0].index, 64);
    // Another network may happen to share its bucket.
    for failed in outcome.failures() {
        let error = &failed.error;
        let is_full = error.is_full() && error.to_string().contains("64 interfaces");
        // Linux 5.10 enlarges the table instead, until it has no memory.
        let no_memory = error.errno() == Some(nix::libc::ENOMEM);
        assert!(is_full || no_memory, "{error}");
    }
    let failures = outcome.failures().len();
    assert!(failures < 10, "{failures}");
    same("untried", outcome.untried_from(), None);
    same("added", outcome.applied(), 65 + 50 - failures);
    Ok(())
}

/// The kernel refuses an entry among many that are looked up, because they seem to be in the set.
fn a_put_that_stops_adds_nothing_behind_the_refused_entry() -> Result {
    const THERE: usize = 40;
    let mut sets = IpSets::connect()?;
    for number in 0..THERE + 3 {
        sets.create(&IpSet::<HashIp>::new(format!("member{number}"))?)?;
    }
    let list = IpSet::<ListSet>::new("list")?.size(100).counters();
    sets.create(&list)?;
    let member = |name: String| Member::new(name);
    let numbered = |numbers: std::ops::Range<usize>| {
        let names = numbers.map(|it| format!("member{it}"));
        names.map(member).collect::<ipvset::Result<Vec<_>>>()
    };
    let all = sets.add_all(&list, numbered(0..THERE)?, OnFailure::Stop);
    all.into_result()?;

    let mut entries = numbered(0..THERE + 1)?;
    entries.push(member("none".into())?);
    entries.extend(numbered(THERE + 1..THERE + 3)?);
    let outcome = sets.put_all(&list, entries.clone(), OnFailure::Stop);
    same("refused", outcome.failures().len(), 1);
    same("the refused one", outcome.failures()[0].index, THERE + 1);
    same("applied", outcome.applied(), THERE + 1);
    same("untried", outcome.untried_from(), Some(THERE + 2));
    same("members", listed(&mut sets, &list)?.len(), THERE + 1);

    // Otherwise, only the missing one is refused.
    let outcome = sets.put_all(&list, entries, OnFailure::Continue);
    same("refused", outcome.failures().len(), 1);
    same("applied", outcome.applied(), THERE + 3);
    same("members", listed(&mut sets, &list)?.len(), THERE + 3);
    Ok(())
}

fn a_set_removed_midway() -> Result {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>(&mut sets)?;
    let mut other = IpSets::connect()?;
    let entries = (0..60_000).map(|number| {
        if number == 30_000 {
            other.rename("bulk", "kept").expect("renamed");
        }
        address(number)
    });
    let how = OnFailure::Continue;
    let outcome = sets.add_all(&set, entries, how);
    let stopped = outcome.stopped().expect("an error");
    assert!(stopped.is_not_found(), "{stopped}");
    let kept = sets.info("kept")?.entries.map(|it| it as usize);
    same("applied", Some(outcome.applied()), kept);
    same("untried", outcome.untried_from(), kept);
    assert!(outcome.failures().is_empty());
    Ok(())
}

fn test_all_reports_each_entry() -> Result {
    const COUNT: u32 = 100_000;
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIpPort>::new("bulk")?
        .hashsize(COUNT)
        .maxelem(COUNT);
    sets.create(&set)?;
    // Single entries and long runs of entries that are in the set or are not.
    let is_in = |number: u32| match number {
        0..20_000 => number % 7 == 0,
        20_000..50_000 => true,
        50_000..90_000 => false,
        _ => number % 2 == 0,
    };
    let entry = |number: u32| (address(number), tcp(8080));
    sets.add_all(
        &set,
        (0..COUNT).filter(|it| is_in(*it)).map(entry),
        OnFailure::Stop,
    )
    .into_result()?;
    let found = sets.test_all(&set, (0..COUNT).map(entry))?;
    assert!(found.into_iter().eq((0..COUNT).map(is_in)));
    same(
        "none",
        sets.test_all(&set, [(); 0].map(|()| entry(0)))?,
        vec![],
    );
    same("one", sets.test_all(&set, [entry(0)])?, vec![true]);
    // The next request gets its own answer.
    assert!(!sets.test(&set, entry(1))?);
    Ok(())
}

fn test_all_stops_at_an_error() -> Result {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>(&mut sets)?;
    sets.add(&set, address(1))?;
    let range = Addresses::from(Ipv4Range::new(address(1), address(2)));
    let entries = [Addresses::from(address(1)), range];
    let error = sets.test_all(&set, entries).unwrap_err();
    same("a range", error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("10.0.0.1-10.0.0.2"), "{error}");

    let missing = IpSet::<HashIp>::new("missing")?;
    let error = sets.test_all(&missing, (0..10).map(address)).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(error.to_string().contains("missing (index 0)"), "{error}");
    Ok(())
}

/// The kernel refuses an entry before one that the crate refuses.
fn the_first_of_many_errors_is_returned() -> Result {
    let mut sets = IpSets::connect()?;
    let missing = IpSet::<HashIp>::new("missing")?;
    let range = Addresses::from(Ipv4Range::new(address(1), address(2)));
    let entries = [Addresses::from(address(1)), range];
    let error = sets.test_all(&missing, entries).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    for how in [OnFailure::Stop, OnFailure::Continue] {
        // A range can be added. An address of the other family cannot.
        let other = Addresses::from(Ipv6Addr::LOCALHOST);
        let entries = [entries[0], other];
        let outcome = sets.add_all(&missing, entries, how);
        let error = outcome.into_result().unwrap_err();
        assert!(error.is_not_found(), "{how:?}: {error}");
    }
    Ok(())
}

/// Another program fills the receive buffer of the handle, so that the kernel cannot answer.
fn lost_replies_are_in_doubt() -> Result {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>(&mut sets)?;
    // The only netfilter socket of this test's network namespace.
    let table = std::fs::read_to_string("/proc/thread-self/net/netlink")?;
    let ports = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let netfilter = words.next() == Some("12");
        words.next().filter(|port| netfilter && *port != "0")
    });
    let ports: Vec<u32> = ports
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?;
    same("the handle's socket", ports.len(), 1);
    let fill = || -> Result {
        let spammer = netlink_sys::Socket::new(netlink_sys::protocols::NETLINK_NETFILTER)?;
        spammer.set_non_blocking(true)?;
        let to = netlink_sys::SocketAddr::new(ports[0], 0);
        for size in [8192, 1] {
            while spammer.send_to(&[0; 8192][..size], &to, 0).is_ok() {}
        }
        Ok(())
    };

    fill()?;
    let outcome = sets.add_all(&set, (0..100).map(address), OnFailure::Continue);
    same("for certain", outcome.applied(), 0);
    let doubted = outcome.in_doubt().map(|it| (it.index, &it.input));
    let entries: Vec<_> = (0..100).map(|it| address(it).into()).collect();
    assert!(doubted.eq(entries.iter().enumerate()), "in doubt");
    same("untried", outcome.untried_from(), Some(100));
    let stopped = outcome.stopped().expect("the error that stopped it");
    assert!(stopped.is_replies_lost(), "{stopped}");
    // The error is reported once. The next request gets its answer.
    same("entries", listed(&mut sets, &set)?.len(), 100);

    fill()?;
    let error = sets.add(&set, address(100)).unwrap_err();
    assert!(error.is_replies_lost(), "{error}");
    assert!(sets.test(&set, address(100))?);
    fill()?;
    // Neither is in the set, and neither may be reported as such.
    let error = sets
        .test_all(&set, [address(200), address(201)])
        .unwrap_err();
    assert!(error.is_replies_lost(), "{error}");
    fill()?;
    let lost = sets.list(&set).expect_err("no room for the listing");
    assert!(lost.is_replies_lost(), "{lost}");
    same("entries", listed(&mut sets, &set)?.len(), 101);
    Ok(())
}

fn removing_missing_entries() -> Result {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>(&mut sets)?;
    sets.add_all(&set, (0..2000).map(address), OnFailure::Stop)
        .into_result()?;
    let how = OnFailure::Continue;
    let outcome = sets.remove_all(&set, (1000..3000).map(address), how);
    same("removed", outcome.applied(), 1000);
    let indices = outcome.failures().iter().map(|failed| failed.index);
    assert!(indices.eq(1000..2000));
    assert!(outcome.failures()[0].error.is_not_found());
    let outcome = sets.remove_all_if_present(&set, (0..2000).map(address), OnFailure::Stop);
    same("fine", outcome.into_result()?, 2000);
    same("nothing is left", listed(&mut sets, &set)?, vec![]);
    Ok(())
}

fn untyped_entries_with_options() -> Result {
    let mut sets = IpSets::connect()?;
    let set = AnySet::untyped("bulk", "hash:net,port".parse()?)?
        .inet6()
        .timeout(Duration::from_secs(0))
        .comments()
        .counters();
    sets.create(&set)?;
    let entry = |number: u16| {
        let net = ipnet::Ipv6Net::new_assert(Ipv6Addr::new(0x2001, number, 0, 0, 0, 0, 0, 0), 32);
        AnyEntry::new((net, udp(number)))
            .timeout(Duration::from_secs(0))
            .counters(number.into(), 1)
            .comment("x".repeat(255))
    };
    same(
        "added",
        sets.add_all(&set, (0..5000).map(entry), OnFailure::Stop)
            .into_result()?,
        5000,
    );
    let outcome = sets.add_all(&set, [entry(4321)], OnFailure::Stop);
    same("read back", &outcome.failures()[0].input, &entry(4321));
    let mut expected: Vec<_> = (0..5000).map(entry).collect();
    expected.sort_by_key(|entry| format!("{entry:?}"));
    assert!(listed(&mut sets, &set)? == expected);
    Ok(())
}

fn a_range_of_65536_ports_and_no_entries() -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIpPort>::new("bulk")?;
    sets.create(&set)?;
    same(
        "none",
        sets.add_all(&set, Vec::<Entry<_>>::new(), OnFailure::Stop)
            .into_result()?,
        0,
    );
    sets.add(&set, (address(1), tcp(0..=65535)))?;
    same("each port", sets.list(&set)?.count(), 65536);
    Ok(())
}

fn replaced_at_once() -> Result {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>(&mut sets)?;
    let list = IpSet::<ListSet>::new("list")?;
    sets.create(&list)?;
    sets.add(&list, *set.name())?;
    sets.add_all(&set, (0..1000).map(address), OnFailure::Stop)
        .into_result()?;
    let index = sets.index(&set)?;
    same(
        "number",
        sets.replace(&set, (500..50_000).map(address))?,
        49_500,
    );
    same("entries", sets.list(&set)?.count(), 49_500);
    assert!(!sets.test(&set, address(1))? && sets.test(&set, address(49_999))?);
    same("the index", sets.index(&set)?, index);
    same("the list still has it", sets.info(&set)?.references, 1);
    same("nothing else is left", sets.names()?.len(), 2);
    let twice = [address(1), address(1), address(2)];
    same("number", sets.replace(&set, twice)?, 3);
    same("entries", sets.list(&set)?.count(), 2);
    Ok(())
}

fn a_replacement_that_fails_leaves_the_old_content() -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("bulk")?.maxelem(1000);
    sets.create(&set)?;
    sets.add_all(&set, (0..10).map(address), OnFailure::Stop)
        .into_result()?;
    let full = sets.replace(&set, (0..5000).map(address)).unwrap_err();
    assert!(full.is_full(), "{full}");
    let entries = [
        Entry::<HashIp>::from(address(1)),
        Ipv6Addr::LOCALHOST.into(),
    ];
    let refused = sets.replace(&set, entries).unwrap_err();
    assert!(refused.is_invalid_input(), "{refused}");
    assert!(refused.to_string().contains("::1 in bulk"), "{refused}");
    same("entries", sets.list(&set)?.count(), 10);
    same("nothing else is left", sets.names()?.len(), 1);
    Ok(())
}

fn a_replaced_set_keeps_its_options() -> Result {
    let mut sets = IpSets::connect()?;
    let made = IpSet::<HashNet>::new("bulk")?
        .inet6()
        .timeout(Duration::from_secs(77))
        .maxelem(999)
        .counters()
        .comments()
        .skbinfo();
    sets.create(&made)?;
    let bare = IpSet::<HashNet>::new("bulk")?.inet6();
    sets.replace(&bare, [Ipv6Addr::LOCALHOST])?;
    assert!(!sets.create_if_absent(&made)?);
    let entry = listed(&mut sets, &made)?.remove(0);
    same("counters start at zero", entry.options().packets, Some(0));
    Ok(())
}
