//! What a call of the keeper reads, after what the calls before it left.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::program::{Program, WEB, kernel, key, now, web};
use super::rounds::{error, keeper as keeper_of};
use crate::ipvs::plan::*;
use crate::ipvs::{Operation, ServiceKey};

/// Returns eight services, the first of which have a server of weight 2, the others one of weight
/// 1.
fn table(heavy: u8) -> String {
    let service = |number: u8| {
        let (key, weight) = (name(number), 1 + u8::from(number <= heavy));
        format!("-A {key} -s rr\n-a {key} -r 10.1.0.1:80 -m -w {weight}\n")
    };
    (1..=8).map(service).collect()
}

fn name(number: u8) -> String {
    format!("-t 10.0.0.{number}:80")
}

fn wanted(text: &str) -> WantedTable {
    text.parse().unwrap()
}

fn after(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

/// A keeper of all services that has just brought the table to this. It reads the table every
/// minute, and checks all services every ten seconds.
fn keeper(text: &str) -> Keeper {
    keeper_of(Scope::everything(), text)
}

/// A report in which a service failed.
fn failing(service: &str) -> ApplyReport {
    let state = ObjectState::failed(&error());
    let object = Object::service(key(service));
    ApplyReport {
        objects: vec![ObjectReport::new(object, state)],
        ..ApplyReport::new()
    }
}

/// Returns the services that alone are read, if this is wanted.
fn few(keeper: &Keeper, heavy: u8, seconds: u64) -> Option<Vec<String>> {
    let few = keeper.few_changes(&wanted(&table(heavy)), after(seconds))?;
    Some(few.iter().map(ServiceKey::to_string).collect())
}

#[test]
fn up_to_a_quarter_of_the_services_is_read_alone() {
    let keeper = keeper(&table(0));
    assert_eq!(few(&keeper, 2, 0), Some(vec![name(1), name(2)]));
    assert_eq!(few(&keeper, 3, 0), None);
    assert_eq!(few(&keeper, 0, 0), None, "nothing is wanted otherwise");
    let fresh = Keeper::new(Planner::new());
    assert_eq!(few(&fresh, 1, 0), None);
}

#[test]
fn few_services_are_read_only_while_all_others_are_known() {
    let mut keeper = keeper(&table(0));
    assert!(few(&keeper, 1, 9).is_some() && few(&keeper, 1, 10).is_none());
    keeper.has_just_looked(after(5));
    assert!(few(&keeper, 1, 14).is_some() && few(&keeper, 1, 15).is_none());
    keeper.has_just_looked(after(55));
    assert!(few(&keeper, 1, 59).is_some());
    assert!(few(&keeper, 1, 60).is_none(), "the reading is too old");
    keeper.has_just_read(after(60));
    assert!(few(&keeper, 1, 60).is_some());
    keeper.read_next();
    assert!(few(&keeper, 1, 60).is_none());
    // The kernel left out services of the reading, which `/proc` shows.
    keeper.has_just_read(after(60));
    let snapshot = || kernel(&table(0)).snapshot();
    keeper.settle(snapshot(), &[], snapshot(), 7);
    assert!(few(&keeper, 1, 60).is_none());
}

#[test]
fn what_few_changes_did_is_known_to_the_next_call() {
    let mut keeper = keeper(&table(0));
    let services = BTreeSet::from([key(&name(1))]);
    keeper.remember_some(&services, &wanted(&table(1)), &ApplyReport::new());
    assert_eq!(few(&keeper, 1, 0), None);
    assert_eq!(few(&keeper, 2, 0), Some(vec![name(2)]));
    // What failed is tried again.
    keeper.remember_some(&services, &wanted(&table(1)), &failing(&name(7)));
    assert_eq!(few(&keeper, 2, 0), Some(vec![name(2), name(7)]));
}

/// A keeper with a draining server.
fn draining() -> Keeper {
    let (both, one) = (web("rr", &[(1, 1), (2, 1)]), web("rr", &[(2, 1)]));
    let mut program = Program::new(&both);
    program.apply(&one);
    keeper(&one).with_record(program.record)
}

#[test]
fn only_draining_servers_are_read_where_proc_takes_longer_and_all_is_known() {
    let mut keeper = draining();
    let same = wanted(&web("rr", &[(2, 1)]));
    let slow_proc = |keeper: &mut Keeper| {
        keeper.times.look = Duration::from_secs(1);
        keeper.times.enter_reading(2_000, Duration::from_millis(1));
    };
    assert!(!keeper.only_drains(None, now()));
    slow_proc(&mut keeper);
    assert!(keeper.only_drains(None, now()) && keeper.only_drains(Some(&same), now()));
    assert!(!keeper.only_drains(Some(&wanted(&table(0))), now()));
    assert!(!keeper.only_drains(None, after(10)));
    keeper.remember(&same, &failing(WEB), now());
    assert!(!keeper.only_drains(None, now()));
    let mut without = self::keeper(&table(0));
    slow_proc(&mut without);
    assert!(!without.only_drains(None, now()));
}

#[test]
fn drains_are_looked_at_from_their_time_on() {
    let mut keeper = draining();
    assert!(!keeper.looks_at_drains(now()));
    keeper.look_at = Some(after(2));
    let looks = [1, 2, 3].map(|seconds| keeper.looks_at_drains(after(seconds)));
    assert_eq!(looks, [false, true, true]);
    keeper.record = Record::new();
    assert!(!keeper.looks_at_drains(after(2)));
}

#[test]
fn the_next_look_at_drains_is_soon_and_no_later_than_their_end() {
    let mut keeper = draining();
    let every = keeper.planner.policy.look_every;
    keeper.look_soon(now());
    assert_eq!(keeper.look_at, Some(now() + every));
    keeper.look_soon(after(1));
    assert_eq!(keeper.look_at, Some(now() + every), "an earlier one stays");
    keeper.look_at = None;
    let (_, end) = keeper.record.drains().iter().next().unwrap();
    keeper.look_soon(end - every / 2);
    assert_eq!(keeper.look_at, Some(end));
    keeper.record = Record::new();
    keeper.look_soon(now());
    assert_eq!(keeper.look_at, None);
}

/// The operation that adds a second server.
fn addition() -> Operation {
    format!("-a {WEB} -r 10.1.0.2:80 -m -w 1").parse().unwrap()
}

#[test]
fn what_proc_will_show_after_operations_is_no_change() {
    let (one, both) = (web("rr", &[(1, 1)]), web("rr", &[(1, 1), (2, 1)]));
    let mut keeper = keeper(&one);
    keeper.will_see([addition()].into_iter());
    assert!(keeper.is_as_left(&kernel(&both).snapshot()));
    assert!(!keeper.is_as_left(&kernel(&one).snapshot()));
    let mut fresh = Keeper::new(Planner::new());
    fresh.will_see([addition()].into_iter());
    assert!(!fresh.is_as_left(&kernel(&both).snapshot()));
}

#[test]
fn after_many_operations_or_a_failure_the_table_is_read() {
    let many = |count| std::iter::repeat_with(addition).take(count);
    for (count, is_seen) in [(1_032, true), (1_033, false)] {
        let mut keeper = keeper(&table(0));
        keeper.will_see(many(count));
        assert_eq!(keeper.may_look(None, now()), is_seen, "{count}");
    }
    let mut keeper = keeper(&table(0));
    keeper.remember(&wanted(&table(0)), &failing(&name(1)), now());
    keeper.see_change(kernel(&table(0)).snapshot());
    assert!(keeper.may_look(None, now()));
    keeper.will_see(many(1));
    assert!(!keeper.may_look(None, now()));
}

#[test]
fn the_memory_of_a_snapshot_is_used_again() {
    let mut keeper = keeper(&table(0));
    assert_eq!(keeper.spare.len(), 0);
    keeper.see(None);
    assert_eq!(keeper.spare.len(), 8);
    assert!(keeper.take_seen().is_none());
}

#[test]
fn a_keeper_has_the_planner_and_the_record_that_it_was_given() {
    let record = draining().record;
    let planner = Planner::new().expire_quiescent_template(true);
    let keeper = Keeper::new(planner).with_record(record.clone());
    assert!(keeper.planner().expire_quiescent_template);
    assert_eq!(keeper.record(), &record);
}
