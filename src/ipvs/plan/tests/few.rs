//! The plan of some services is their part of the whole plan.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::cases::{kernel_and_wanted, keys, policy, scope, wanted};
use super::program::{Program, key, now, service};
use crate::ipvs::plan::*;
use crate::ipvs::{ServiceKey, TableEntry};

/// The record after a plan of which some steps failed.
fn after(record: &Record, plan: &Plan, failed: &[bool]) -> Record {
    let mut record = record.clone();
    record.begin(plan, now());
    let failing: BTreeSet<_> = plan
        .steps()
        .iter()
        .zip(failed.iter().cycle())
        .filter_map(|(step, failed)| failed.then_some(step.object()))
        .collect();
    record.settle(plan, |step| {
        match failing.contains(&plan.steps()[step].object()) {
            true => StepResult::Failed,
            false => StepResult::Succeeded,
        }
    });
    record
}

proptest! {
    #[test]
    fn the_plan_of_some_services_is_their_part_of_the_plan(
        (kernel, before) in kernel_and_wanted(),
        wanted in wanted(),
        scope in scope(),
        policy in policy(),
        chosen in vec(any::<bool>(), 30),
        failed in vec(prop::bool::weighted(0.2), 7),
    ) {
        let planner = Planner::new().scope(scope.scope).policy(policy);
        let table = kernel.table();
        let record = after(&Record::new(), &planner.plan(&before, &table, &Record::new()), &failed);

        let chosen = keys().into_iter().zip(chosen).filter(|it| it.1);
        let chosen: BTreeSet<ServiceKey> = chosen.map(|it| it.0).collect();
        let is_chosen = |entry: &&TableEntry| chosen.contains(&entry.service.key());
        let present: Vec<_> = table.iter().filter(is_chosen).cloned().collect();
        let whole = planner.plan(&wanted, &table, &record);
        let part = planner.plan_some(&chosen, &wanted, &present, &record);
        let steps: Vec<_> = whole
            .steps()
            .iter()
            .filter(|it| chosen.contains(it.service()))
            .collect();
        prop_assert_eq!(part.steps().iter().collect::<Vec<_>>(), steps);
        prop_assert_eq!(
            part.draining().iter().map(|it| it.service).collect::<Vec<_>>(),
            whole.draining().iter().map(|it| it.service).filter(|it| chosen.contains(it)).collect::<Vec<_>>()
        );

        // The record of the others stays as it is.
        let (of_part, of_whole) = (after(&record, &part, &[false]), after(&record, &whole, &[false]));
        for key in keys() {
            let expected = match chosen.contains(&key) {
                true => &of_whole,
                false => &record,
            };
            prop_assert_eq!(of_part.service(key), expected.service(key), "{}", key);
        }
    }

    #[test]
    fn the_changed_services_are_found((_, before) in kernel_and_wanted(), after in wanted()) {
        let changed = after.changes_since(&before);
        for key in keys() {
            prop_assert_eq!(changed.contains(&key), before.get(key) != after.get(key));
        }
        let mut follower = before.clone();
        follower.follow(&after, &changed);
        prop_assert_eq!(&follower, &after);
        prop_assert_eq!(after.changes_since(&follower), BTreeSet::new());
    }

    #[test]
    fn a_record_is_the_sum_of_its_services(
        (kernel, before) in kernel_and_wanted(),
        wanted in wanted(),
        policy in policy(),
        failed in vec(any::<bool>(), 7),
    ) {
        let planner = Planner::new().scope(Scope::everything()).policy(policy);
        let table = kernel.table();
        let old = after(&Record::new(), &planner.plan(&before, &table, &Record::new()), &failed);
        let plan = planner.plan(&wanted, &table, &old);
        let mut changes = Changes::since(&old);
        changes.enter_plan(&plan);
        let new = after(&old, &plan, &failed);
        // What a program stored of each service that changed leads from one record to the other.
        let mut stored = old.clone();
        for service in changes.services(&new) {
            stored.enter(new.service(service));
        }
        prop_assert_eq!(&stored, &new);
        let mut all = Record::new();
        for service in new.services() {
            prop_assert!(!new.service(service).is_empty());
            all.enter(new.service(service));
        }
        prop_assert_eq!(&all, &new);
    }
}

const WEB: &str = "-t 10.0.0.1:80";
const DNS: &str = "-u 10.0.0.1:53";

/// Returns the plan of one service.
fn plan_of(program: &Program, only: &str, wanted: &str) -> Plan {
    let only = BTreeSet::from([key(only)]);
    let present = program.kernel.table();
    let present: Vec<_> = present
        .into_iter()
        .filter(|it| only.contains(&it.service.key()))
        .collect();
    let wanted = wanted.parse().unwrap();
    let planner = &program.planner;
    planner.plan_some(&only, &wanted, &present, &program.record)
}

#[test]
fn removals_are_counted_among_the_servers_of_all_services() {
    let web = service(WEB, "-s rr", &[1, 2, 3, 4, 5, 6]);
    let dns = |servers| service(DNS, "-s rr", servers);
    let mut program = Program::new("");
    program.apply(&(web.clone() + &dns(&[1, 2, 3])));
    for (percent, warns) in [(30, true), (40, false)] {
        program = program.policy(Policy::without_drain().warn_above_percent(percent));
        let plan = plan_of(&program, DNS, &(web.clone() + &dns(&[])));
        assert_eq!(plan.counts().servers_removed, 3);
        let warning = Warning::ManyRemovals {
            removed: 3,
            present: 9,
        };
        assert_eq!(plan.warnings().contains(&warning), warns);
        assert_eq!(plan.warnings().len(), usize::from(warns));
    }
}

#[test]
fn what_was_begun_of_another_service_stays_in_the_record() {
    let (web, dns) = (service(WEB, "-s rr", &[1]), service(DNS, "-s rr", &[1]));
    let mut program = Program::new("");
    // The program ends before it knows what became of this.
    let unfinished = plan_of(&program, WEB, &web);
    program.record.begin(&unfinished, now());
    let before = program.record.clone();
    let other = plan_of(&program, DNS, &(web + &dns));
    program.record.begin(&other, now());
    program.record.settle(&other, |_| StepResult::Succeeded);
    assert_eq!(program.record.service(key(WEB)), before.service(key(WEB)));
    assert_ne!(program.record, before);
}

#[test]
fn a_service_that_stays_is_no_change_beside_one_that_comes_or_goes() {
    let table = |services: &[&str]| -> WantedTable {
        let lines = services.iter().map(|it| service(it, "-s rr", &[1]));
        lines.collect::<String>().parse().unwrap()
    };
    let (one, both) = (table(&[DNS]), table(&[WEB, DNS]));
    let (first, second) = (table(&[WEB]), table(&[DNS]));
    let changed = |services: &[&str]| services.iter().map(|it| key(it)).collect::<BTreeSet<_>>();
    assert_eq!(both.changes_since(&one), changed(&[WEB]));
    assert_eq!(one.changes_since(&both), changed(&[WEB]));
    assert_eq!(both.changes_since(&first), changed(&[DNS]));
    assert_eq!(first.changes_since(&both), changed(&[DNS]));
    assert_eq!(first.changes_since(&second), changed(&[WEB, DNS]));
    assert_eq!(both.changes_since(&both.clone()), changed(&[]));
}
