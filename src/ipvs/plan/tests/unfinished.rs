//! What is known after a plan that was carried out in part.

use std::collections::HashSet;

use super::program::{Program, WEB, key, now, web};
use crate::ipvs::plan::drift::{Before, drifted};
use crate::ipvs::plan::*;

#[test]
fn a_service_that_could_not_be_added_is_not_recorded() {
    let mut program = Program::new("").scope(Scope::recorded());
    let plan = program.plan(&web("rr", &[(1, 1)]));
    program.record.begin(&plan, now());
    program.record.settle(&plan, |_| StepResult::Failed);
    assert!(!program.record.contains(&Object::service(key(WEB))));
    assert_eq!(program.record, Record::new());
}

#[test]
fn a_server_is_recorded_once_it_was_added() {
    let mut program = Program::new("").scope(Scope::recorded());
    program.apply(&web("rr", &[(1, 1)]));
    let server = Object::server(key(WEB), "10.1.0.2:80".parse().unwrap());
    let plan = program.plan(&web("rr", &[(1, 1), (2, 1)]));
    program.record.begin(&plan, now());
    assert!(!program.record.contains(&server), "it is being added");
    let mut failed = program.record.clone();
    failed.settle(&plan, |_| StepResult::Failed);
    assert!(!failed.contains(&server));
    program.record.settle(&plan, |_| StepResult::Succeeded);
    assert!(program.record.contains(&server));
}

#[test]
fn a_service_that_only_loses_servers_is_not_recorded() {
    let mut program = Program::new(&web("rr", &[(1, 1)]));
    let plan = program.plan("");
    program.record.begin(&plan, now());
    assert_eq!(program.drains(), [format!("{WEB} -r 10.1.0.1:80")]);
    assert!(!program.record.contains(&Object::service(key(WEB))));
}

#[test]
fn a_plan_that_lacks_steps_has_none_to_carry_out_after_others() {
    let program = Program::new(&web("rr", &[(1, 1)])).policy(Policy::without_drain());
    let mut plan = program.plan(&web("rr", &[(2, 1)]));
    assert_eq!(plan.second(|_| true).go, [1]);
    plan.steps.pop();
    assert!(plan.second(|_| true).go.is_empty());
    assert_eq!(plan.first(), [0]);
}

#[test]
fn the_services_of_which_a_record_says_something_else_are_known() {
    let mut program = Program::new(&web("rr", &[(1, 1), (2, 1)]));
    assert!(program.record.service(key(WEB)).is_empty());
    program.apply(&web("rr", &[(2, 1)]));
    assert!(!program.record.service(key(WEB)).is_empty());
    let mut none = recorded::Changes::since(&program.record);
    assert!(none.services(&program.record).is_empty());
    // The drain ends.
    let mut ended = recorded::Changes::since(&program.record);
    let end = crate::ipvs::Operation::RemoveServer(key(WEB), "10.1.0.1:80".parse().unwrap());
    program.record.done(&end);
    assert!(ended.services(&program.record).contains(&key(WEB)));
    let mut entered = recorded::Changes::since(&Record::new());
    entered.enter(&end);
    assert!(entered.services(&Record::new()).contains(&key(WEB)));
}

#[test]
fn each_service_is_recorded_by_what_became_of_its_own_steps() {
    let other = "-t 10.0.0.2:80";
    let mut program = Program::new("").scope(Scope::recorded());
    let plan = program.plan(&(web("rr", &[(1, 1)]) + &web("rr", &[(1, 1)]).replace(WEB, other)));
    program.record.begin(&plan, now());
    let result = |index: usize| match *plan.steps()[index].service() == key(WEB) {
        true => StepResult::Succeeded,
        false => StepResult::Failed,
    };
    program.record.settle(&plan, result);
    assert!(program.record.contains(&Object::service(key(WEB))));
    assert!(!program.record.contains(&Object::service(key(other))));
}

#[test]
fn a_change_in_doubt_leaves_the_record_as_it_was() {
    let mut program = Program::new("").scope(Scope::recorded());
    program.apply(&web("rr", &[(1, 1)]));
    let before = program.record.clone();
    let plan = program.plan(&web("rr", &[(1, 2)]));
    assert_eq!(plan.steps().len(), 1);
    program.record.begin(&plan, now());
    program.record.settle(&plan, |_| StepResult::InDoubt);
    assert_eq!(program.record, before);
}

#[test]
fn a_drain_goes_on_if_the_server_could_not_return() {
    let both = web("rr", &[(1, 1), (2, 1)]);
    let mut program = Program::new(&both);
    program.apply(&web("rr", &[(2, 1)]));
    let plan = program.plan(&both);
    assert_eq!(plan.steps()[0].reason(), Reason::Returns);
    program.record.begin(&plan, now());
    program.record.settle(&plan, |_| StepResult::Failed);
    assert_eq!(program.drains(), [format!("{WEB} -r 10.1.0.1:80")]);
    program.record.settle(&plan, |_| StepResult::Succeeded);
    assert!(program.drains().is_empty());
}

#[test]
fn a_new_server_without_weight_replaces_none() {
    let program = Program::new(&web("rr", &[(1, 1), (2, 1)]));
    let plan = program.plan(&web("rr", &[(3, 0), (4, 1)]));
    assert_eq!(plan.first(), [0, 1]);
    let comes = |address: &str| {
        let operations = plan.steps().iter().map(|it| it.operation().to_string());
        let mut operations = operations.map(|it| it.contains(address));
        operations.position(|it| it).unwrap()
    };
    let (without, with) = (comes("10.1.0.3"), comes("10.1.0.4"));
    assert_eq!(plan.second(|step| step == without).stay, [2, 3]);
    assert_eq!(plan.second(|step| step == with).go, [2, 3]);
}

#[test]
fn a_fallback_flag_that_is_taken_back_is_no_drift() {
    let both = web("sh", &[(1, 1), (2, 1)]);
    let mut program = Program::new(&both);
    let wanted_before = web("sh", &[(2, 1)]);
    program.apply(&wanted_before);
    // The server returns, and the service loses the flag.
    let plan = program.plan(&both);
    assert_eq!(plan.steps().len(), 2);
    let (before, wanted): (WantedTable, WantedTable) =
        (wanted_before.parse().unwrap(), both.parse().unwrap());
    let failed = HashSet::new();
    let before = Before {
        wanted: &before,
        failed: &failed,
    };
    assert!(drifted(&plan, &wanted, &program.record, Some(before)).is_empty());
}
