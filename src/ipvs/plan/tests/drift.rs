//! What counts as a change by another program.

use std::collections::HashSet;

use super::program::{Program, key, service};
use crate::ipvs::plan::drift::{Before, drifted};
use crate::ipvs::plan::*;

const WEB: &str = "-t 10.0.0.1:80";
const DNS: &str = "-u 10.0.0.1:53";

/// Returns the steps against drift if only the record says what was there before.
fn by_record(program: &Program, wanted: &str) -> Vec<String> {
    against(program, None, wanted)
}

/// Returns the steps against drift if the table was brought to `before`.
fn since(program: &Program, before: &str, wanted: &str) -> Vec<String> {
    let before = Before {
        wanted: &before.parse().unwrap(),
        failed: &HashSet::new(),
    };
    against(program, Some(before), wanted)
}

fn against(program: &Program, before: Option<Before<'_>>, wanted: &str) -> Vec<String> {
    let plan = program.plan(wanted);
    let steps = drifted(&plan, &wanted.parse().unwrap(), &program.record, before);
    let step = |it: &usize| plan.steps()[*it].operation().to_string();
    steps.iter().map(step).collect()
}

#[test]
fn the_record_shows_what_was_applied_and_is_missing() {
    let both = service(WEB, "-s rr", &[1, 2]);
    let mut program = Program::new("").scope(Scope::recorded());
    assert!(by_record(&program, &both).is_empty(), "a first call");
    program.apply(&both);
    let three = service(WEB, "-s rr", &[1, 2, 3]);
    assert!(by_record(&program, &three).is_empty(), "it is newly wanted");
    let web = program.kernel.services.get_mut(&key(WEB)).unwrap();
    web.servers
        .retain(|it| !it.config.address.to_string().starts_with("10.1.0.2"));
    assert_eq!(
        by_record(&program, &three),
        [format!("-a {WEB} -r 10.1.0.2:80 -m -w 1")]
    );
}

#[test]
fn the_record_shows_a_draining_server_that_got_a_weight() {
    let mut program = Program::new(&service(WEB, "-s rr", &[1, 2, 3]));
    let one = service(WEB, "-s rr", &[3]);
    program.apply(&service(WEB, "-s rr", &[2, 3]));
    let web = program.kernel.services.get_mut(&key(WEB)).unwrap();
    web.servers.iter_mut().for_each(|it| it.config.weight = 1);
    // The second server drains from now on, as it is wanted.
    assert_eq!(
        by_record(&program, &one),
        [format!("-e {WEB} -r 10.1.0.1:80 -m -w 0")]
    );
}

#[test]
fn the_flag_that_a_service_gets_while_a_server_drains_is_no_drift() {
    let both = service(WEB, "-s sh", &[1, 2]);
    let program = Program::new(&both);
    let one = service(WEB, "-s sh", &[2]);
    assert_eq!(program.plan(&one).steps()[0].reason(), Reason::Fallback);
    assert!(since(&program, &both, &one).is_empty());
}

#[test]
fn each_service_is_compared_with_what_was_wanted_of_it() {
    let old = service(WEB, "-s rr", &[2]) + &service(DNS, "-s rr", &[1, 2]);
    let new = service(WEB, "-s rr", &[1, 2]) + &service(DNS, "-s rr", &[1, 2]);
    let present = service(WEB, "-s rr", &[2]) + &service(DNS, "-s rr", &[2]);
    let program = Program::new(&present);
    assert_eq!(program.plan(&new).steps().len(), 2);
    assert_eq!(
        since(&program, &old, &new),
        [format!("-a {DNS} -r 10.1.0.1:80 -m -w 1")]
    );
}
