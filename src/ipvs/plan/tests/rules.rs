//! The rules of plans and drains, one by one.

use std::time::Duration;

use super::model::Connections;
use super::program::{Program, key, now, service};
use crate::ipvs::plan::*;
use crate::ipvs::{Operation, Scheduler};

const WEB: &str = "-t 10.0.0.1:80";

fn web(servers: &[u8]) -> String {
    service(WEB, "-s rr", servers)
}

#[test]
fn new_servers_come_before_old_ones_go() {
    let program = Program::new(&web(&[1, 2, 3]));
    let wanted = "\
        -A -t 10.0.0.1:80 -s wlc\n\
        -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 0\n\
        -a -t 10.0.0.1:80 -r 10.1.0.3:80 -g -w 5\n\
        -a -t 10.0.0.1:80 -r 10.1.0.4:80 -m\n";
    let steps = [
        "-E -t 10.0.0.1:80 -s wlc",
        "-a -t 10.0.0.1:80 -r 10.1.0.4:80 -m -w 1",
        "-e -t 10.0.0.1:80 -r 10.1.0.3:80 -g -w 5",
        "-e -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 0",
        "-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0",
    ];
    assert_eq!(program.operations(wanted), steps);
    let at_once = program.policy(Policy::without_drain());
    let last = at_once.operations(wanted).pop();
    assert_eq!(last.unwrap(), "-d -t 10.0.0.1:80 -r 10.1.0.1:80");
}

#[test]
fn new_services_come_before_others_go() {
    let program = Program::new(&web(&[1])).policy(Policy::without_drain());
    let wanted = service("-u 10.0.0.9:53", "-s rr", &[1]);
    let steps = [
        "-A -u 10.0.0.9:53 -s rr",
        "-a -u 10.0.0.9:53 -r 10.1.0.1:80 -m -w 1",
        "-D -t 10.0.0.1:80",
    ];
    assert_eq!(program.operations(&wanted), steps);
}

#[test]
fn a_drained_server_is_removed_when_its_last_connection_ends() {
    let mut program = Program::new(&web(&[1, 2]));
    let plan = program.apply(&web(&[2]));
    assert_eq!(plan.steps()[0].reason(), Reason::Drains);
    assert_eq!(plan.counts().servers_drained, 1);
    assert!(program.look(0).is_empty());
    program.end_connections(WEB, "10.1.0.1:80");
    assert_eq!(program.look(5), ["-d -t 10.0.0.1:80 -r 10.1.0.1:80"]);
    assert!(program.record.drains().is_empty());
    assert!(
        !program
            .record
            .contains(&Object::server(key(WEB), "10.1.0.1:80".parse().unwrap()))
    );
    assert_eq!(program.kernel.cut, 0);
}

#[test]
fn a_drain_ends_when_its_time_is_up() {
    let mut program = Program::new(&web(&[1, 2]));
    program.planner.policy.drain_time = Duration::from_secs(60);
    program.apply(&web(&[2]));
    assert!(program.look(60).is_empty()); // deadlines are whole seconds, rounded up
    assert_eq!(program.look(61), ["-d -t 10.0.0.1:80 -r 10.1.0.1:80"]);
    assert_eq!(program.kernel.cut, 1);
}

#[test]
fn a_look_says_when_to_look_again_and_what_is_cut() {
    let mut program = Program::new(&web(&[1, 2]));
    let policy = Policy::new().drain_time(Duration::from_secs(10));
    let policy = policy.look_every(Duration::from_secs(4));
    program.planner.policy = policy.clone();
    program.apply(&web(&[2]));
    let snapshot = program.kernel.snapshot();
    let mut look = |seconds| {
        let time = now() + Duration::from_secs(seconds);
        program
            .record
            .look(&policy, Reading::Snapshot(&snapshot), time)
    };
    let second = Duration::from_secs(1);
    assert_eq!(look(0).next, Some(now() + 4 * second));
    assert_eq!(look(8).next, Some(now() + 10 * second + second / 2));
    let last = look(11);
    assert_eq!(last.cut.len(), 1);
    assert_eq!(last.cut[0].connections, 1);
    // It was not carried out, so it is to be done again.
    assert_eq!(look(12).operations, last.operations);
    program.record.done(&last.operations[0]);
    assert!(program.record.drains().is_empty());
}

#[test]
fn connections_that_a_drain_waits_for() {
    let ends = |wait_for, connections: Connections, persistent: bool| {
        let options = if persistent { "-s rr -p 300" } else { "-s rr" };
        let (present, wanted) = (service(WEB, options, &[1, 2]), service(WEB, options, &[2]));
        let mut program = Program::new(&present).policy(Policy::new().wait_for(wait_for));
        program.apply(&wanted);
        let service = program.kernel.services.get_mut(&key(WEB)).unwrap();
        for server in &mut service.servers {
            server.connections = connections;
        }
        let needs_table = program.record.drains().needs_table(&program.planner.policy);
        let by_snapshot = program.look(1).len();
        (
            needs_table,
            by_snapshot,
            by_snapshot + program.look_whole(1).len(),
        )
    };
    assert_eq!(ends(WaitFor::Active, (0, 1, 1), true), (false, 1, 1));
    assert_eq!(ends(WaitFor::Active, (1, 0, 0), true), (false, 0, 0));
    assert_eq!(
        ends(WaitFor::ActiveAndInactive, (0, 1, 0), true),
        (false, 0, 0)
    );
    assert_eq!(
        ends(WaitFor::ActiveAndInactive, (0, 0, 1), true),
        (false, 1, 1)
    );
    assert_eq!(ends(WaitFor::All, (0, 0, 1), true), (true, 0, 0));
    // A snapshot does not show templates.
    assert_eq!(ends(WaitFor::All, (0, 0, 0), true), (true, 0, 1));
    assert_eq!(ends(WaitFor::All, (0, 0, 0), false), (false, 1, 1));
}

#[test]
fn udp_is_removed_at_once_unless_asked_otherwise() {
    let dns = |servers: &[u8]| service("-u 10.0.0.1:53", "-s rr", servers);
    let program = Program::new(&dns(&[1, 2]));
    let plan = program.plan(&dns(&[2]));
    assert_eq!(plan.steps()[0].reason(), Reason::Unwanted(AtOnce::Udp));
    assert!(matches!(
        plan.steps()[0].operation(),
        Operation::RemoveServer(..)
    ));
    let program = program.policy(Policy::new().drain_udp(true));
    assert_eq!(program.plan(&dns(&[2])).steps()[0].reason(), Reason::Drains);
}

#[test]
fn one_packet_is_removed_at_once() {
    let reason = |key: &str| {
        let of = |servers: &[u8]| service(key, "-s rr -o", servers);
        let program = Program::new(&of(&[1, 2])).policy(Policy::new().drain_udp(true));
        program.plan(&of(&[2])).steps()[0].reason()
    };
    let at_once = Reason::Unwanted(AtOnce::OnePacket);
    assert_eq!(reason("-u 10.0.0.1:53"), at_once);
    assert_eq!(reason("-f 7"), at_once);
    // The kernel schedules only UDP packets one by one.
    assert_eq!(reason(WEB), Reason::Drains);
}

#[test]
fn destination_hashing_is_removed_at_once_with_a_warning() {
    let of = |servers: &[u8]| service(WEB, "-s dh", servers);
    let program = Program::new(&of(&[1, 2]));
    let plan = program.plan(&of(&[2]));
    assert_eq!(
        plan.steps()[0].reason(),
        Reason::Unwanted(AtOnce::Scheduler)
    );
    let warning = Warning::CannotDrain {
        service: key(WEB),
        scheduler: Scheduler::DestinationHashing,
        connections: 1,
    };
    assert!(plan.warnings().contains(&warning));
    // Without another server, nobody is refused who would not be anyway.
    assert_eq!(program.plan(&of(&[])).steps()[0].reason(), Reason::Drains);
    assert_eq!(program.plan("").steps()[0].reason(), Reason::Drains);
}

#[test]
fn hashing_schedulers_get_their_fallback_flag_for_the_time_of_a_drain() {
    for (scheduler, flag) in [("sh", "sh-fallback"), ("mh", "mh-fallback")] {
        let of = |servers: &[u8]| service(WEB, &format!("-s {scheduler} -b flag-2"), servers);
        let mut program = Program::new(&of(&[1, 2, 3]));
        let plan = program.apply(&of(&[2]));
        assert_eq!(plan.steps()[0].reason(), Reason::Fallback);
        let first = plan.steps()[0].operation().to_string();
        assert!(first.starts_with("-E") && first.contains(flag), "{first}");
        assert!(
            plan.warnings()
                .iter()
                .all(|it| !matches!(it, Warning::RefusesClients { .. }))
        );

        program.end_connections(WEB, "10.1.0.1:80");
        assert_eq!(program.look(1), ["-d -t 10.0.0.1:80 -r 10.1.0.1:80"]);
        assert!(program.plan(&of(&[2])).is_empty());
        program.end_connections(WEB, "10.1.0.3:80");
        let last = format!("-E -t 10.0.0.1:80 -s {scheduler} -b {scheduler}-port");
        let steps = ["-d -t 10.0.0.1:80 -r 10.1.0.3:80".to_owned(), last];
        assert_eq!(program.look(2), steps);
        assert!(program.plan(&of(&[2])).is_empty() && program.record.drains().is_empty());
    }
}

#[test]
fn a_fallback_flag_is_taken_back_when_the_server_returns() {
    let of = |servers: &[u8]| service(WEB, "-s sh", servers);
    let mut program = Program::new(&of(&[1, 2]));
    program.apply(&of(&[2]));
    let steps = [
        "-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1",
        "-E -t 10.0.0.1:80 -s sh",
    ];
    assert_eq!(program.operations(&of(&[1, 2])), steps);
    program.apply(&of(&[1, 2]));
    assert!(program.record.drains().is_empty());
}

#[test]
fn a_fallback_flag_is_set_only_where_it_helps() {
    let of = |flags: &str, servers: &[u8]| service(WEB, &format!("-s sh{flags}"), servers);
    let fallback = " -b sh-fallback";
    let program = Program::new(&of(fallback, &[1, 2]));
    let steps = program.operations(&of(fallback, &[2]));
    assert_eq!(steps, ["-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0"]);
    // No server is left that could take the clients.
    let program = Program::new(&of("", &[1]));
    assert_eq!(program.operations(&of("", &[])).len(), 1);
    assert_eq!(program.operations("").len(), 1);
    // The policy forbids it.
    let program = Program::new(&of("", &[1, 2])).policy(Policy::new().set_fallback(false));
    let plan = program.plan(&of("", &[2]));
    assert_eq!(plan.steps().len(), 1);
    let warning = Warning::RefusesClients {
        service: key(WEB),
        scheduler: Scheduler::SourceHashing,
    };
    assert_eq!(plan.warnings(), [warning]);
}

#[test]
fn a_drain_of_a_persistent_service_has_a_warning() {
    let of = |servers: &[u8]| service(WEB, "-s rr -p 300", servers);
    let mut program = Program::new(&of(&[1, 2]));
    let warning = Warning::ClientsComeBack { service: key(WEB) };
    assert_eq!(program.plan(&of(&[2])).warnings(), [warning]);
    program.planner.expire_quiescent_template = true;
    assert_eq!(program.plan(&of(&[2])).warnings(), []);
}

#[test]
fn a_server_that_returns_gets_its_weight_back() {
    let mut program = Program::new(&web(&[1, 2]));
    program.apply(&web(&[2]));
    let plan = program.apply(&web(&[1, 2]));
    assert_eq!(plan.steps().len(), 1);
    assert_eq!(plan.steps()[0].reason(), Reason::Returns);
    assert!(program.record.drains().is_empty());
    assert_eq!(program.kernel.cut, 0);
}

#[test]
fn a_kept_weight_is_whatever_it_is() {
    let wanted = "\
        -A -t 10.0.0.1:80 -s rr\n\
        -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 7 --keep-weight\n";
    let mut program = Program::new("-A -t 10.0.0.1:80 -s rr");
    program.apply(wanted);
    let set = |program: &mut Program, weight: u32| {
        let service = program.kernel.services.get_mut(&key(WEB)).unwrap();
        assert_eq!(service.servers[0].config.weight, 7);
        service.servers[0].config.weight = weight;
    };
    set(&mut program, 0);
    assert!(program.plan(wanted).is_empty());
    // Another field changes and the weight stays.
    let changed = wanted.replace("-w 7", "-w 9 -x 10");
    let change = "-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0 -x 10";
    assert_eq!(program.operations(&changed), [change]);
}

#[test]
fn a_kept_weight_comes_back_from_a_drain() {
    let with = "\
        -A -t 10.0.0.1:80 -s rr\n\
        -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 7 --keep-weight\n";
    let without = "-A -t 10.0.0.1:80 -s rr\n";
    let mut program = Program::new(&with.replace("-w 7 --keep-weight", "-w 3"));
    program.apply(without);
    let back = "-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 3";
    assert_eq!(program.operations(with), [back]);
    // Another program gives it a weight, and it drains again.
    program.kernel.services.get_mut(&key(WEB)).unwrap().servers[0]
        .config
        .weight = 5;
    assert!(program.plan(with).is_empty());
    program.apply(without);
    assert_eq!(program.operations(with), [back.replace("-w 3", "-w 5")]);
    // It is known as soon as the record was saved, whatever happened then.
    let mut killed = Program::new(&with.replace("-w 7 --keep-weight", "-w 3"));
    let plan = killed.plan(without);
    killed.record.begin(&plan, now());
    killed.kernel.execute(plan.steps()[0].operation()).unwrap();
    assert_eq!(killed.operations(with), [back]);
    // Without the record, nobody knows.
    program.record = Record::new();
    assert!(program.plan(with).is_empty());
}

#[test]
fn drains_go_on_after_a_restart() {
    let mut program = Program::new(&web(&[1, 2]));
    program.planner.policy.drain_time = Duration::from_secs(60);
    program.apply(&web(&[2]));
    let deadline = |program: &Program| program.record.drains().iter().next().unwrap().1;
    let first = deadline(&program);
    // With the record: the deadline stays.
    let plan = program.plan(&web(&[2]));
    program.record.begin(&plan, now() + Duration::from_secs(30));
    program.record.settle(&plan, |_| StepResult::Succeeded);
    assert_eq!(deadline(&program), first);
    // Without it: weight 0 and not wanted is draining from now on.
    program.record = Record::new();
    program.record.begin(&plan, now() + Duration::from_secs(30));
    assert_eq!(deadline(&program), first + Duration::from_secs(30));
    assert!(program.look(89).is_empty());
    assert_eq!(program.look(91).len(), 1);
}

#[test]
fn drains_of_a_service_that_left_the_scope_go_on() {
    let mut program = Program::new(&web(&[1, 2, 3]));
    program.apply(&web(&[3]));
    program.kernel.services.get_mut(&key(WEB)).unwrap().servers[1]
        .config
        .weight = 1;
    let mut program = program.scope("10.0.0.2".parse().unwrap());
    assert!(program.apply("").is_empty());
    // The second server has a weight again, so whoever gave it one keeps it.
    assert_eq!(program.drains(), [format!("{WEB} -r 10.1.0.1:80")]);
    program.end_connections(WEB, "10.1.0.1:80");
    assert_eq!(program.look(5), [format!("-d {WEB} -r 10.1.0.1:80")]);
}

#[test]
fn a_clock_that_jumps_back_makes_no_drain_longer() {
    let mut program = Program::new(&web(&[1, 2]));
    let plan = program.plan(&web(&[2]));
    program
        .record
        .begin(&plan, now() + Duration::from_secs(1_000_000));
    program.kernel.execute(plan.steps()[0].operation()).unwrap();
    assert!(program.look(0).is_empty());
    assert_eq!(program.look(601).len(), 1);
}

#[test]
fn what_another_program_removed_is_forgotten() {
    let mut program = Program::new(&(web(&[1, 2]) + &service("-t 10.0.0.2:80", "-s rr", &[1])));
    program.apply(&web(&[2]));
    assert_eq!(program.drains().len(), 2);
    let drained = Operation::RemoveServer(key(WEB), "10.1.0.1:80".parse().unwrap());
    program.kernel.execute(&drained).unwrap();
    let other = Operation::RemoveService(key("-t 10.0.0.2:80"));
    program.kernel.execute(&other).unwrap();
    assert!(program.look(1).is_empty());
    assert!(program.record.drains().is_empty());
    // What was recorded and is gone is no longer recorded.
    assert!(program.record.contains(&Object::service(key(WEB))));
    program
        .kernel
        .execute(&Operation::RemoveService(key(WEB)))
        .unwrap();
    program.apply("");
    assert!(!program.record.contains(&Object::service(key(WEB))));
}

#[test]
fn a_service_that_is_no_longer_wanted_drains_and_goes_with_its_last_server() {
    let mut program = Program::new(&web(&[1, 2]));
    let plan = program.apply("");
    assert_eq!(plan.counts().servers_drained, 2);
    program.end_connections(WEB, "10.1.0.1:80");
    assert_eq!(program.look(1), ["-d -t 10.0.0.1:80 -r 10.1.0.1:80"]);
    program.end_connections(WEB, "10.1.0.2:80");
    assert_eq!(program.look(2), ["-D -t 10.0.0.1:80"]);
    assert!(program.record.drains().is_empty());
}

#[test]
fn a_service_that_another_program_uses_meanwhile_stays() {
    let mut program = Program::new(&web(&[1])).scope(Scope::recorded());
    program.apply(&web(&[1]));
    program.apply("");
    let server = "-a -t 10.0.0.1:80 -r 10.1.0.9:80 -m".parse().unwrap();
    program.kernel.execute(&server).unwrap();
    assert_eq!(program.look(601), ["-d -t 10.0.0.1:80 -r 10.1.0.1:80"]);
    assert!(program.record.drains().is_empty());
    let plan = program.plan("");
    assert!(plan.is_empty());
    assert_eq!(plan.left_alone()[0].reason, LeftAloneReason::HoldsOthers);
}

#[test]
fn a_service_is_cut_if_that_is_the_policy() {
    let program = Program::new(&web(&[1])).policy(Policy::new().drain_unwanted_services(false));
    assert_eq!(program.operations(""), ["-D -t 10.0.0.1:80"]);
    let empty = Program::new(&web(&[]));
    assert_eq!(
        empty.plan("").steps()[0].reason(),
        Reason::Unwanted(AtOnce::Empty)
    );
}

#[test]
fn the_default_scope_removes_no_service() {
    let others = service("-t 10.0.0.2:80", "-s rr", &[1]);
    let program = Program::new(&(web(&[1, 2]) + &others)).scope(Scope::default());
    // A service that is wanted belongs to the program with all its servers.
    let steps = program.operations(&web(&[2]));
    assert_eq!(steps, ["-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0"]);
    assert!(program.plan("").is_empty());
}

#[test]
fn what_is_outside_of_the_scope_is_left_alone_with_a_warning() {
    let program = Program::new("").scope("10.0.0.2".parse().unwrap());
    let plan = program.plan(&web(&[1]));
    assert!(plan.is_empty());
    let service = key(WEB);
    assert_eq!(plan.warnings(), [Warning::OutsideScope { service }]);
    assert_eq!(plan.left_alone()[0].object, Object::service(service));
}

#[test]
fn only_what_was_recorded_is_removed() {
    let mut program = Program::new(&web(&[1])).scope(Scope::recorded());
    let plan = program.apply(&web(&[2]));
    assert_eq!(plan.counts().servers_added, 1);
    assert_eq!(plan.steps().len(), 1);
    let foreign = Object::server(key(WEB), "10.1.0.1:80".parse().unwrap());
    assert_eq!(plan.left_alone()[0].object, foreign);
    assert_eq!(plan.left_alone()[0].reason, LeftAloneReason::NotRecorded);
    let plan = program.apply(&web(&[3]));
    assert_eq!(plan.counts().servers_drained, 1);
    assert!(
        program.kernel.services[&key(WEB)]
            .server(foreign.server.unwrap())
            .is_some()
    );
}

#[test]
fn what_is_there_already_is_adopted() {
    let mut program = Program::new(&web(&[1, 2]));
    let plan = program.apply(&web(&[1]));
    let first = Object::server(key(WEB), "10.1.0.1:80".parse().unwrap());
    assert_eq!(plan.adopted(), [Object::service(key(WEB)), first]);
    assert!(program.record.contains(&first));
    assert!(program.plan(&web(&[1])).adopted().is_empty());
}

#[test]
fn many_removals_have_a_warning() {
    let program = Program::new(&web(&[1, 2, 3, 4]));
    let many = |wanted: &str, program: &Program| {
        let plan = program.plan(wanted);
        plan.warnings()
            .iter()
            .any(|it| matches!(it, Warning::ManyRemovals { .. }))
    };
    assert!(!many(&web(&[1, 2]), &program));
    assert!(many(&web(&[1]), &program));
    assert!(many("", &program));
    let program = program.policy(Policy::without_drain().warn_above_percent(80));
    assert!(!many(&web(&[1]), &program));
    let warning = Warning::ManyRemovals {
        removed: 4,
        present: 4,
    };
    assert_eq!(program.plan("").warnings(), [warning]);
    let program = program.policy(Policy::without_drain().warn_above_percent(100));
    assert!(!many("", &program));
}

#[test]
fn overlaps_have_a_warning_when_they_begin() {
    let every_port = service("-t 10.0.0.1:0", "-s rr -p 300", &[1]);
    let mark = service("-f 7", "-s rr", &[1]);
    let others = service("-u 10.0.0.1:80", "-s rr", &[1]) + &service("-f 7 -6", "-s rr", &[]);
    let plan = Program::new(&every_port).plan(&(every_port.clone() + &web(&[1]) + &others));
    let port = Warning::OverlapsEveryPort {
        service: key(WEB),
        every_port: key("-t 10.0.0.1:0"),
    };
    assert_eq!(plan.warnings(), [port]);
    let plan = Program::new("").plan(&(every_port.clone() + &web(&[1])));
    assert_eq!(
        plan.warnings().len(),
        1,
        "a service does not overlap itself"
    );
    let both = every_port.clone() + &web(&[1]);
    assert!(Program::new(&both).plan(&both).warnings().is_empty());
    let only_one =
        Program::new(&every_port).policy(Policy::without_drain().warn_above_percent(100));
    assert!(only_one.plan(&web(&[1])).warnings().is_empty());

    let overlap = Warning::OverlapsMark {
        mark: key("-f 7"),
        service: key(WEB),
    };
    let plan = Program::new(&mark).plan(&(web(&[1]) + &mark));
    assert_eq!(plan.warnings(), std::slice::from_ref(&overlap));
    let plan = Program::new(&web(&[1])).plan(&(web(&[1]) + &mark));
    assert_eq!(plan.warnings(), std::slice::from_ref(&overlap));
    let web6 = service("-t [fd00::1]:80", "-s rr", &[]);
    let marks = mark + &service("-f 7 -6", "-s rr", &[]);
    let plan = Program::new(&(web(&[1]) + &web6)).plan(&(web(&[1]) + &web6 + &marks));
    let overlap6 = Warning::OverlapsMark {
        mark: key("-f 7 -6"),
        service: key("-t [fd00::1]:80"),
    };
    assert_eq!(plan.warnings(), [overlap, overlap6]);
}

#[test]
fn a_mark_of_both_families_is_told_apart_by_its_servers() {
    let v6 = |servers: &[u8]| {
        let mut text = "-A -f 7 -6 -s rr\n".to_owned();
        for server in servers {
            text += &format!("-a -f 7 -6 -r [fd01::{server}]:80 -m\n");
        }
        text
    };
    let mut program = Program::new(&(service("-f 7", "-s rr", &[1]) + &v6(&[1, 2])));
    program.apply(&(service("-f 7", "-s rr", &[1]) + &v6(&[2])));
    assert_eq!(program.drains(), ["-f 7 -6 -r [fd01::1]:80"]);
    assert!(program.look(1).is_empty());
    program.end_connections("-f 7 -6", "[fd01::1]:80");
    assert_eq!(program.look(2), ["-d -f 7 -6 -r [fd01::1]:80"]);
}

#[test]
fn flags_schedulers_and_methods_that_are_unknown_pass_through_changes() {
    let odd = |weight: u32| {
        format!(
            "-A {WEB} -s odd -b 0x80001000 --pe odd -p 5\n\
             -a {WEB} -r 10.1.0.1:80 --forward 6 -w {weight}\n\
             -a {WEB} -r 10.1.0.2:80 -i -w 1 --tun-type 9 --tun-port 3 --tun-flags 0x80\n"
        )
    };
    let mut program = Program::new(&odd(3));
    let one = odd(3).lines().take(2).collect::<Vec<_>>().join("\n");
    let plan = program.apply(&one);
    let drained = "-r 10.1.0.2:80 -i -w 0 --tun-type 9 --tun-port 3 --tun-flags 0x80";
    assert_eq!(
        plan.steps()[0].operation().to_string(),
        format!("-e {WEB} {drained}")
    );
    let steps = Program::new(&odd(3)).operations(&odd(4));
    assert_eq!(steps, [format!("-e {WEB} -r 10.1.0.1:80 --forward 6 -w 4")]);
}

#[test]
fn the_old_servers_stay_until_a_new_one_has_come() {
    // Two servers replace two others: both come before the others drain.
    let program = Program::new(&web(&[1, 2]));
    let plan = program.plan(&web(&[3, 4]));
    assert_eq!(plan.steps().len(), 4);
    assert_eq!(plan.first(), [0, 1]);
    let second = |succeeded: &[usize]| plan.second(|step| succeeded.contains(&step));
    for succeeded in [&[0][..], &[1], &[0, 1]] {
        assert_eq!(second(succeeded).go, [2, 3]);
        assert!(second(succeeded).stay.is_empty());
    }
    assert_eq!(second(&[]).stay, [2, 3]);
    assert!(second(&[]).go.is_empty());
    // A server that stays is enough.
    let plan = program.plan(&web(&[2, 3]));
    assert_eq!(plan.first(), [0, 1]);
    // A new server of weight 0 gets no connections, and the old ones leave as wanted.
    let mut wanted = web(&[]);
    wanted += "-a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 0\n";
    assert_eq!(program.plan(&wanted).first(), [0, 1, 2]);
}

#[test]
fn a_drain_that_did_not_begin_does_not_end() {
    let mut program = Program::new(&web(&[1]));
    let plan = program.plan(&web(&[2]));
    program.record.begin(&plan, now());
    program.record.settle(&plan, |_| StepResult::Failed);
    assert!(program.drains().is_empty());
    assert!(program.look(601).is_empty());
    // If it is in doubt, the server may have weight 0.
    program.record.begin(&plan, now());
    program.record.settle(&plan, |_| StepResult::InDoubt);
    assert_eq!(program.drains(), ["-t 10.0.0.1:80 -r 10.1.0.1:80"]);
}

#[test]
fn what_was_perhaps_added_belongs_to_the_program_if_it_is_there() {
    let wanted = web(&[1]) + &service("-t 10.0.0.2:80", "-s rr", &[1]);
    let mut program = Program::new(&web(&[])).scope(Scope::recorded());
    let plan = program.plan(&wanted);
    program.record.begin(&plan, now());
    // The kernel added the first server, and nothing of the second service.
    program.kernel.execute(plan.steps()[0].operation()).unwrap();
    program.record.settle(&plan, |_| StepResult::InDoubt);
    let server = |service: &str| Object::server(key(service), "10.1.0.1:80".parse().unwrap());
    assert!(!program.record.contains(&server(WEB)));
    let plan = program.apply(&web(&[]));
    assert_eq!(plan.counts().servers_drained, 1, "{plan}");
    let second = key("-t 10.0.0.2:80");
    assert!(!program.record.contains(&Object::service(second)));
    // What is known to have failed does not, because it is another program's if it is there.
    let mut program = Program::new(&web(&[])).scope(Scope::recorded());
    let plan = program.plan(&wanted);
    program.record.begin(&plan, now());
    program.kernel.execute(plan.steps()[0].operation()).unwrap();
    program.record.settle(&plan, |_| StepResult::Failed);
    let plan = program.apply(&web(&[]));
    assert_eq!(plan.left_alone()[0].reason, LeftAloneReason::NotRecorded);
}

#[test]
fn what_belongs_to_others_is_no_failure() {
    let mut program = Program::new(&web(&[1])).scope(Scope::recorded());
    let success = |program: &mut Program, wanted: &str| {
        let plan = program.apply(wanted);
        let mut report = ApplyReport::new();
        report.enter(&plan, &program.record, |_| None);
        (plan.left_alone()[0].reason, report.is_success())
    };
    let reason = LeftAloneReason::NotRecorded;
    assert_eq!(success(&mut program, &web(&[2])), (reason, true));
    let reason = LeftAloneReason::HoldsOthers;
    assert_eq!(success(&mut program, ""), (reason, true));
    // But a wanted service that is left alone is not as wanted.
    let mut program = Program::new("").scope("10.0.0.2".parse().unwrap());
    let reason = LeftAloneReason::OutsideScope;
    assert_eq!(success(&mut program, &web(&[1])), (reason, false));
}
