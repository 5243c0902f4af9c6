//! Adding again: what an entry keeps and what it loses, and what a new one must not inherit.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;

use ipvset::ipset::{
    BitmapIp, Bulk, Entry, HashIp, HashNet, IpSet, IpSets, ListSet, MAX_TIMEOUT, Member, SetType,
};

use super::common::{
    Outcome, created, entry_line, listed, net, range, restore, saved_entries, set, v4,
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
        needs(
            &["hash:ip"],
            "readd::counters_stay_if_nobody_said_that_there_are_any",
            counters_stay_if_nobody_said_that_there_are_any,
        ),
        needs(
            &["hash:ip"],
            "readd::an_entry_whose_time_is_over_is_gone",
            an_entry_whose_time_is_over_is_gone,
        ),
        needs(
            &["hash:ip"],
            "readd::the_longest_timeout_and_none",
            the_longest_timeout_and_none,
        ),
        needs(
            &["hash:ip"],
            "readd::a_refused_repetition_changes_nothing",
            a_refused_repetition_changes_nothing,
        ),
    ]
}

/// An entry with everything that is added again without anything.
fn again<T: SetType>(set: IpSet<T>, entry: Entry<T>, text: &str) -> Outcome {
    let (mut sets, set) = created(set.timeout(9000).counters().comments().skbinfo())?;
    let full = entry.clone().timeout(3000).counters(5, 500).comment("old");
    let full = full.skbmark(7).skbprio(1, 2).skbqueue(3);
    let line = |options: &str| vec![entry_line(&format!("{text} {options}"))];
    sets.add(&set, full.clone())?;
    let all = "timeout 3000 packets 5 bytes 500 comment \"old\" skbmark 0x7 skbprio 1:2 skbqueue 3";
    assert_eq!(saved_entries("s")?, line(all));
    sets.add_or_update(&set, entry.clone())?;
    assert_eq!(saved_entries("s")?, line("timeout 9000 packets 0 bytes 0"));
    sets.add_or_update(&set, full)?;
    assert_eq!(saved_entries("s")?, line(all));
    // What is given is kept, and it alone.
    sets.add_or_update(&set, entry.clone().comment("new"))?;
    let rest = "timeout 9000 packets 0 bytes 0 comment \"new\"";
    assert_eq!(saved_entries("s")?, line(rest));
    sets.add_or_update(&set, entry.clone().timeout(0))?;
    assert_eq!(saved_entries("s")?, line("timeout 0 packets 0 bytes 0"));
    sets.remove(&set, entry.clone())?;
    sets.add_or_update(&set, entry)?;
    assert_eq!(saved_entries("s")?, line("timeout 9000 packets 0 bytes 0"));
    Ok(())
}

/// New entries in the places of dead ones: added one by one, and at once, and after their time.
fn reused<T: SetType>(set: IpSet<T>) -> Outcome
where
    Entry<T>: From<Ipv4Addr>,
{
    let (mut sets, set) = created(set.counters().timeout(0).comments().skbinfo())?;
    let address = |number: u32| Entry::<T>::from(Ipv4Addr::from_bits(0x0a00_0000 + number));
    let full = |number| {
        let entry = address(number).counters(5, 500).comment("dead");
        entry.skbmark(1).skbqueue(1)
    };
    sets.add_all(&set, (1..1000).map(full))?;
    sets.remove_all(&set, (1..1000).map(address))?;
    for number in 1..500 {
        sets.add(&set, address(2 * number))?;
    }
    fresh(&mut sets, &set, 499)?;
    sets.remove_all(&set, (1..500).map(|number| address(2 * number)))?;

    sets.add_all(&set, (1..1000).map(full))?;
    sets.flush(&set)?;
    sets.add_all(&set, (500..1500).map(address))?;
    fresh(&mut sets, &set, 1000)?;
    sets.flush(&set)?;

    let dying = |number| full(number).timeout(1);
    let outcome = sets.add_all_with(&set, (1..1000).map(dying), Bulk::new());
    assert_eq!(outcome.into_result()?, 999);
    while sets.list(&set)?.count() > 0 {
        sleep(Duration::from_millis(50));
    }
    sets.add_all(&set, (1..1000).map(address))?;
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
        assert_eq!(options.timeout, Some(0));
    }
    Ok(())
}

/// The kernel's own way, which shows where the crate is not told of the counters.
fn counters_stay_if_nobody_said_that_there_are_any() -> Outcome {
    let (mut sets, told) = created(set::<HashIp>().counters().comments())?;
    let untold = set::<HashIp>();
    let entry = || Entry::<HashIp>::new(v4("10.0.0.1"));
    sets.add(&untold, entry().counters(5, 500).comment("old"))?;
    sets.add_or_update(&untold, entry())?;
    let line = entry_line("10.0.0.1 packets 5 bytes 500");
    assert_eq!(saved_entries("s")?, [line]);
    // A set as the kernel has it knows.
    let there = sets.get::<HashIp>(&untold)?;
    assert!(there.options().counters && told.options().counters);
    sets.add_or_update(&there, entry())?;
    assert_eq!(
        saved_entries("s")?,
        [entry_line("10.0.0.1 packets 0 bytes 0")]
    );
    Ok(())
}

fn an_entry_whose_time_is_over_is_gone() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().timeout(1))?;
    let address = v4("10.0.0.1");
    sets.add(&set, address)?;
    sets.add(&set, Entry::new(v4("10.0.0.2")).timeout(0))?;
    while sets.test(&set, address)? {
        sleep(Duration::from_millis(50));
    }
    assert_eq!(saved_entries("s")?, [entry_line("10.0.0.2 timeout 0")]);
    assert_eq!(sets.list(&set)?.count(), 1);
    let missing = sets.remove(&set, address).unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    // It can be added as if it had never been there, and adding again makes it live on.
    sets.add(&set, address)?;
    sets.add_or_update(&set, Entry::new(address).timeout(5000))?;
    assert!(saved_entries("s")?.contains(&entry_line("10.0.0.1 timeout 5000")));
    Ok(())
}

fn the_longest_timeout_and_none() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().timeout(MAX_TIMEOUT))?;
    sets.add(&set, v4("10.0.0.1"))?;
    let entries: Result<Vec<_>, _> = sets.list(&set)?.collect();
    let left = entries?[0].options().timeout.unwrap_or_default();
    assert!(left <= MAX_TIMEOUT && left > MAX_TIMEOUT - 1000, "{left}");
    let error = sets.add(&set, Entry::new(v4("10.0.0.2")).timeout(MAX_TIMEOUT + 1));
    let error = error.unwrap_err();
    assert!(error.is_invalid_input() && error.ipset_code().is_none());
    assert!(error.to_string().contains("2147483"), "{error}");
    let bare = IpSet::<HashIp>::new("bare")?;
    sets.create(&bare)?;
    sets.add(&bare, v4("10.0.0.1"))?;
    assert_eq!(listed(&mut sets, &bare)?[0].options().timeout, None);
    // The kernel takes this for no counter at all.
    let counted = Entry::new(v4("10.0.0.2")).counters(u64::MAX, 0);
    let error = sets.add(&set, counted).unwrap_err();
    assert!(error.is_invalid_input() && error.ipset_code().is_none());
    Ok(())
}

fn a_refused_repetition_changes_nothing() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().timeout(9000).counters().comments())?;
    let entry = || Entry::<HashIp>::new(v4("10.0.0.1"));
    sets.add(&set, entry().timeout(3000).counters(5, 500).comment("old"))?;
    let before = saved_entries("s")?;
    let error = sets
        .add(&set, entry().comment("new").timeout(1000))
        .unwrap_err();
    assert!(error.already_exists(), "{error}");
    let outcome = sets.add_all_with(&set, [entry()], Bulk::new().keep_going());
    assert_eq!((outcome.applied(), outcome.failures().len()), (0, 1));
    assert_eq!(saved_entries("s")?, before);
    Ok(())
}
