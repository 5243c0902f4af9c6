//! What is known after several rounds: reports, and what a keeper remembers.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::program::{Program, kernel, key, now};
use crate::ipvs::plan::*;
use crate::ipvs::{Operation, ServiceKey};
use crate::{Error, ErrorKind, FailedChange, Outcome};

const WEB: &str = "-t 10.0.0.1:80";

fn web(servers: &[u8]) -> String {
    let mut text = format!("-A {WEB} -s rr\n");
    for server in servers {
        text += &format!("-a {WEB} -r 10.1.0.{server}:80 -m\n");
    }
    text
}

pub(super) fn error() -> Error {
    "x".parse::<WantedTable>().unwrap_err()
}

fn wanted(text: &str) -> WantedTable {
    text.parse().unwrap()
}

#[test]
fn a_second_round_leaves_each_object_once_in_the_report() {
    let mut program = Program::new("");
    let mut report = ApplyReport::new();
    let plan = program.plan(&web(&[1, 2]));
    let error = error();
    report.enter(&plan, &program.record, |index| {
        (index == 2).then_some(&error)
    });
    assert!(!report.is_success());
    assert_eq!(report.failures().count(), 1);
    // Another program has changed the scheduler and removed the server that was added.
    program.kernel = kernel(&format!("-A {WEB} -s wlc\n"));
    let plan = program.plan(&web(&[1, 2]));
    report.enter(&plan, &program.record, |_| None);
    assert!(report.is_success());
    let mut lines: Vec<_> = report.objects.iter().map(|it| it.to_string()).collect();
    lines.sort();
    let expected = [
        format!("{WEB} -r 10.1.0.1:80: added"),
        format!("{WEB} -r 10.1.0.2:80: added"),
        format!("{WEB}: updated"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_end_of_a_drain_is_reported_in_place_of_the_drain() {
    let mut program = Program::new(&web(&[1, 2]));
    let plan = program.apply("");
    let mut report = ApplyReport::new();
    report.enter(&plan, &program.record, |_| None);
    let drained = report.to_string();
    assert_eq!(report.objects.len(), 2, "{drained}");
    let remove = Operation::RemoveService(key(WEB));
    report.enter_drain(&remove, Some(&error()));
    assert_eq!(report.objects.len(), 3, "the servers still drain");
    let server = Operation::RemoveServer(key(WEB), "10.1.0.1:80".parse().unwrap());
    report.enter_drain(&server, None);
    assert_eq!(report.objects.len(), 3);
    let other = Operation::RemoveService(key("-u 10.0.0.1:53"));
    report.enter_drain(&other, None);
    assert_eq!(
        report.objects.len(),
        4,
        "another service's end changes nothing of this one"
    );
    report.enter_drain(&remove, None);
    let lines = "-u 10.0.0.1:53: removed\n-t 10.0.0.1:80: removed\n";
    assert_eq!(report.to_string(), lines);
}

#[test]
fn what_an_earlier_round_changed_stays_and_what_it_failed_to_do_does_not() {
    let program = Program::new("");
    let mut report = ApplyReport::new();
    let error = error();
    let plan = program.plan(&web(&[1]));
    report.enter(&plan, &program.record, |index| {
        (index == 1).then_some(&error)
    });
    let nothing = Program::new(&web(&[1])).plan(&web(&[1]));
    report.enter(&nothing, &program.record, |_| None);
    assert_eq!(report.to_string(), format!("{WEB}: added\n"));
}

#[test]
fn a_step_is_in_doubt_failed_or_not_tried_as_its_operation_is() {
    let removal = Operation::RemoveService(key(WEB));
    let failed = |index, in_doubt| FailedChange {
        index,
        input: removal.clone(),
        error: error(),
        in_doubt,
    };
    let mut outcome = Outcome::new();
    outcome.failures = vec![failed(1, true), failed(2, false)];
    outcome.untried_from = Some(4);
    let results = [0, 1, 2, 3, 4, 5].map(|index| StepResult::of(&outcome, index));
    use StepResult::{Failed, InDoubt, Succeeded};
    assert_eq!(
        results,
        [Succeeded, InDoubt, Failed, Succeeded, Failed, Failed]
    );
}

#[test]
fn scopes_of_addresses_and_of_marks_contain_only_these() {
    let is_own = |scope: &Scope, text: &str| {
        let own = scope.clone();
        let program = Program::new(&format!("-A {text} -s rr\n")).scope(own);
        !program.plan("").is_empty()
    };
    let scope = Scope::addresses("10.0.0.0/24".parse::<ipnet::IpNet>().unwrap());
    assert!(is_own(&scope, WEB) && is_own(&scope, "-u 10.0.0.9:53"));
    assert!(!is_own(&scope, "-t 10.0.1.1:80") && !is_own(&scope, "-f 7"));
    let scope = Scope::firewall_marks(0x10, 0xf0);
    assert!(is_own(&scope, "-f 16") && is_own(&scope, "-f 17 -6"));
    assert!(!is_own(&scope, "-f 7") && !is_own(&scope, "-f 48") && !is_own(&scope, WEB));
    // Bits of the mark outside of the mask do not matter.
    assert!(is_own(&Scope::firewall_marks(0x13, 0xf0), "-f 16"));
}

/// A keeper of all services that brought the table to `text` and has seen it.
pub(super) fn keeper(scope: Scope, text: &str) -> Keeper {
    let mut keeper = Keeper::new(Planner::new().scope(scope)).read_every(Duration::from_secs(60));
    keeper.remember(&wanted(text), &ApplyReport::new(), now());
    keeper.see(Some(kernel(text).snapshot()));
    keeper
}

#[test]
fn a_look_is_enough_until_the_reading_is_too_old_or_something_else_is_wanted() {
    let after = |seconds| now() + Duration::from_secs(seconds);
    let (first, second) = (web(&[1]), web(&[2]));
    let fresh = Keeper::new(Planner::new());
    assert!(!fresh.may_look(None, now()), "nothing was seen");
    let mut keeper = keeper(Scope::everything(), &first);
    assert!(keeper.may_look(None, now()) && keeper.may_look(Some(&wanted(&first)), after(59)));
    assert!(!keeper.may_look(Some(&wanted(&first)), after(60)));
    assert!(!keeper.may_look(Some(&wanted(&second)), now()));
    assert!(
        !keeper.may_look(None, now() - Duration::from_secs(1)),
        "the clock was set back"
    );
    keeper.has_just_read(after(30));
    assert!(keeper.may_look(None, after(89)) && !keeper.may_look(None, after(90)));
    keeper.see(None);
    assert!(
        !keeper.may_look(None, after(31)),
        "nothing is seen any more"
    );
}

#[test]
fn only_changes_of_own_services_are_noticed() {
    let text = web(&[1]);
    let others = format!("{text}-A -u 10.0.0.9:53 -s rr\n-A -f 7 -s rr\n");
    let mark = format!("{text}-A -f 7 -s rr\n");
    let seen = |text: &str| kernel(text).snapshot();
    let all = keeper(Scope::everything(), &text);
    assert!(all.is_as_left(&seen(&text)));
    assert!(!all.is_as_left(&seen(&others)) && !all.is_as_left(&seen("")));
    let named = keeper(Scope::named(), &text);
    assert!(named.is_as_left(&seen(&others)));
    assert!(!named.is_as_left(&seen(&web(&[2]))));
    let marks = keeper(Scope::firewall_marks(7, u32::MAX), &text);
    assert!(!marks.is_as_left(&seen(&mark)));
    assert!(
        !Keeper::new(Planner::new()).is_as_left(&seen("")),
        "nothing was seen"
    );
}

#[test]
fn a_table_is_seen_after_operations_if_it_shows_them_and_nothing_else() {
    let (first, second) = (web(&[1]), web(&[1, 2]));
    let added = "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1";
    let added = crate::ipvs::text::parse(added).next().unwrap().unwrap();
    let operations = [&added.operation];
    let more = format!("{second}-A -u 10.0.0.9:53 -s rr\n");
    for (after, services, is_seen, is_whole) in [
        (&second, 1, true, true),
        (&first, 1, false, true),
        // Another program's service, and one that the snapshot lacks.
        (&more, 2, false, true),
        (&more, 1, false, false),
        (&second, 2, false, true),
    ] {
        let mut keeper = keeper(Scope::everything(), &first);
        let snapshot = |text: &str| kernel(text).snapshot();
        keeper.settle(snapshot(&first), &operations, snapshot(after), services);
        assert_eq!(keeper.may_look(None, now()), is_seen, "{after}{services}");
        let last = keeper.last.as_ref().unwrap();
        assert_eq!(last.before().is_some(), is_whole, "{after}{services}");
    }
}

#[test]
fn a_table_with_failures_is_never_taken_for_the_wanted_one() {
    let mut keeper = keeper(Scope::everything(), &web(&[1]));
    let mut report = ApplyReport::new();
    let plan = Program::new("").plan(&web(&[1]));
    let error = error();
    report.enter(&plan, &Record::new(), |_| Some(&error));
    keeper.remember(&wanted(&web(&[1])), &report, now());
    keeper.see(Some(kernel(&web(&[1])).snapshot()));
    assert!(!keeper.may_look(None, now()));
    keeper.see_change(kernel(&web(&[1])).snapshot());
    assert!(
        keeper.may_look(None, now()),
        "it may be compared with what it was then"
    );
}

#[test]
fn the_next_call_is_due_at_the_first_of_three_times() {
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    let fresh = Keeper::new(Planner::new()).check_every(second);
    assert_eq!(fresh.next(now()), second);
    let mut keeper = keeper(Scope::everything(), "").check_every(minute * 9);
    assert_eq!(keeper.next(now() + second), minute - second);
    assert_eq!(keeper.next(now() + minute * 2), Duration::ZERO);
    keeper = keeper.check_every(second * 30);
    assert_eq!(keeper.next(now() + second), second * 29);
    keeper.look_at = Some(now() + second * 2);
    assert_eq!(keeper.next(now()), second * 2);
}

#[test]
fn a_report_without_a_reading_has_the_drains_and_what_is_left_alone() {
    let mut program = Program::new(&web(&[1, 2]));
    program.apply(&web(&[2]));
    let mut keeper = Keeper::new(Planner::new()).with_record(program.record);
    let object = Object::service(key("-u 10.0.0.9:53"));
    let left = ObjectReport::new(
        object,
        ObjectState::LeftAlone(LeftAloneReason::OutsideScope),
    );
    let done = ObjectReport::new(Object::service(key(WEB)), ObjectState::Added);
    let report = ApplyReport {
        objects: vec![left, done],
        ..ApplyReport::new()
    };
    keeper.remember(&wanted(&web(&[2])), &report, now());
    let text = keeper.report().to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("-t 10.0.0.1:80 -r 10.1.0.1:80: draining until 18"));
    assert!(lines[1].starts_with("-u 10.0.0.9:53: left alone"));
}

#[test]
fn a_record_that_cannot_be_saved_is_an_error() {
    let fails = |_: &Record, _: &BTreeSet<ServiceKey>| Err(std::io::Error::other("no space"));
    let mut keeper = Keeper::new(Planner::new()).save_with(fails);
    let none = BTreeSet::new();
    keeper.save.save(&Record::new(), &none).unwrap();
    let web = BTreeSet::from([key(WEB)]);
    let error = keeper.save.save(&Record::new(), &web).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("no space"), "{error}");
}

/// Returns the objects that drifted between two runs that wanted `old` and `new`.
fn drifted(present: &str, old: &str, new: &str, failed: &[Object]) -> Vec<String> {
    let program = Program::new(present);
    let plan = program.plan(new);
    let (old, failed) = (wanted(old), failed.iter().copied().collect::<HashSet<_>>());
    let before = drift::Before {
        wanted: &old,
        failed: &failed,
    };
    let steps = drift::drifted(&plan, &wanted(new), &Record::new(), Some(before));
    let object = |index: usize| plan.steps()[index].object().to_string();
    steps.into_iter().map(object).collect()
}

#[test]
fn drift_is_what_differs_although_the_same_is_wanted() {
    let server = |last: u8| format!("{WEB} -r 10.1.0.{last}:80");
    let both = web(&[1, 2]);
    assert_eq!(drifted(&web(&[1]), &both, &both, &[]), [server(2)]);
    assert_eq!(
        drifted(&web(&[1]), &web(&[1]), &both, &[]),
        [""; 0],
        "it is new"
    );
    let heavy = both.replace("10.1.0.2:80 -m", "10.1.0.2:80 -m -w 5");
    assert_eq!(drifted(&both, &heavy, &heavy, &[]), [server(2)]);
    assert_eq!(
        drifted(&both, &both, &heavy, &[]),
        [""; 0],
        "its weight is new"
    );
    let wlc = both.replace("rr", "wlc");
    assert_eq!(drifted(&both, &wlc, &wlc, &[]), [WEB]);
    assert_eq!(
        drifted(&both, &both, &wlc, &[]),
        [""; 0],
        "its scheduler is new"
    );
    // Servers do not differ because their service does.
    assert_eq!(drifted(&web(&[1]), &both, &wlc, &[]), [server(2)]);
    assert_eq!(drifted("", "", &both, &[]), [""; 0], "the service is new");
    let service: ServiceKey = key(WEB);
    let failed = [Object::server(service, "10.1.0.2:80".parse().unwrap())];
    assert_eq!(
        drifted(&web(&[1]), &both, &both, &failed),
        [""; 0],
        "it failed before"
    );
}
