//! Sets brought from one content to another: every type, in place and by a second set.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use ipvset::Family;
use ipvset::OnFailure;
use ipvset::ipset::elements::Member;
use ipvset::ipset::plan::{Overflow, Policy, Way};
use ipvset::ipset::types::{AnyType, HashIp, HashNet, HashNetIface, ListSet};
use ipvset::ipset::{AnyEntry, AnySet, Entry, IpSets};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::common::{
    Outcome, created, ipset, kernel_is_at_least, listed_in_order, net, range, restore, rounded,
    same, saved_all, saved_by_the_crate, set, tests, v4, values,
};
use super::stored::members;
use super::{Test, of_every_type, small};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = of_every_type("apply", any_content_becomes_any_other);
    tests.extend(tests![
        &["hash:ip"] => a_set_is_created_sized_and_left_alone,
        &["hash:ip"] => options_are_changed_by_a_second_set,
        &["hash:ip", "hash:net"] => another_type_is_refused_or_created_anew,
        &["list:set", "hash:net"] => a_set_whose_successor_cannot_take_its_place,
        &["hash:ip"] => a_list_longer_than_the_set,
        &["hash:ip"] => timeouts_are_renewed_in_time,
        &["hash:net"] => a_plan_is_what_restore_takes,
        &["hash:net,iface"] => an_interface_that_a_wildcard_hides,
        &["hash:ip"] => addresses_that_the_mask_would_change,
        &["list:set", "hash:ip"] => members_are_brought_to_their_order,
    ]);
    tests
}

/// What tells an entry from others.
pub(super) fn key(set: &AnySet, entry: &AnyEntry) -> String {
    let text = entry.value().to_string();
    match set.type_name() {
        "bitmap:ip,mac" => text.split(',').next().unwrap().to_owned(),
        "hash:net,iface" if format!("{entry}").contains(" wildcard") => format!("{text}*"),
        _ => text,
    }
}

/// Entries by what tells them from others, with the timeouts that they began with.
pub(super) fn by_key(
    set: &AnySet,
    entries: impl IntoIterator<Item = AnyEntry>,
) -> BTreeMap<String, AnyEntry> {
    let rounded = |mut entry: AnyEntry| {
        let timeout = &mut entry.options_mut().timeout;
        *timeout = timeout.map(rounded);
        entry
    };
    let entries = entries.into_iter().map(rounded);
    entries.map(|entry| (key(set, &entry), entry)).collect()
}

/// Whether an entry differs from one of the others only in that its interface is a wildcard.
fn is_contradictory<'a>(mut others: impl Iterator<Item = &'a String>, key: &str) -> bool {
    let name = |key: &str| key.trim_end_matches('*').to_owned();
    others.any(|other| name(other) == name(key))
}

pub(super) fn pick<S: Strategy>(strategy: S, runner: &mut TestRunner) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

fn any_content_becomes_any_other(name: &'static str, family: Family) -> Outcome {
    members(name)?;
    let kind: AnyType = name.parse()?;
    let mut sets = IpSets::connect()?;
    let mut runner = TestRunner::deterministic();
    let mut checked = 0;
    while checked < 24 {
        let there = pick(small::set(kind, family), &mut runner);
        let wanted = match checked % 3 {
            0 => pick(small::set(kind, family), &mut runner),
            _ => there.clone(),
        };
        let entries_there = pick(vec(small::entry(&there), 0..30), &mut runner);
        let entries = pick(vec(small::entry(&wanted), 0..30), &mut runner);
        checked += 1;
        match sets.create(&there) {
            Err(error) if error.is_unavailable() => {
                assert!(!kernel_is_at_least(6, 2), "{error}");
                continue;
            }
            created => created?,
        }
        // Those that the kernel takes for others are left out.
        let _ = sets.add_all(&there, entries_there, OnFailure::Continue);
        let mut policy = Policy::new();
        if pick(any::<bool>(), &mut runner) {
            policy = policy.at_once();
        }
        let checked = changed_as_wanted(&mut sets, &there, &wanted, &entries, &policy);
        checked.map_err(|error| format!("{there} to {wanted}: {error}"))?;
        sets.destroy(&there)?;
        assert_eq!(sets.names()?.len(), if name == "list:set" { 6 } else { 0 });
    }
    Ok(())
}

fn changed_as_wanted(
    sets: &mut IpSets,
    there: &AnySet,
    wanted: &AnySet,
    entries: &[AnyEntry],
    policy: &Policy,
) -> Outcome {
    let before = by_key(there, listed_in_order(sets, there)?);
    let stored = entries.iter().flat_map(|it| wanted.stored(it.clone()));
    let expected = by_key(wanted, stored);
    let index = sets.index(there)?;
    let planned = sets.plan(wanted, entries.to_vec(), policy)?;
    let report = sets.apply(wanted, entries.to_vec(), policy)?;
    // Linux before 6.2 does not have all masks.
    if report.stopped().is_some_and(|error| error.is_unavailable()) {
        assert!(!kernel_is_at_least(6, 2), "{report}");
        assert!(report.counts().is_unchanged());
        return Ok(());
    }
    // The kernel keeps only one of an interface and the wildcard of the same name.
    let mut expected = expected;
    for failed in report.failures() {
        let refused = expected
            .remove(&key(wanted, &failed.input))
            .ok_or("an entry")?;
        assert!(
            is_contradictory(expected.keys(), &key(wanted, &refused)),
            "{}",
            failed.error
        );
    }
    assert!(
        report.failed_removals().is_empty() && report.stopped().is_none(),
        "{report}"
    );
    assert_eq!(report.counts(), planned.counts());
    assert_eq!(report.way(), planned.way());
    let counts = report.counts();
    assert_eq!(
        counts.added + counts.changed + counts.renewed + counts.kept,
        expected.len()
    );

    let after = by_key(wanted, listed_in_order(sets, wanted)?);
    same(
        "entries",
        after.keys().collect::<Vec<_>>(),
        expected.keys().collect(),
    );
    for (key, entry) in &after {
        let (found, meant) = (entry.options(), expected[key].options());
        let mut fixed = meant.clone();
        let before = before.get(key).map(|entry| entry.options());
        if let Some(before) = before.filter(|it| it.packets.is_some() && found.packets.is_some()) {
            (fixed.packets, fixed.bytes) = (before.packets, before.bytes);
        }
        if let Some(before) = before.filter(|it| it.timeout <= meant.timeout) {
            // Half of it is left, so it is not renewed.
            if before
                .timeout
                .is_some_and(|left| Some(left * 2) >= meant.timeout && !left.is_zero())
            {
                fixed.timeout = found
                    .timeout
                    .filter(|it| Some(*it) == before.timeout)
                    .or(fixed.timeout);
            }
        }
        same(key, found.clone(), fixed);
    }
    assert_eq!(saved_by_the_crate(sets)?, saved_all()?);
    assert_eq!(
        sets.index(wanted)?,
        index,
        "rules refer to it by its number"
    );

    let again = sets.plan(wanted, entries.to_vec(), policy)?;
    assert!(again.is_empty(), "{} {again}", again.summary());
    let report = sets.apply(wanted, entries.to_vec(), policy)?;
    assert!(
        report.stopped().is_none() && report.counts().is_unchanged(),
        "{report}"
    );
    assert_eq!(report.counts().kept, expected.len());
    Ok(())
}

fn a_set_is_created_sized_and_left_alone() -> Outcome {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>().maxelem(100_000);
    let addresses = || (1..=50_000).map(Ipv4Addr::from_bits);
    let report = sets.apply(&set, addresses(), &Policy::new())?;
    assert!(report.is_created() && report.is_complete());
    assert_eq!(report.to_string(), "s: 50000 added, created");
    let info = sets.info(&set)?;
    assert_eq!(info.entries, Some(50_000));
    let options = info.set.ok_or("a known type")?.options().clone();
    assert_eq!(options.hashsize, Some(65_536));
    let report = sets.apply(&set, addresses(), &Policy::new())?;
    assert_eq!(report.to_string(), "s: 50000 kept, in place");
    assert!(!report.is_created());
    // A set without entries is created, too, and emptied.
    let empty = set.with_name("empty")?;
    assert!(
        sets.apply(&empty, std::iter::empty::<Ipv4Addr>(), &Policy::new())?
            .is_created()
    );
    let report = sets.apply(&set, std::iter::empty::<Ipv4Addr>(), &Policy::new())?;
    assert_eq!(report.to_string(), "s: 50000 removed, in place");
    Ok(())
}

fn options_are_changed_by_a_second_set() -> Outcome {
    let (mut sets, small) = created(set::<HashIp>().counters().maxelem(1000))?;
    sets.add(&small, Entry::new(v4("10.0.0.1")).counters(7, 700))?;
    sets.add(&small, v4("10.0.0.2"))?;
    let large = small.clone().maxelem(5000).comments();
    let wanted = || {
        let commented = Entry::new(v4("10.0.0.1")).comment("seven");
        [commented, Entry::new(v4("10.0.0.3"))]
    };
    // Unless the options are to stay.
    let kept = Policy::new().keep_options();
    let report = sets.apply(&large, [v4("10.0.0.1"), v4("10.0.0.2")], &kept)?;
    assert_eq!(report.to_string(), "s: 2 kept, in place");
    let report = sets.apply(&large, wanted(), &Policy::new())?;
    assert!(report.is_complete());
    let Way::SecondSet { why, .. } = report.way() else {
        return Err(report.to_string().into());
    };
    assert_eq!(why, "maxelem 1000 instead of 5000");
    let there = sets.get::<HashIp>("s")?;
    assert_eq!(
        (there.options().maxelem, there.options().comment),
        (Some(5000), true)
    );
    let saved = ipset(["save", "s"])?;
    assert!(
        saved.contains("10.0.0.1 packets 7 bytes 700 comment \"seven\""),
        "{saved}"
    );
    assert!(saved.contains("10.0.0.3 packets 0 bytes 0"), "{saved}");
    assert_eq!(values(&mut sets, &there)?, ["10.0.0.1", "10.0.0.3"]);
    assert_eq!(sets.names()?.len(), 1);
    Ok(())
}

fn another_type_is_refused_or_created_anew() -> Outcome {
    let (mut sets, there) = created(set::<HashNet>())?;
    sets.add(&there, net("10.0.0.0/8"))?;
    let wanted = set::<HashIp>();
    let error = sets
        .apply(&wanted, [v4("10.0.0.1")], &Policy::new())
        .unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    assert!(
        error
            .to_string()
            .contains("type hash:net instead of hash:ip"),
        "{error}"
    );
    let six = set::<HashNet>().inet6();
    let error = sets
        .apply(&six, [net("2001:db8::/32")], &Policy::new())
        .unwrap_err();
    assert!(error.to_string().contains("family"), "{error}");
    assert_eq!(values(&mut sets, &there)?, ["10.0.0.0/8"]);
    let report = sets.apply(&wanted, [v4("10.0.0.1")], &Policy::new().recreate())?;
    assert!(report.is_complete() && report.is_created());
    assert_eq!(values(&mut sets, &wanted)?, ["10.0.0.1"]);
    Ok(())
}

/// The new set is a list that refers to the old one, which thus cannot be destroyed.
fn a_set_whose_successor_cannot_take_its_place() -> Outcome {
    let (mut sets, there) = created(set::<HashNet>())?;
    sets.add(&there, net("10.0.0.0/8"))?;
    let list = set::<ListSet>();
    let report = sets.apply(&list, [Member::new("s")?], &Policy::new().recreate())?;
    let error = report.stopped().ok_or("a reason")?;
    assert!(error.is_busy(), "{error}");
    assert!(!report.is_created() && report.counts().is_unchanged());
    assert_eq!(values(&mut sets, &there)?, ["10.0.0.0/8"]);
    assert_eq!(sets.names()?.len(), 1);
    Ok(())
}

fn a_list_longer_than_the_set() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().maxelem(100))?;
    let fits = range("10.0.0.1", "10.0.0.100");
    let wanted = || [range("10.0.0.1", "10.0.0.130")];
    assert!(sets.apply(&set, [fits], &Policy::new())?.is_complete());
    let error = sets.apply(&set, wanted(), &Policy::new()).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    assert_eq!(sets.info(&set)?.entries, Some(100));
    let report = sets.apply(&set, wanted(), &Policy::new().if_too_many(Overflow::Cut))?;
    assert_eq!(report.to_string(), "s: 100 kept, 30 left out, in place");
    let grow = Policy::new().if_too_many(Overflow::Grow { most: 1 << 16 });
    let report = sets.apply(&set, wanted(), &grow)?;
    assert!(report.is_complete());
    assert_eq!((report.counts().added, report.counts().kept), (30, 100));
    assert_eq!(sets.get::<HashIp>("s")?.options().maxelem, Some(256));
    let report = sets.apply(&set, wanted(), &grow)?;
    assert_eq!(report.to_string(), "s: 130 kept, in place");
    // All others, where there is no room for both.
    let others = [range("10.1.0.1", "10.1.0.200")];
    let report = sets.apply(&set, others, &grow)?;
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.to_string(), "s: 200 added, 130 removed, in place");
    Ok(())
}

fn timeouts_are_renewed_in_time() -> Outcome {
    let seconds = Duration::from_secs;
    let (mut sets, set) = created(set::<HashIp>().timeout(seconds(5000)).counters())?;
    let entry = |address: &str, left: u64| {
        Entry::<HashIp>::new(v4(address))
            .timeout(seconds(left))
            .counters(3, 33)
    };
    sets.add(&set, entry("10.0.0.1", 2000))?;
    sets.add(&set, entry("10.0.0.2", 3000))?;
    sets.add(&set, entry("10.0.0.3", 9000))?;
    sets.add(&set, entry("10.0.0.4", 0))?;
    let wanted = || ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].map(v4);
    let report = sets.apply(&set, wanted(), &Policy::new())?;
    assert_eq!(
        report.to_string(),
        "s: 2 changed, 1 renewed, 1 kept, in place"
    );
    let mut found = BTreeMap::new();
    for entry in listed_in_order(&mut sets, &set)? {
        let options = entry.options();
        assert_eq!((options.packets, options.bytes), (Some(3), Some(33)));
        found.insert(
            entry.value().to_string(),
            options.timeout.map(|it| it.as_secs()),
        );
    }
    let found: Vec<_> = found.into_values().flatten().collect();
    assert_eq!(found, [5000, 3000, 5000, 5000]);
    // A set with an entry that runs out is never late: what is gone is added.
    sets.remove(&set, v4("10.0.0.2"))?;
    let report = sets.apply(&set, wanted(), &Policy::new().renew_below(100))?;
    assert_eq!(report.counts().added, 1);
    Ok(())
}

fn a_plan_is_what_restore_takes() -> Outcome {
    let (mut sets, set) = created(set::<HashNet>().comments())?;
    let there = [net("10.0.0.0/8"), net("10.1.0.0/16"), net("10.2.0.0/16")];
    sets.add_all(&set, there, OnFailure::Stop).into_result()?;
    let wanted = || {
        let entry = |text: &str| Entry::<HashNet>::new(net(text));
        [
            entry("10.0.0.0/8"),
            entry("10.1.0.0/16").comment("one word, two"),
            entry("10.3.0.0/16").nomatch(),
        ]
    };
    for policy in [Policy::new(), Policy::new().at_once()] {
        let plan = sets.plan(&set, wanted(), &policy)?;
        assert_eq!(
            (
                plan.counts().added,
                plan.counts().removed,
                plan.counts().changed
            ),
            (1, 1, 1)
        );
        restore(&plan.to_string())?;
        assert!(sets.plan(&set, wanted(), &policy)?.is_empty());
        sets.flush(&set)?;
        sets.add_all(&set, there, OnFailure::Stop).into_result()?;
    }
    let other = set.with_name("other")?;
    restore(&sets.plan(&other, wanted(), &Policy::new())?.to_string())?;
    assert!(sets.plan(&other, wanted(), &Policy::new())?.is_empty());
    Ok(())
}

fn an_interface_that_a_wildcard_hides() -> Outcome {
    let (mut sets, set) = created(set::<HashNetIface>())?;
    let entry = |text: &str| set.parse_entry(text).unwrap();
    let all = [
        "10.0.0.0/8,eth0",
        "10.0.0.0/8,eth wildcard",
        "10.0.0.0/8,br0",
    ]
    .map(entry);
    sets.add(&set, all[1].clone())?;
    for wanted in [
        &all[..],
        &all[1..],
        &all[..1],
        &all[..2],
        &all[2..],
        &all[1..2],
    ] {
        let report = sets.apply(&set, wanted.to_vec(), &Policy::new())?;
        assert!(report.is_complete(), "{report}");
        let mut meant: Vec<_> = wanted.iter().map(|it| it.to_string()).collect();
        let listed = listed_in_order(&mut sets, &set)?;
        let mut found: Vec<_> = listed.iter().map(|it| it.to_string()).collect();
        meant.sort();
        found.sort();
        assert_eq!(found, meant);
        assert!(sets.plan(&set, wanted.to_vec(), &Policy::new())?.is_empty());
    }
    Ok(())
}

fn addresses_that_the_mask_would_change() -> Outcome {
    let set = set::<HashIp>().bitmask(v4("255.255.0.255"));
    let mut sets = IpSets::connect()?;
    if let Err(error) = sets.create(&set) {
        assert!(
            error.is_unavailable() && !kernel_is_at_least(6, 2),
            "{error}"
        );
        return Ok(());
    }
    // The kernel does not mask the addresses of a range.
    sets.add(&set, range("10.0.7.254", "10.0.8.1"))?;
    assert!(values(&mut sets, &set)?.len() > 4);
    let report = sets.apply(&set, [v4("10.0.3.1")], &Policy::new())?;
    assert!(report.is_complete(), "{report}");
    assert!(matches!(report.way(), Way::SecondSet { .. }), "{report}");
    assert_eq!(values(&mut sets, &set)?, ["10.0.0.1"]);
    assert!(
        sets.plan(&set, [v4("10.0.3.1")], &Policy::new())?
            .is_empty()
    );
    Ok(())
}

fn members_are_brought_to_their_order() -> Outcome {
    members("list:set")?;
    let (mut sets, list) = created(set::<ListSet>().counters())?;
    let member = |name: &str| Member::new(name).unwrap();
    let counted = |name: &str, packets| Entry::<ListSet>::new(member(name)).counters(packets, 9);
    sets.add(&list, counted("a", 1))?;
    sets.add(&list, counted("b", 2))?;
    sets.add(&list, counted("c", 3))?;
    for order in [
        "a b c",
        "c a b",
        "f c d b",
        "b",
        "a b c d e f",
        "f e d c b a",
    ] {
        let wanted = || order.split(' ').map(member).collect::<Vec<_>>();
        let report = sets.apply(&list, wanted(), &Policy::new())?;
        assert!(report.is_complete(), "{report}");
        let found = listed_in_order(&mut sets, &list)?;
        let names: Vec<_> = found.iter().map(|it| it.value().to_string()).collect();
        assert_eq!(names.join(" "), order);
        if order.starts_with("c a") {
            let packets = found.iter().map(|it| it.options().packets.unwrap());
            assert_eq!(packets.collect::<Vec<_>>(), [3, 1, 2]);
        }
        assert!(sets.plan(&list, wanted(), &Policy::new())?.is_empty());
    }
    // A member that does not exist fails alone.
    let report = sets.apply(&list, ["a", "none", "b"].map(member), &Policy::new())?;
    assert_eq!(
        report
            .failures()
            .iter()
            .map(|it| it.index)
            .collect::<Vec<_>>(),
        [1]
    );
    Ok(())
}
