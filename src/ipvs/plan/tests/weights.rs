//! What servers of weight 0, servers that drain already and servers of other programs mean for the
//! plan of a service.

use std::time::Duration;

use super::program::{Program, WEB, key, web};
use crate::ipvs::plan::*;
use crate::ipvs::{ForwardingMethod, Operation, Tunnel};

fn server(last: u8) -> Object {
    Object::server(key(WEB), ([10, 1, 0, last], 80).into())
}

/// Another program adds a server of weight 1.
fn add(program: &mut Program, last: u8) {
    let line = format!("-a {WEB} -r 10.1.0.{last}:80 -m -w 1");
    program.kernel.execute(&line.parse().unwrap()).unwrap();
}

/// Another program removes a server.
fn remove(program: &mut Program, last: u8) {
    let operation = Operation::RemoveServer(key(WEB), server(last).server.unwrap());
    program.kernel.execute(&operation).unwrap();
}

/// Returns true if servers leave only after one has come.
fn waits(program: &Program, wanted: &str) -> bool {
    let plan = program.plan(wanted);
    plan.first().len() < plan.steps().len()
}

#[test]
fn servers_leave_after_others_came_unless_one_has_weight_all_along() {
    let waits = |present: &[(u8, u32)], wanted: &[(u8, u32)]| {
        let program = Program::new(&web("rr", present)).policy(Policy::without_drain());
        waits(&program, &web("rr", wanted))
    };
    assert!(waits(&[(1, 1)], &[(2, 1)]));
    assert!(!waits(&[(1, 1), (2, 1)], &[(2, 1), (3, 1)]));
    // A server that stays has weight only before, or only afterwards.
    assert!(waits(&[(1, 1), (2, 1)], &[(2, 0), (3, 1)]));
    assert!(waits(&[(1, 1), (2, 0)], &[(2, 1)]));
    // There was no server with weight before, or there is none afterwards.
    assert!(!waits(&[(1, 0)], &[(2, 1)]));
    assert!(!waits(&[(1, 1)], &[(2, 0)]));
}

#[test]
fn a_server_of_another_program_keeps_a_service_available_if_it_has_weight() {
    for (weight, expected) in [(1, false), (0, true)] {
        let mut program = Program::new(&web("rr", &[(9, weight)])).scope(Scope::recorded());
        program.apply(&web("rr", &[(1, 1)]));
        let waits = waits(&program, &web("rr", &[(2, 1)]));
        assert_eq!(waits, expected, "weight {weight}");
    }
}

#[test]
fn a_server_that_stays_without_weight_takes_no_clients_over() {
    let present = [(1, 1), (2, 0)];
    let program = Program::new(&web("sh", &present));
    let plan = program.plan(&web("sh", &[(2, 0)]));
    assert_eq!(plan.steps().len(), 1, "no fallback: {plan}");
    let program = Program::new(&web("dh", &present));
    let plan = program.plan(&web("dh", &[(2, 0)]));
    assert_eq!(plan.steps()[0].reason(), Reason::Drains);
}

#[test]
fn only_a_draining_server_that_gets_its_weight_back_returns() {
    let mut program = Program::new(&web("rr", &[(1, 1), (2, 1), (3, 0)]));
    program.apply(&web("rr", &[(2, 1), (3, 0)]));
    let reason = |program: &Program, wanted: &str| program.plan(wanted).steps()[0].reason();
    let back = web("rr", &[(1, 1), (2, 1), (3, 0)]);
    assert_eq!(reason(&program, &back), Reason::Returns);
    // It did not drain.
    let other = web("rr", &[(2, 1), (3, 1)]);
    assert_eq!(reason(&program, &other), Reason::Differs);
    // It keeps its weight 0 and is forwarded to in another way.
    let routed = back.replace("10.1.0.1:80 -m -w 1", "10.1.0.1:80 -g -w 0");
    assert_eq!(reason(&program, &routed), Reason::Differs);
    // Another program gave it a weight.
    let web = program.kernel.services.get_mut(&key(WEB)).unwrap();
    web.servers.iter_mut().for_each(|it| it.config.weight = 5);
    assert_eq!(reason(&program, &back), Reason::Differs);
}

#[test]
fn a_service_that_was_persistent_may_have_templates_still() {
    let mut program = Program::new(&web("rr", &[(1, 1), (2, 1)]));
    let service = program.kernel.services.get_mut(&key(WEB)).unwrap();
    let servers = service.servers.iter_mut();
    servers.for_each(|it| it.connections = (0, 0, 1));
    let plan = program.apply(&web("rr", &[(2, 1)]));
    let warning = Warning::ClientsComeBack { service: key(WEB) };
    assert_eq!(plan.warnings(), [warning]);
    let policy = Policy::new().wait_for(WaitFor::All);
    assert!(program.record.drains().needs_table(&policy));
}

#[test]
fn clients_are_refused_from_the_beginning_of_a_drain_on() {
    let mut program = Program::new(&web("sh", &[(1, 1), (2, 1)]));
    program.planner.policy.set_fallback = false;
    let wanted = web("sh", &[(2, 1)]);
    assert_eq!(program.apply(&wanted).warnings().len(), 1);
    assert_eq!(program.plan(&wanted).warnings(), []);
}

#[test]
fn nothing_drains_where_nothing_leaves() {
    let mut program = Program::new(&web("rr", &[(9, 1)])).scope(Scope::recorded());
    let plan = program.apply(&web("rr", &[(1, 1)]));
    assert_eq!(plan.draining(), []);
    remove(&mut program, 1);
    let plan = program.plan("");
    assert_eq!(plan.left_alone()[0].reason, LeftAloneReason::HoldsOthers);
    assert_eq!(plan.draining(), []);
}

#[test]
fn a_service_with_servers_of_others_is_not_removed() {
    let mut program = Program::new(&web("rr", &[(9, 1)])).scope(Scope::recorded());
    program.planner.policy = Policy::without_drain();
    program.apply(&web("rr", &[(1, 1)]));
    let steps = program.operations("");
    assert_eq!(steps, [format!("-d {WEB} -r 10.1.0.1:80")]);
}

#[test]
fn a_drain_whose_server_is_gone_removes_no_service_that_others_use() {
    let mut program = Program::new("").scope(Scope::recorded());
    program.apply(&web("rr", &[(1, 1)]));
    program.apply("");
    remove(&mut program, 1);
    add(&mut program, 9);
    assert_eq!(program.look(1), [""; 0]);
    assert!(program.record.drains().is_empty());
}

#[test]
fn a_recorded_server_that_is_gone_belongs_to_whoever_adds_it_again() {
    let mut program = Program::new("").scope(Scope::recorded());
    program.apply(&web("rr", &[(1, 1), (2, 1)]));
    remove(&mut program, 2);
    let wanted = web("rr", &[(1, 1)]);
    program.apply(&wanted);
    assert!(!program.record.contains(&server(2)));
    add(&mut program, 2);
    let plan = program.plan(&wanted);
    assert!(plan.is_empty(), "{plan}");
    assert_eq!(plan.left_alone()[0].object, server(2));
}

#[test]
fn a_scheduler_that_selects_servers_of_weight_0_comes_last() {
    let program = Program::new(&web("rr", &[(1, 1), (2, 1)]));
    let steps = [
        format!("-d {WEB} -r 10.1.0.1:80"),
        format!("-E {WEB} -s dh"),
    ];
    assert_eq!(program.operations(&web("dh", &[(2, 1)])), steps);
}

#[test]
fn a_drain_may_be_as_long_as_there_is_time() {
    let mut program = Program::new(&web("rr", &[(1, 1), (2, 1)]));
    let policy = Policy::new()
        .drain_time(Duration::MAX)
        .look_every(Duration::MAX);
    program.planner.policy = policy;
    program.apply(&web("rr", &[(2, 1)]));
    assert_eq!(program.record.drains().iter().count(), 1);
    program.look(1);
    assert_eq!(program.record.drains().iter().count(), 1);
}

/// Over socket options, a tunnel is read as one that is not known.
#[test]
fn a_tunnel_that_is_not_reported_is_taken_for_ip_in_ip() {
    let table = |servers: &[(u8, &str)]| {
        let service = format!("-A {WEB} -s rr\n");
        let servers = servers
            .iter()
            .map(|(last, tunnel)| format!("-a {WEB} -r 10.1.0.{last}:80 -i{tunnel}\n"));
        service + &servers.collect::<String>()
    };
    let both = table(&[(1, ""), (2, "")]);
    let mut program = Program::new(&both);
    for service in program.kernel.services.values_mut() {
        for server in &mut service.servers {
            server.config.forwarding = ForwardingMethod::Tunnel(Tunnel::Unreported);
        }
    }
    assert!(program.operations(&both).is_empty());
    let weight = format!("-e {WEB} -r 10.1.0.2:80 -i -w 3 --tun-type ipip");
    let heavy = table(&[(1, ""), (2, " -w 3")]);
    assert_eq!(program.operations(&heavy), [weight]);
    let gre = table(&[(1, ""), (2, " --tun-type gre")]);
    let to_gre = format!("-e {WEB} -r 10.1.0.2:80 -i -w 1 --tun-type gre --tun-nocsum");
    assert_eq!(program.operations(&gre), [to_gre]);
    let drain = format!("-e {WEB} -r 10.1.0.2:80 -i -w 0 --tun-type ipip");
    assert_eq!(program.operations(&table(&[(1, "")])), [drain]);
}
