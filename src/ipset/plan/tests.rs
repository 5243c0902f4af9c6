//! Plans and reports of whole sets, from the text of one state to that of another.

mod entries;
mod policies;
mod refusals;

use super::*;
use crate::error::{Cause, Kernel};
use crate::ipset::{AnyEntry, AnySet, AnyType, Entry, SetInfo};
use crate::{Error, ErrorKind, FailedChange, Outcome};

/// Plans from saved text to saved text.
fn plan(there: &str, wanted: &str, scope: &Scope) -> SetsPlan {
    plan_by(&Policy::new(), there, wanted, scope)
}

fn plan_by(policy: &Policy, there: &str, wanted: &str, scope: &Scope) -> SetsPlan {
    let wanted: WantedSets = wanted.parse().unwrap();
    let mut planning = SetsPlanning::begin(&wanted, scope, policy);
    for (set, entries) in there.parse::<WantedSets>().unwrap().iter() {
        planning.see_set(&info(set));
        entries
            .iter()
            .cloned()
            .for_each(|it| planning.see_entry(it));
    }
    planning.finish()
}

fn info(set: &AnySet) -> SetInfo {
    SetInfo {
        name: *set.name(),
        type_name: set.type_name().to_owned(),
        revision: 0,
        index: None,
        references: 0,
        memory: 0,
        entries: None,
        set: Some(set.clone()),
    }
}

const THERE: &str = "\
    create all list:set size 8\n\
    add all blocked\n\
    create blocked hash:ip\n\
    add blocked 192.0.2.1\n\
    add blocked 192.0.2.2\n\
    create old-list list:set size 8\n\
    create old hash:ip\n\
    create strange hash:net\n";

#[test]
fn sets_come_before_lists_and_removals_last_with_lists_first() {
    let wanted = "\
        create all list:set size 8\n\
        add all blocked\n\
        add all new\n\
        create new hash:ip\n\
        add new 192.0.2.9\n\
        create blocked hash:ip\n\
        add blocked 192.0.2.2\n\
        add blocked 192.0.2.3\n";
    let plan = plan(THERE, wanted, &Scope::prefix("old"));
    let lines = "\
        del blocked 192.0.2.1\n\
        add blocked 192.0.2.3\n\
        create new hash:ip family inet\n\
        add new 192.0.2.9\n\
        add all new after blocked\n\
        destroy old-list\n\
        destroy old\n";
    let text = plan.to_string();
    let without_options = text.replace(" hashsize 1024 maxelem 65536", "");
    assert_eq!(without_options, lines);
    assert_eq!(plan.sets().len(), 3);
    assert!(
        plan.removals()
            .iter()
            .map(|it| it.to_string())
            .eq(["old-list", "old"])
    );
    assert!(!plan.is_empty());
    let summary = "\
        blocked: 1 added, 1 removed, 1 kept, in place\n\
        new: 1 added, created\n\
        all: 1 added, 1 kept, in place\n\
        old-list: destroyed\n\
        old: destroyed\n";
    assert_eq!(plan.summary().to_string(), summary);
}

#[test]
fn sets_that_are_as_wanted_need_nothing() {
    let plan_for = |scope| plan(THERE, THERE, &scope);
    let plan = plan_for(Scope::everything());
    assert!(plan.is_empty());
    assert_eq!(plan.sets().len(), 5);
    assert_eq!(plan.to_string() + &plan.summary().to_string(), "");
}

#[test]
fn removals_alone_are_something_to_do() {
    let plan = plan(THERE, "", &Scope::names(["old".parse().unwrap()]));
    assert!(!plan.is_empty());
    assert_eq!(plan.to_string(), "destroy old\n");
}

#[test]
fn what_cannot_become_the_wanted_set_is_refused_alone() {
    let wanted = "create strange hash:ip\ncreate old hash:ip\nadd old 192.0.2.1\n";
    let plan = plan(THERE, wanted, &Scope::named());
    assert!(
        plan.refused()
            .map(|(name, _)| name.to_string())
            .eq(["strange"])
    );
    assert_eq!(plan.to_string(), "add old 192.0.2.1\n");
    let summary = plan.summary().to_string();
    assert!(
        summary.contains("type hash:net instead of hash:ip"),
        "{summary}"
    );
}

/// Returns the plan of a single set and its report before anything was done.
fn report(there: &str, wanted: &str) -> (SetPlan<AnyType>, SetReport<AnyType>) {
    let mut plan = plan(there, wanted, &Scope::named()).sets.remove(0);
    let report = SetReport::begin(&mut plan, None);
    (plan, report)
}

fn error(operation: &'static str, kind: ErrorKind) -> Error {
    let meaning = kind.into();
    let kernel = Kernel {
        code: 1,
        meaning,
        extended: None,
    };
    Error::new(operation, Cause::Kernel(kernel))
}

fn failed(index: usize, entry: &str, kind: ErrorKind) -> FailedChange<AnyEntry> {
    let set: WantedSets = format!("create web hash:ip\nadd web {entry}\n")
        .parse()
        .unwrap();
    let error = error("add entry", kind);
    let input: Entry<AnyType> = set.iter().next().unwrap().1[0].clone();
    FailedChange {
        index,
        input,
        error,
        in_doubt: false,
    }
}

const WEB: &str = "create web hash:ip\nadd web 192.0.2.1\nadd web 192.0.2.2\nadd web 192.0.2.3\n";
const NEXT: &str = "create web hash:ip\nadd web 192.0.2.3\nadd web 192.0.2.4\nadd web 192.0.2.5\n";

#[test]
fn a_report_counts_what_was_written_and_removed() {
    let (plan, mut report) = report(WEB, NEXT);
    assert!(report.is_untouched());
    report
        .written(&plan, plan.added_positions(), Outcome::new())
        .unwrap();
    assert!(!report.is_untouched() && !report.is_created());
    report.removed(&plan, Outcome::new()).unwrap();
    assert!(report.is_complete());
    assert_eq!(
        report.to_string(),
        "web: 2 added, 2 removed, 1 kept, in place"
    );
    let counts = report.into_result().unwrap();
    assert_eq!((counts.added, counts.removed, counts.kept), (2, 2, 1));
}

#[test]
fn a_report_names_what_failed_and_counts_the_others() {
    let (plan, mut report) = report(WEB, NEXT);
    let mut outcome = Outcome::new();
    outcome
        .failures
        .push(failed(1, "192.0.2.5", ErrorKind::InvalidInput));
    report
        .written(&plan, plan.added_positions(), outcome)
        .unwrap();
    let mut outcome = Outcome::new();
    outcome
        .failures
        .push(failed(0, "192.0.2.1", ErrorKind::NotFound));
    report.removed(&plan, outcome).unwrap();
    assert_eq!(report.failures().len(), 1);
    assert_eq!(report.failures()[0].index, 2, "among the wanted ones");
    assert_eq!(report.failed_removals().len(), 1);
    let counts = report.counts();
    assert_eq!((counts.added, counts.removed), (1, 1));
    let text = report.to_string();
    assert_eq!(text, "web: 1 added, 1 removed, 1 kept, in place, 2 failed");
    assert!(!report.is_complete());
    let error = report.into_result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn the_failure_that_stopped_a_run_is_handed_back_and_its_entry_counts_as_untried() {
    let (plan, mut report) = report("create web hash:ip\n", NEXT);
    let mut outcome = Outcome::new();
    outcome
        .failures
        .push(failed(1, "192.0.2.4", ErrorKind::Full));
    outcome.untried_from = Some(2);
    let full = report.written(&plan, plan.added_positions(), outcome);
    assert_eq!(full.unwrap_err().unwrap().kind(), ErrorKind::Full);
    assert_eq!(report.untried(), 2);
    assert!(report.failures().is_empty() && !report.is_complete());
    let text = report.to_string();
    assert_eq!(text, "web: 1 added, in place, 2 not tried");
    // The same if it was the last entry.
    let (plan, mut report) = self::report("create web hash:ip\n", NEXT);
    let mut outcome = Outcome::new();
    outcome
        .failures
        .push(failed(2, "192.0.2.5", ErrorKind::Full));
    outcome.untried_from = Some(3);
    let full = report.written(&plan, plan.added_positions(), outcome);
    assert_eq!(full.unwrap_err().unwrap().kind(), ErrorKind::Full);
    assert_eq!((report.untried(), report.failures().len()), (1, 0));
}

#[test]
fn removals_that_were_not_tried_are_not_counted() {
    let (plan, mut report) = report(WEB, NEXT);
    let mut outcome = Outcome::new();
    outcome.untried_from = Some(1);
    outcome.stopped = Some(error("remove entry", ErrorKind::Busy));
    report.removed(&plan, outcome).unwrap_err();
    assert_eq!(report.counts().removed, 1);
    assert_eq!(report.stopped().unwrap().kind(), ErrorKind::Busy);
    assert!(
        report
            .to_string()
            .starts_with("web: 1 removed, 1 kept, in place: remove entry")
    );
    assert!(!report.is_complete());
    assert_eq!(report.into_result().unwrap_err().kind(), ErrorKind::Busy);
}

#[test]
fn only_a_set_that_is_gone_is_worth_another_attempt() {
    for (kind, again) in [(ErrorKind::NotFound, true), (ErrorKind::Busy, false)] {
        let (plan, mut report) = report(WEB, NEXT);
        let mut outcome = Outcome::new();
        outcome.untried_from = Some(0);
        outcome.stopped = Some(error("add entry", kind));
        let ended = report.written(&plan, plan.added_positions(), outcome);
        assert_eq!(ended.unwrap_err().is_some(), again);
        assert_eq!(report.stopped().is_none(), again);
    }
}

#[test]
fn a_second_set_counts_only_if_it_was_swapped() {
    let there = WEB.replace("hash:ip", "hash:ip counters");
    for swapped in [true, false] {
        let (plan, mut report) = report(&there, NEXT);
        let mut outcome = Outcome::new();
        outcome.untried_from = (!swapped).then_some(2);
        let _ = report.swapped(&plan, outcome, None);
        let counts = report.counts();
        let expected = if swapped { (2, 2) } else { (0, 0) };
        assert_eq!((counts.added, counts.removed), expected);
        assert_eq!(report.is_complete(), swapped);
    }
    let (plan, mut report) = report(&there, NEXT);
    let busy = error("destroy set", ErrorKind::Busy);
    let ended = report.swapped(&plan, Outcome::new(), Some(busy));
    assert!(matches!(ended, Err(None)) && report.stopped().is_some());
}

#[test]
fn an_earlier_attempt_is_part_of_the_report() {
    let (plan, mut first) = report("create web hash:ip\n", NEXT);
    first.set_created();
    let mut outcome = Outcome::new();
    outcome
        .failures
        .push(failed(1, "192.0.2.4", ErrorKind::Full));
    outcome.untried_from = Some(2);
    first
        .written(&plan, plan.added_positions(), outcome)
        .unwrap_err();
    let (mut plan, _) = report(WEB, NEXT);
    let mut second = SetReport::begin(&mut plan, Some(first));
    assert!(second.is_created() && !second.is_untouched());
    second
        .written(&plan, plan.added_positions(), Outcome::new())
        .unwrap();
    second.removed(&plan, Outcome::new()).unwrap();
    // One was added in the first attempt, and is what is kept now.
    assert_eq!(second.to_string(), "web: 3 added, 2 removed, in place");
}

#[test]
fn what_each_attempt_did_is_added_up() {
    let there = "create web hash:ip timeout 100 comment\n\
        add web 10.0.0.1 timeout 90\n\
        add web 10.0.0.2 timeout 10\n\
        add web 10.0.0.3 timeout 90 comment old\n\
        add web 10.0.0.9\n";
    let wanted = "create web hash:ip timeout 100 comment\n\
        add web 10.0.0.1 timeout 100\n\
        add web 10.0.0.2 timeout 100\n\
        add web 10.0.0.3 timeout 100 comment new\n\
        add web 10.0.0.4 timeout 100\n";
    let write = |report: &mut SetReport<AnyType>, plan: &SetPlan<AnyType>| {
        let none = Outcome::new;
        report
            .written(plan, plan.added_positions(), none())
            .unwrap();
        report
            .written(plan, plan.updated_positions(), none())
            .unwrap();
        report.removed(plan, none()).unwrap();
    };
    let (plan, mut first) = report(there, wanted);
    write(&mut first, &plan);
    let (mut plan, _) = report(wanted, wanted);
    let mut second = SetReport::begin(&mut plan, Some(first));
    write(&mut second, &plan);
    let counts = second.counts();
    assert_eq!((counts.added, counts.removed), (1, 1));
    let others = (counts.changed, counts.renewed, counts.kept);
    assert_eq!(others, (1, 1, 1));
}

#[test]
fn a_member_that_could_not_move_counts_as_no_removal() {
    let list = |members: &str| {
        let add = |it: char| format!("add all {it}\n");
        "create all list:set size 8\n".to_owned() + &members.chars().map(add).collect::<String>()
    };
    let (plan, mut report) = report(&list("abc"), &list("ca"));
    let removals: Vec<_> = plan.removals().map(|it| it.to_string()).collect();
    assert_eq!((removals.len(), &removals[0][..]), (2, "b"));
    let mut outcome = Outcome::new();
    outcome
        .failures
        .push(failed(1, "192.0.2.1", ErrorKind::NotFound));
    report.removed(&plan, outcome).unwrap();
    assert_eq!(report.counts().removed, 1);
    assert!(report.failures().is_empty() && !report.is_complete());
}

#[test]
fn the_report_of_all_sets_has_a_line_for_each_that_was_changed_or_failed() {
    let (plan, mut changed) = report(WEB, NEXT);
    let (_, untouched) = report(WEB, WEB);
    changed.removed(&plan, Outcome::new()).unwrap();
    let mut reports = SetsReport::default();
    assert!(reports.is_unchanged() && reports.is_complete());
    reports.sets = vec![untouched];
    assert!(reports.is_unchanged() && reports.is_complete());
    assert_eq!(reports.to_string(), "");
    reports.removed = vec!["old".parse().unwrap()];
    assert!(!reports.is_unchanged() && reports.is_complete());
    reports.sets.push(changed);
    let lines = "web: 2 removed, 1 kept, in place\nold: destroyed\n";
    assert_eq!(reports.to_string(), lines);
    let error = error("destroy set", ErrorKind::Busy).object("b");
    reports.failed = vec![("b".parse().unwrap(), error)];
    assert!(!reports.is_complete());
    assert!(reports.to_string().contains("\ndestroy set b: "));
    assert_eq!((reports.sets().len(), reports.removed().len()), (2, 1));
    assert_eq!(reports.failed().len(), 1);
}
