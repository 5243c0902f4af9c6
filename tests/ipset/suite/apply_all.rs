//! All sets of a program, brought from one table to another.

use std::collections::BTreeSet;

use ipvset::Family;
use ipvset::OnFailure;
use ipvset::ipset::elements::Member;
use ipvset::ipset::plan::{Policy, Scope, WantedSets};
use ipvset::ipset::types::{AnyType, HashIp, HashNet, ListSet};
use ipvset::ipset::{IpSet, IpSets};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::TestRunner;

use super::apply::pick;
use super::common::{
    Outcome, has_family, kernel_is_at_least, net, restore, saved_all, saved_by_the_crate, set,
    tests, v4, values,
};
use super::replace::{addresses, midway, own_sets};
use super::stored::members;
use super::{ALL, Test, needs, small};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        ALL => any_table_becomes_any_other,
        &["hash:ip", "hash:net", "list:set"] => lists_come_after_their_members_and_go_before_them,
        &["hash:ip", "hash:net"] => a_set_that_fails_stops_no_other,
        &["hash:ip", "hash:net", "list:set"] => a_plan_of_all_is_what_restore_takes,
        &["hash:ip"] => second_sets_of_others_are_left_alone,
    ];
    let name = "apply_all::a_set_that_a_rule_uses_is_not_destroyed";
    tests.push(needs(&["hash:ip"], name, a_set_that_a_rule_uses_is_not_destroyed).with_rules());
    tests
}

fn names(sets: &mut IpSets) -> Outcome<BTreeSet<String>> {
    Ok(sets.names()?.iter().map(|name| name.to_string()).collect())
}

/// Half of the sets of all types, with any options and entries.
fn any_table(runner: &mut TestRunner) -> Outcome<WantedSets> {
    let mut wanted = WantedSets::new();
    for (number, name) in ALL.iter().enumerate() {
        let kind: AnyType = name.parse()?;
        let six = has_family(name) && number % 2 == 0;
        let family = if six { Family::Ipv6 } else { Family::Ipv4 };
        let set = pick(small::set(kind, family), runner).with_name(format!("own-{number}"))?;
        let late = set.options().bitmask.is_some()
            || set.options().netmask.is_some() && *name != "hash:ip" && *name != "bitmap:ip";
        if !pick(any::<bool>(), runner) || late && !kernel_is_at_least(6, 2) {
            continue;
        }
        wanted.insert(&set, pick(vec(small::entry(&set), 0..20), runner))?;
    }
    Ok(wanted)
}

fn any_table_becomes_any_other() -> Outcome {
    members("list:set")?;
    let mut sets = IpSets::connect()?;
    let others = names(&mut sets)?;
    let mut runner = TestRunner::deterministic();
    let scope = Scope::prefix("own-");
    for round in 0..20 {
        let wanted = any_table(&mut runner)?;
        let policy = match round % 2 {
            0 => Policy::new(),
            _ => Policy::new().at_once(),
        };
        let report = sets.apply_all(&wanted, &scope, &policy)?;
        assert_eq!(report.failed().len(), 0, "{report}");
        for set in report.sets() {
            // An interface and the wildcard of the same name are refused.
            assert!(
                set.stopped().is_none() && set.failed_removals().is_empty(),
                "{set}"
            );
        }
        let own = wanted.names().map(|name| name.to_string());
        let meant: BTreeSet<_> = own.chain(others.clone()).collect();
        assert_eq!(names(&mut sets)?, meant);
        assert_eq!(saved_by_the_crate(&mut sets)?, saved_all()?);
        let plan = sets.plan_all(&wanted, &scope, &policy)?;
        assert!(plan.is_empty(), "{}", plan.summary());
        let again = sets.apply_all(&wanted, &scope, &policy)?;
        assert!(again.is_unchanged(), "{again}");
    }
    // A set that is not wanted any more stays unless it is in the scope.
    let none = WantedSets::new();
    assert!(
        sets.plan_all(&none, &Scope::named(), &Policy::new())?
            .is_empty()
    );
    let report = sets.apply_all(&none, &scope, &Policy::new())?;
    assert!(
        report.is_complete() && !report.removed().is_empty(),
        "{report}"
    );
    assert_eq!(names(&mut sets)?, others);
    Ok(())
}

fn lists_come_after_their_members_and_go_before_them() -> Outcome {
    let mut sets = IpSets::connect()?;
    let wanted = |text: &str| text.parse::<WantedSets>();
    let both = wanted(
        "create list list:set\n\
         create one hash:ip\n\
         create two hash:net comment\n\
         add list two\n\
         add list one\n\
         add one 10.0.0.1\n\
         add two 10.0.0.0/8 comment \"ten\"\n",
    )?;
    let scope = Scope::everything();
    let report = sets.apply_all(&both, &scope, &Policy::new())?;
    assert!(report.is_complete(), "{report}");
    assert_eq!(
        report.to_string(),
        "one: 1 added, created\ntwo: 1 added, created\nlist: 2 added, created\n"
    );
    // The list loses a member, which is destroyed.
    let one = wanted("create list list:set\ncreate one hash:ip\nadd list one\nadd one 10.0.0.2\n")?;
    let report = sets.apply_all(&one, &scope, &Policy::new())?;
    assert!(report.is_complete(), "{report}");
    assert_eq!(
        report.to_string(),
        "one: 1 added, 1 removed, in place\nlist: 1 removed, 1 kept, in place\ntwo: destroyed\n"
    );
    // Without its set the list is destroyed first.
    let none = WantedSets::new();
    let named = sets.apply_all(&none, &Scope::names(one.names()), &Policy::new())?;
    assert_eq!(named.to_string(), "list: destroyed\none: destroyed\n");
    assert_eq!(sets.names()?.len(), 0);
    Ok(())
}

fn a_set_that_fails_stops_no_other() -> Outcome {
    restore("create a hash:net\nadd a 10.0.0.0/8\n")?;
    let mut sets = IpSets::connect()?;
    let mut wanted = WantedSets::new();
    let entry = [v4("10.0.0.1")];
    wanted.insert(&IpSet::<HashIp>::new("a")?, entry)?;
    wanted.insert(
        &IpSet::<HashIp>::new("b")?.maxelem(1),
        [v4("10.0.0.1"), v4("10.0.0.2")],
    )?;
    wanted.insert(&IpSet::<HashIp>::new("c")?, entry)?;
    let twice = wanted
        .insert(&set::<HashIp>().with_name("c")?, entry)
        .unwrap_err();
    assert!(twice.is_invalid_input(), "{twice}");
    let report = sets.apply_all(&wanted, &Scope::named(), &Policy::new())?;
    let failed: Vec<_> = report.failed().map(|(name, _)| name.to_string()).collect();
    assert_eq!(failed, ["a", "b"]);
    assert!(!report.is_complete());
    assert_eq!(report.sets().len(), 1);
    assert_eq!(
        names(&mut sets)?.into_iter().collect::<Vec<_>>(),
        ["a", "c"]
    );
    let report = sets.apply_all(&wanted, &Scope::named(), &Policy::new().recreate())?;
    assert_eq!(report.failed().len(), 1, "{report}");
    assert_eq!(
        values(&mut sets, &IpSet::<HashIp>::new("a")?)?,
        ["10.0.0.1"]
    );
    Ok(())
}

fn a_plan_of_all_is_what_restore_takes() -> Outcome {
    restore("create old hash:ip\ncreate list list:set\nadd list old\ncreate n hash:net\n")?;
    let mut sets = IpSets::connect()?;
    let mut wanted = WantedSets::new();
    let member = |name| Member::new(name);
    wanted.insert(
        &IpSet::<ListSet>::new("list")?,
        [member("new")?, member("n")?],
    )?;
    wanted.insert(&IpSet::<HashNet>::new("n")?.comments(), [net("10.0.0.0/8")])?;
    wanted.insert(&IpSet::<HashIp>::new("new")?, [v4("10.0.0.1")])?;
    let scope = Scope::prefix("old") | Scope::predicate(|name| name.as_bytes() == b"none");
    let plan = sets.plan_all(&wanted, &scope, &Policy::new())?;
    assert_eq!(plan.removals().len(), 1);
    restore(&plan.to_string())?;
    assert!(sets.plan_all(&wanted, &scope, &Policy::new())?.is_empty());
    assert_eq!(sets.names()?.len(), 3);
    Ok(())
}

fn second_sets_of_others_are_left_alone() -> Outcome {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>();
    sets.create(&set)?;
    let mut other = IpSets::connect()?;
    let mut wanted = WantedSets::new();
    wanted.insert(&set, [v4("10.0.0.1")])?;
    let entries = midway(1000, || {
        let report = other.apply_all(&wanted, &Scope::everything(), &Policy::new());
        let report = report.unwrap();
        assert!(
            report.is_complete() && report.removed().is_empty(),
            "{report}"
        );
        assert_eq!(own_sets(&mut other).unwrap().len(), 1);
    });
    assert_eq!(sets.replace(&set, entries)?, 1000);
    assert_eq!(own_sets(&mut sets)?, [""; 0]);
    Ok(())
}

fn a_set_that_a_rule_uses_is_not_destroyed() -> Outcome {
    let mut sets = IpSets::connect()?;
    let used = set::<HashIp>();
    sets.create(&used)?;
    sets.add_all(&used, addresses(1..4), OnFailure::Stop)
        .into_result()?;
    let rules = lab::test::need("firewall rules", lab::Iptables::new());
    let rule = "-m set --match-set s src -j DROP";
    rules.append("filter", "INPUT", rule)?;
    let none = WantedSets::new();
    let report = sets.apply_all(&none, &Scope::everything(), &Policy::new())?;
    let (name, error) = report.failed().next().ok_or("a failure")?;
    assert_eq!(name, used.name());
    assert!(
        error.is_busy() && error.to_string().contains("1 rules"),
        "{error}"
    );
    assert_eq!(sets.info(&used)?.entries, Some(3));
    rules.delete("filter", "INPUT", rule)?;
    let report = sets.apply_all(&none, &Scope::everything(), &Policy::new())?;
    assert!(report.is_complete(), "{report}");
    assert_eq!(sets.names()?.len(), 0);
    Ok(())
}
