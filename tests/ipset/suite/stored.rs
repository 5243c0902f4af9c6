//! Compares the entries that the crate calculates for an entry with those that the kernel stores.

use ipvset::Family;
use ipvset::ipset::types::AnyType;
use ipvset::ipset::{AnyEntry, IpSets};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::common::{Outcome, kernel_is_at_least, listed, restore, rounded, same, sort};
use super::small::{self, MEMBERS};
use super::{Test, of_every_type};

pub(crate) fn tests() -> Vec<Test> {
    of_every_type("stored", entries_are_stored_as_calculated)
}

/// Creates the members of the lists in the tests.
pub(super) fn members(name: &str) -> Outcome {
    if name == "list:set" {
        let lines: String = MEMBERS
            .map(|name| format!("create {name} hash:ip\n"))
            .concat();
        restore(&lines)?;
    }
    Ok(())
}

/// Tests sets with any masks and extensions. Each entry is added to an empty set.
fn entries_are_stored_as_calculated(name: &'static str, family: Family) -> Outcome {
    members(name)?;
    let kind: AnyType = name.parse()?;
    let mut sets = IpSets::connect()?;
    let mut runner = TestRunner::deterministic();
    let (mut checked, mut several) = (0, 0);
    while checked < 300 {
        let set = small::set(kind, family)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        match sets.create(&set) {
            Err(error) if error.is_unavailable() => {
                assert!(!kernel_is_at_least(6, 2), "{error}");
                continue;
            }
            created => created?,
        }
        for _ in 0..15 {
            let entry = small::entry(&set).new_tree(&mut runner).unwrap().current();
            let stored = as_listed(set.stored(entry.clone()));
            sets.put(&set, entry.clone())
                .map_err(|error| format!("{set}: {entry}: {error}"))?;
            same(
                &format!("{set}: {entry}"),
                listed(&mut sets, &set)?,
                stored.clone(),
            );
            checked += 1;
            several += usize::from(stored.len() > 1);
            sets.flush(&set)?;
        }
        sets.destroy(&set)?;
    }
    let ranges = family == Family::Ipv4 || name.contains("port");
    if ranges
        && !matches!(
            name,
            "hash:ip,mac" | "bitmap:ip,mac" | "hash:mac" | "list:set"
        )
    {
        assert!(several > 0);
    }
    Ok(())
}

/// Entries in the order and with the rounded timeouts of [`listed`].
fn as_listed(entries: impl Iterator<Item = AnyEntry>) -> Vec<AnyEntry> {
    let mut entries: Vec<_> = entries.collect();
    for entry in &mut entries {
        let timeout = &mut entry.options_mut().timeout;
        *timeout = timeout.map(rounded);
    }
    sort(&mut entries);
    entries.dedup();
    entries
}
