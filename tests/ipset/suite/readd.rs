//! Adding entries again: what an existing entry keeps, and what a new one must not inherit.

use ipvset::OnFailure;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread::sleep;
use std::time::Duration;

use ipnet::Ipv4Net;
use ipvset::ipset::elements::{Ipv4Range, MacAddress, Member, tcp};
use ipvset::ipset::types::{BitmapIp, BitmapIpMac, HashIp, HashIpPort, HashNet, ListSet, SetType};
use ipvset::ipset::{Entry, IpSet, IpSets, MAX_TIMEOUT};

use super::common::{
    Outcome, created, entry_line, listed, net, range, restore, same, saved_entries, set, sort, v4,
};
use super::{Test, needs};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        needs(&["bitmap:ip"], "readd::bitmap:ip", || {
            again(
                set::<BitmapIp>().range(range("10.0.0.0", "10.0.0.9")),
                v4("10.0.0.1").into(),
                "10.0.0.1",
            )
        }),
        needs(&["hash:ip"], "readd::hash:ip", || {
            again(set::<HashIp>(), v4("10.0.0.1").into(), "10.0.0.1")
        }),
        needs(&["hash:net"], "readd::hash:net", || {
            again(set::<HashNet>(), net("10.0.0.0/8").into(), "10.0.0.0/8")
        }),
        needs(&["list:set", "hash:ip"], "readd::list:set", || {
            restore("create a hash:ip\ncreate b hash:ip\n")?;
            again(set::<ListSet>(), Member::new("b")?.into(), "b")
        }),
        needs(
            &["bitmap:ip"],
            "readd::counters_start_at_zero_in_a_bitmap",
            || reused(set::<BitmapIp>().range(range("10.0.0.0", "10.0.15.255"))),
        ),
        needs(
            &["hash:ip"],
            "readd::counters_start_at_zero_in_a_hash",
            || reused(set::<HashIp>()),
        ),
        needs(&["hash:ip"], "readd::renewed hash:ip", || {
            renewed(set::<HashIp>(), |it| {
                Ipv4Addr::from_bits(0x0a00_0001 + it).into()
            })
        }),
        needs(&["hash:ip"], "readd::renewed hash:ip IPv6", || {
            renewed(set::<HashIp>().inet6(), |it| {
                Ipv6Addr::from_bits((0x2001_0db8 << 96) + u128::from(it)).into()
            })
        }),
        needs(&["bitmap:ip"], "readd::renewed bitmap:ip", || {
            let range = range("10.0.0.0", "10.0.255.255");
            renewed(set::<BitmapIp>().range(range), |it| {
                Ipv4Addr::from_bits(0x0a00_0001 + it).into()
            })
        }),
        // Networks and hosts in them, because testing a host also finds its network.
        needs(&["hash:net"], "readd::renewed hash:net", || {
            renewed(set::<HashNet>(), |it| {
                let address = Ipv4Addr::from_bits(0x0a00_0000 + ((it / 2) << 8));
                let prefix = if it % 2 == 0 { 32 } else { 24 };
                Ipv4Net::new_assert(address, prefix).into()
            })
        }),
        needs(&["hash:ip,port"], "readd::renewed hash:ip,port", || {
            renewed(set::<HashIpPort>(), |it| {
                let address = Ipv4Addr::from_bits(0x0a00_0001 + it);
                (address, tcp(80)).into()
            })
        }),
        needs(
            &["bitmap:ip,mac"],
            "readd::the_last_of_two bitmap:ip,mac",
            || {
                let set = set::<BitmapIpMac>().range(range("10.0.0.0", "10.0.0.9"));
                let entry = |ip, last: u8| Entry::new((v4(ip), MacAddress([2, 0, 0, 0, 0, last])));
                let (other, one) = (entry("10.0.0.1", 1), entry("10.0.0.2", 1));
                the_last_of_two(set, other, entry("10.0.0.2", 3), one)
            },
        ),
        needs(&["hash:net"], "readd::the_last_of_two hash:net", || {
            let entry = |text| Entry::new(net(text));
            let (other, one) = (entry("10.0.0.0/8"), entry("11.0.0.0/8"));
            the_last_of_two(set::<HashNet>(), other, one.clone().nomatch(), one)
        }),
        needs(
            &["bitmap:ip"],
            "readd::a_range_between_networks",
            a_range_between_networks,
        ),
        needs(&["hash:ip"], "readd::renewed_together hash:ip", || {
            let range = range("10.0.0.1", "10.0.0.200").into();
            let (one, dead) = (v4("10.0.0.77").into(), v4("10.0.0.99").into());
            renewed_together(set::<HashIp>(), range, one, dead, 200)
        }),
        needs(&["bitmap:ip"], "readd::renewed_together bitmap:ip", || {
            let set = set::<BitmapIp>().range(range("10.0.0.0", "10.0.0.255"));
            let (one, dead) = (v4("10.0.0.77").into(), v4("10.0.0.99").into());
            renewed_together(set, net("10.0.0.0/24").into(), one, dead, 256)
        }),
        needs(&["hash:net"], "readd::renewed_together hash:net", || {
            let range = range("10.0.0.1", "10.0.0.200").into();
            let (one, dead) = (net("10.0.0.4/30").into(), net("10.0.0.64/26").into());
            renewed_together(set::<HashNet>(), range, one, dead, 10)
        }),
        needs(
            &["hash:ip,port"],
            "readd::renewed_together hash:ip,port",
            || {
                let of = |addresses: Ipv4Range, port: std::ops::RangeInclusive<u16>| {
                    Entry::<HashIpPort>::new((addresses, tcp(port)))
                };
                let single = |address| range(address, address);
                let (one, dead) = (single("10.0.0.2"), single("10.0.0.3"));
                renewed_together(
                    set::<HashIpPort>(),
                    of(range("10.0.0.1", "10.0.0.4"), 80..=89),
                    of(one, 85..=85),
                    of(dead, 89..=89),
                    40,
                )
            },
        ),
        needs(&["hash:ip"], "readd::a_failed_renewal", a_failed_renewal),
        needs(
            &["hash:ip"],
            "readd::counters_are_kept_in_a_set_described_without_them",
            counters_are_kept_in_a_set_described_without_them,
        ),
        needs(
            &["hash:ip"],
            "readd::an_expired_entry_is_gone",
            an_expired_entry_is_gone,
        ),
        needs(
            &["hash:ip"],
            "readd::the_longest_timeout_and_no_timeout",
            the_longest_timeout_and_no_timeout,
        ),
        needs(
            &["hash:ip"],
            "readd::a_refused_addition_changes_nothing",
            a_refused_addition_changes_nothing,
        ),
    ]
}

/// Adds an entry with all options, and again without options.
fn again<T: SetType>(set: IpSet<T>, entry: Entry<T>, text: &str) -> Outcome {
    let (mut sets, set) = created(
        set.timeout(Duration::from_secs(9000))
            .counters()
            .comments()
            .skbinfo(),
    )?;
    let full = entry
        .clone()
        .timeout(Duration::from_secs(3000))
        .counters(5, 500)
        .comment("old");
    let full = full.skbmark(7).skbprio(1, 2).skbqueue(3);
    let line = |options: &str| vec![entry_line(&format!("{text} {options}"))];
    sets.add(&set, full.clone())?;
    let all = "timeout 3000 packets 5 bytes 500 comment \"old\" skbmark 0x7 skbprio 1:2 skbqueue 3";
    assert_eq!(saved_entries("s")?, line(all));
    // Only the counters are kept.
    let bare = line("timeout 9000 packets 5 bytes 500");
    sets.put(&set, entry.clone())?;
    assert_eq!(saved_entries("s")?, bare);
    sets.put(&set, full)?;
    assert_eq!(saved_entries("s")?, line(all));
    // Only the given option is set.
    sets.put(&set, entry.clone().comment("new"))?;
    let rest = "timeout 9000 packets 5 bytes 500 comment \"new\"";
    assert_eq!(saved_entries("s")?, line(rest));
    sets.put(&set, entry.clone().timeout(Duration::from_secs(0)))?;
    assert_eq!(saved_entries("s")?, line("timeout 0 packets 5 bytes 500"));
    // A given counter is set, even to zero, and the other one is kept.
    let mut packets = entry.clone();
    packets.options_mut().packets = Some(0);
    sets.put(&set, packets)?;
    assert_eq!(
        saved_entries("s")?,
        line("timeout 9000 packets 0 bytes 500")
    );
    let mut bytes = entry.clone();
    bytes.options_mut().bytes = Some(9);
    let outcome = sets.put_all(&set, [bytes], OnFailure::Stop);
    assert_eq!(outcome.into_result()?, 1);
    assert_eq!(saved_entries("s")?, line("timeout 9000 packets 0 bytes 9"));
    sets.remove(&set, entry.clone())?;
    sets.put(&set, entry)?;
    assert_eq!(saved_entries("s")?, line("timeout 9000 packets 0 bytes 0"));
    Ok(())
}

/// Adds new entries in the places of removed and expired ones, one by one and many at once.
fn reused<T: SetType>(set: IpSet<T>) -> Outcome
where
    Entry<T>: From<Ipv4Addr>,
{
    let (mut sets, set) = created(
        set.counters()
            .timeout(Duration::from_secs(0))
            .comments()
            .skbinfo(),
    )?;
    let address = |number: u32| Entry::<T>::from(Ipv4Addr::from_bits(0x0a00_0000 + number));
    let full = |number| {
        let entry = address(number).counters(5, 500).comment("dead");
        entry.skbmark(1).skbqueue(1)
    };
    sets.add_all(&set, (1..1000).map(full), OnFailure::Stop)
        .into_result()?;
    sets.remove_all(&set, (1..1000).map(address), OnFailure::Stop)
        .into_result()?;
    for number in 1..500 {
        sets.add(&set, address(2 * number))?;
    }
    fresh(&mut sets, &set, 499)?;
    sets.remove_all(
        &set,
        (1..500).map(|number| address(2 * number)),
        OnFailure::Stop,
    )
    .into_result()?;

    sets.add_all(&set, (1..1000).map(full), OnFailure::Stop)
        .into_result()?;
    sets.flush(&set)?;
    sets.add_all(&set, (500..1500).map(address), OnFailure::Stop)
        .into_result()?;
    fresh(&mut sets, &set, 1000)?;
    sets.flush(&set)?;

    let dying = |number| full(number).timeout(Duration::from_secs(1));
    let outcome = sets.add_all(&set, (1..1000).map(dying), OnFailure::Stop);
    assert_eq!(outcome.into_result()?, 999);
    while sets.list(&set)?.count() > 0 {
        sleep(Duration::from_millis(50));
    }
    sets.add_all(&set, (1..1000).map(address), OnFailure::Stop)
        .into_result()?;
    fresh(&mut sets, &set, 999)
}

fn fresh<T: SetType>(sets: &mut IpSets, set: &IpSet<T>, count: usize) -> Outcome {
    let entries = listed(sets, set)?;
    assert_eq!(entries.len(), count);
    for entry in entries {
        let options = entry.options();
        assert_eq!(
            (options.packets, options.bytes),
            (Some(0), Some(0)),
            "{entry}"
        );
        assert_eq!(options.comment(), None);
        assert_eq!((options.skbmark, options.skbqueue), (None, None));
        assert_eq!(options.timeout, Some(Duration::from_secs(0)));
    }
    Ok(())
}

/// In a set that is described without counters, only given counters are set.
fn counters_are_kept_in_a_set_described_without_them() -> Outcome {
    let (mut sets, counted) = created(set::<HashIp>().counters().comments())?;
    let plain = set::<HashIp>();
    let entry = || Entry::<HashIp>::new(v4("10.0.0.1"));
    sets.add(&plain, entry().counters(5, 500).comment("old"))?;
    sets.put(&plain, entry())?;
    let line = entry_line("10.0.0.1 packets 5 bytes 500");
    assert_eq!(saved_entries("s")?, [line]);
    let mut packets = entry();
    packets.options_mut().packets = Some(7);
    sets.put(&plain, packets.clone())?;
    let line = entry_line("10.0.0.1 packets 7 bytes 500");
    assert_eq!(saved_entries("s")?, [line]);
    packets.options_mut().packets = Some(8);
    let outcome = sets.put_all(&plain, [packets], OnFailure::Stop);
    assert_eq!(outcome.into_result()?, 1);
    let line = entry_line("10.0.0.1 packets 8 bytes 500");
    assert_eq!(saved_entries("s")?, [line]);
    // The kernel's description of the set includes counters.
    let there = sets.get::<HashIp>(&plain)?;
    assert!(there.options().counters && counted.options().counters);
    Ok(())
}

/// Renews entries. Some exist with counters. Others are new, in the places of removed entries that
/// had counters.
fn renewed<T: SetType>(set: IpSet<T>, entry: fn(u32) -> Entry<T>) -> Outcome {
    const COUNT: u32 = 3000;
    type There = fn(u32) -> bool;
    let patterns: [(&str, There); 6] = [
        ("no entry exists", |_| false),
        ("all exist", |_| true),
        ("some exist", |number| number % 20 == 7),
        ("most exist", |number| number % 20 != 7),
        ("every other exists", |number| number % 2 == 0),
        ("runs exist", |number| number / 100 % 3 == 1),
    ];
    let (mut sets, set) = created(set.counters().timeout(Duration::from_secs(9000)))?;
    for (pattern, there) in patterns {
        sets.flush(&set)?;
        let of = |dead: bool| (0..COUNT).filter(move |number| there(*number) != dead);
        let kept = |number: u32| (u64::from(number) + 7, u64::from(number) + 700);
        sets.add_all(
            &set,
            of(true).map(|it| entry(it).counters(5, 500)),
            OnFailure::Stop,
        )
        .into_result()?;
        sets.add_all(
            &set,
            of(false).map(|number| {
                let (packets, bytes) = kept(number);
                entry(number).counters(packets, bytes)
            }),
            OnFailure::Stop,
        )
        .into_result()?;
        sets.remove_all(&set, of(true).map(entry), OnFailure::Stop)
            .into_result()?;
        // Each is given twice, and exists the second time.
        let numbers = (0..COUNT).flat_map(|number| [number, number]);
        let entries = numbers.map(|number| entry(number).timeout(Duration::from_secs(3000)));
        let outcome = sets.put_all(&set, entries, OnFailure::Stop);
        assert_eq!(outcome.into_result()?, 2 * COUNT as usize, "{pattern}");
        let mut expected: Vec<_> = (0..COUNT)
            .map(|number| {
                let (packets, bytes) = if there(number) { kept(number) } else { (0, 0) };
                entry(number)
                    .timeout(Duration::from_secs(3000))
                    .counters(packets, bytes)
            })
            .collect();
        sort(&mut expected);
        same(pattern, listed(&mut sets, &set)?, expected);
    }
    Ok(())
}

/// Renews values that stand for several entries, of which one exists.
fn renewed_together<T: SetType>(
    set: IpSet<T>,
    several: Entry<T>,
    one: Entry<T>,
    dead: Entry<T>,
    count: usize,
) -> Outcome {
    let (mut sets, set) = created(set.counters())?;
    let counted = |entry: &Entry<T>, (packets, bytes)| entry.clone().counters(packets, bytes);
    for many in [false, true] {
        for packets in [None, Some(3)] {
            sets.flush(&set)?;
            sets.add(&set, counted(&several, (5, 500)))?;
            sets.remove(&set, dead.clone())?;
            sets.remove(&set, one.clone())?;
            sets.add(&set, counted(&one, (7, 700)))?;
            let mut several = several.clone();
            several.options_mut().packets = packets;
            if many {
                let both = [several.clone(), several];
                let outcome = sets.put_all(&set, both, OnFailure::Stop);
                assert_eq!(outcome.into_result()?, 2);
            } else {
                sets.put(&set, several)?;
            }
            let listed = listed(&mut sets, &set)?;
            assert_eq!(listed.len(), count);
            for entry in listed {
                let (packets, bytes) = match &entry {
                    it if it.value() == one.value() => (packets.unwrap_or(7), 700),
                    it if it.value() == dead.value() => (packets.unwrap_or(0), 0),
                    _ => (packets.unwrap_or(5), 500),
                };
                let options = entry.options();
                assert_eq!(
                    (options.packets, options.bytes),
                    (Some(packets), Some(bytes)),
                    "{entry}"
                );
            }
        }
    }
    Ok(())
}

/// A renewal stops at the first failure. Entries before it are renewed.
fn a_failed_renewal() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().counters().maxelem(60))?;
    let entry = |number: u32| Entry::<HashIp>::new(Ipv4Addr::from_bits(0x0a00_0000 + number));
    sets.add_all(
        &set,
        (1..=50).map(|number| entry(number).counters(7, 700)),
        OnFailure::Stop,
    )
    .into_result()?;
    // 50 exist and 10 are new. Then the set is full.
    let entries = || (1..=100).map(entry);
    let outcome = sets.put_all(&set, entries(), OnFailure::Stop);
    assert_eq!((outcome.applied(), outcome.untried_from()), (60, Some(61)));
    let [failed] = outcome.failures() else {
        return Err(format!("{:?}", outcome.failures()).into());
    };
    assert_eq!((failed.index, failed.error.is_full()), (60, true));
    assert_eq!(listed(&mut sets, &set)?.len(), 60);
    // Some of the existing entries have a timeout, which the set does not support.
    for how in [OnFailure::Stop, OnFailure::Continue] {
        let comes = |number| match number % 10 == 9 {
            true => entry(number).timeout(Duration::from_secs(5)),
            false => entry(number),
        };
        let outcome = sets.put_all(&set, (1..=50).map(comes), how);
        let indices: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
        match outcome.untried_from() {
            Some(untried) => assert_eq!((untried, &indices[..]), (9, &[8][..])),
            None => assert_eq!(indices, [8, 18, 28, 38, 48]),
        }
        let error = outcome.failures()[0].error.to_string();
        assert!(error.contains("without timeout"), "{error}");
        assert_eq!(
            outcome.applied(),
            if outcome.untried_from().is_some() {
                8
            } else {
                45
            }
        );
    }
    let kept = listed(&mut sets, &set)?
        .iter()
        .filter(|it| it.options().packets == Some(7))
        .count();
    assert_eq!(kept, 50);
    Ok(())
}

fn an_expired_entry_is_gone() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().timeout(Duration::from_secs(1)))?;
    let address = v4("10.0.0.1");
    sets.add(&set, address)?;
    sets.add(
        &set,
        Entry::new(v4("10.0.0.2")).timeout(Duration::from_secs(0)),
    )?;
    while sets.test(&set, address)? {
        sleep(Duration::from_millis(50));
    }
    assert_eq!(saved_entries("s")?, [entry_line("10.0.0.2 timeout 0")]);
    assert_eq!(sets.list(&set)?.count(), 1);
    let missing = sets.remove(&set, address).unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    // It can be added like a new entry, and adding it again extends its timeout.
    sets.add(&set, address)?;
    sets.put(&set, Entry::new(address).timeout(Duration::from_secs(5000)))?;
    assert!(saved_entries("s")?.contains(&entry_line("10.0.0.1 timeout 5000")));
    Ok(())
}

fn the_longest_timeout_and_no_timeout() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().timeout(MAX_TIMEOUT))?;
    sets.add(&set, v4("10.0.0.1"))?;
    let entries: Result<Vec<_>, _> = sets.list(&set)?.collect();
    let left = entries?[0].options().timeout.unwrap_or_default();
    assert!(
        left <= MAX_TIMEOUT && left > MAX_TIMEOUT - Duration::from_secs(1000),
        "{left:?}"
    );
    let fraction = Entry::new(v4("10.0.0.2")).timeout(Duration::from_millis(1500));
    let error = sets.add(&set, fraction).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    assert!(error.reason().contains("1.5s is not"), "{error}");
    let error = sets.add(
        &set,
        Entry::new(v4("10.0.0.2")).timeout(MAX_TIMEOUT + Duration::from_secs(1)),
    );
    let error = error.unwrap_err();
    assert!(error.is_invalid_input() && error.ipset_code().is_none());
    assert!(error.to_string().contains("2147483"), "{error}");
    let bare = IpSet::<HashIp>::new("bare")?;
    sets.create(&bare)?;
    sets.add(&bare, v4("10.0.0.1"))?;
    assert_eq!(listed(&mut sets, &bare)?[0].options().timeout, None);
    // The kernel treats this value as no counter.
    let counted = Entry::new(v4("10.0.0.2")).counters(u64::MAX, 0);
    let error = sets.add(&set, counted).unwrap_err();
    assert!(error.is_invalid_input() && error.ipset_code().is_none());
    Ok(())
}

fn a_refused_addition_changes_nothing() -> Outcome {
    let (mut sets, set) = created(
        set::<HashIp>()
            .timeout(Duration::from_secs(9000))
            .counters()
            .comments(),
    )?;
    let entry = || Entry::<HashIp>::new(v4("10.0.0.1"));
    sets.add(
        &set,
        entry()
            .timeout(Duration::from_secs(3000))
            .counters(5, 500)
            .comment("old"),
    )?;
    let before = saved_entries("s")?;
    let error = sets
        .add(
            &set,
            entry().comment("new").timeout(Duration::from_secs(1000)),
        )
        .unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    let outcome = sets.add_all(&set, [entry()], OnFailure::Continue);
    assert_eq!((outcome.applied(), outcome.failures().len()), (0, 1));
    assert_eq!(saved_entries("s")?, before);
    Ok(())
}

/// Puts an entry twice that is in the set: first one that a test takes for another entry.
fn the_last_of_two<T: SetType>(
    set: IpSet<T>,
    other: Entry<T>,
    first: Entry<T>,
    last: Entry<T>,
) -> Outcome {
    let (mut sets, set) = created(set.counters())?;
    let there = [&other, &last].map(|entry| entry.clone().counters(1, 2));
    sets.add_all(&set, there.clone(), OnFailure::Stop)
        .into_result()?;
    sets.put_all(&set, [other, first, last], OnFailure::Stop)
        .into_result()?;
    same("entries", listed(&mut sets, &set)?, there.into());
    Ok(())
}

/// The kernel walks a range in steps of the netmask, so this one has only the first network.
fn a_range_between_networks() -> Outcome {
    let set = set::<BitmapIp>()
        .range(range("10.0.0.0", "10.0.0.63"))
        .netmask(28);
    let (mut sets, set) = created(set.counters().comments())?;
    let entry = |ip| Entry::new(v4(ip)).counters(1, 2).comment("old");
    let there = [entry("10.0.0.0"), entry("10.0.0.16")];
    sets.add_all(&set, there, OnFailure::Stop).into_result()?;
    let both = Entry::new(range("10.0.0.12", "10.0.0.27")).comment("new");
    sets.put(&set, both)?;
    let expected = [entry("10.0.0.0").comment("new"), entry("10.0.0.16")];
    same("entries", listed(&mut sets, &set)?, expected.into());
    Ok(())
}
