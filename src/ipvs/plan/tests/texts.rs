//! What is read, printed and reported.

use super::program::{Program, key, now};
use crate::ipvs::plan::*;
use crate::ipvs::{Operation, RealServer, VirtualService};
use crate::{Error, ErrorKind};

const WANTED: &str = "\
-A -t 10.0.0.1:80 -s sh -b sh-port
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1
-a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 5
-A -t 10.0.0.3:80 -s rr
";

const PRESENT: &str = "\
-A -t 10.0.0.1:80 -s sh -b sh-port
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 2
-A -u 10.0.0.2:53 -s rr
-a -u 10.0.0.2:53 -r 10.1.0.1:53 -m -w 1
";

#[test]
fn a_plan_prints_like_a_diff() {
    let mut program = Program::new(PRESENT);
    let expected = "\
# warning: 2 of 3 servers are removed
- -A -t 10.0.0.1:80 -s sh -b sh-port
+ -A -t 10.0.0.1:80 -s sh -b sh-fallback,sh-port  # needs its fallback flag while a server drains
+ -a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 5  # is missing
- -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 2
+ -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1  # differs
- -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
+ -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0  # is no longer wanted, drains
+ -A -t 10.0.0.3:80 -s rr  # is missing
- -A -u 10.0.0.2:53 -s rr
- -a -u 10.0.0.2:53 -r 10.1.0.1:53 -m -w 1  # is no longer wanted, is removed at once: UDP has no \
connections to wait for
# adopted, because they were there already: 1 service, 1 server
# 1 service and 1 server to add, 1 service and 1 server to update, 1 server to drain, 1 service to \
remove
";
    assert_eq!(program.apply(WANTED).to_string(), expected);
    assert_eq!(
        program.plan(WANTED).to_string(),
        "# draining already: 1 server\n"
    );
    assert_eq!(Plan::default().to_string(), "");
    assert_eq!(Counts::default().to_string(), "nothing to do");
    let shared = Program::new(PRESENT).scope(Scope::recorded());
    let printed = shared.plan(WANTED).to_string();
    let left = "# -t 10.0.0.1:80 -r 10.1.0.1:80 is left alone: it was not applied by this program";
    assert!(printed.contains(left), "{printed}");
    let outside = Program::new("").scope("10.0.0.1".parse().unwrap());
    let printed = outside.plan(WANTED).to_string();
    assert_eq!(
        printed.matches("outside of the scope").count(),
        1,
        "{printed}"
    );
}

fn refusal(text: &str) -> Error {
    let error = text.parse::<WantedTable>().unwrap_err();
    assert!(error.is_invalid_input());
    error
}

#[test]
fn a_wanted_text_that_is_wrong_is_refused_in_its_place() {
    let error = refusal("-A -t 10.0.0.1:80 -s rr\n\n-A -u 10.0.0.1:80\n-A -t 10.0.0.1:80 -s lc");
    assert_eq!(error.position(), Some((4, 1)));
    let text = error.to_string();
    assert!(
        text.contains("-A -t 10.0.0.1:80 -s lc") && text.contains("line 1"),
        "{text}"
    );

    let server = "-a -t 10.0.0.1:80 -r 10.1.0.1:80";
    let error = refusal(&format!("-A -t 10.0.0.1:80\n{server}\n{server} -w 7"));
    assert_eq!(error.position(), Some((3, 1)));
    let text = error.to_string();
    assert!(text.contains("-w 7") && text.contains("line 2"), "{text}");

    let error = refusal(server);
    assert!(error.to_string().contains("-t 10.0.0.1:80"), "{error}");
    let error = refusal("# ä\n  -D -t 10.0.0.1:80");
    assert_eq!(error.position(), Some((2, 3)));
    assert!(error.to_string().contains("`-A` and `-a`"), "{error}");
    let error = refusal("-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 0.0.0.0:80");
    assert_eq!(error.position(), Some((2, 1)));
    assert!(error.to_string().contains("unicast"), "{error}");
    let error = refusal("-A -t [fe80::1%2]:80");
    assert_eq!(error.position().unwrap().0, 1);
    let error = refusal("-A -t 10.0.0.1:80 --keep-weight");
    assert_eq!(error.position(), Some((1, 19)));
}

#[test]
fn only_a_wanted_table_can_leave_a_weight_open() {
    let line = "-a -t 10.0.0.1:80 -r 10.1.0.1:80 --keep-weight";
    assert!(line.parse::<Operation>().is_err());
    assert!(
        "-r 10.1.0.1:80 --keep-weight"
            .parse::<RealServer>()
            .is_err()
    );
    let table = format!("-A -t 10.0.0.1:80\n{line}");
    let table: WantedTable = table.parse().unwrap();
    let service = table.get(key("-t 10.0.0.1:80")).unwrap();
    assert!(service.servers()[0].keep_weight);
}

#[test]
fn two_objects_with_one_name_are_refused_and_both_are_named() {
    let mut table = WantedTable::new();
    let web = VirtualService::tcp("10.0.0.1:80".parse().unwrap());
    let none = || std::iter::empty::<RealServer>();
    table.insert(web.clone(), none()).unwrap();
    let other = web.clone().one_packet();
    let error = table.insert(other.clone(), none()).unwrap_err().to_string();
    assert!(
        error.contains(&web.to_string()) && error.contains(&other.to_string()),
        "{error}"
    );
    assert_eq!((table.len(), table.is_empty()), (1, false));
    assert!(
        table
            .replace(WantedService::new(other, none()).unwrap())
            .is_some()
    );
    assert!(table.remove(&web).is_some() && table.is_empty());

    for count in [1u8, 100] {
        let servers = (0..count).map(|it| RealServer::new(([10, 1, 0, it], 80).into()));
        let again = RealServer::new(([10, 1, 0, 0], 80).into()).weight(9);
        let servers: Vec<_> = servers.chain([again]).collect();
        let error = table.insert(web.clone(), &servers).unwrap_err().to_string();
        assert!(error.contains("-r 10.1.0.0:80 -m -w 1`"), "{error}");
        assert!(error.contains("-r 10.1.0.0:80 -m -w 9`"), "{error}");
        assert!(table.is_empty());
    }
}

#[test]
fn a_table_that_is_there_can_be_wanted() {
    let program = Program::new(PRESENT);
    let table = program.kernel.table();
    let wanted = WantedTable::try_from(&table[..]).unwrap();
    let plan = program.planner.plan(&wanted, &table, &Record::new());
    assert!(plan.is_empty() && plan.warnings().is_empty());
    assert_eq!(wanted.len(), 2);
}

#[test]
fn a_report_says_what_became_of_each_object() {
    let mut program = Program::new(PRESENT);
    let plan = program.plan(WANTED);
    program.record.begin(&plan, now());
    for operation in plan.operations() {
        program.kernel.execute(operation).unwrap();
    }
    let error = refusal("-x");
    let failed = |index| (index == 1 || index == 2).then_some(&error);
    program.record.settle(&plan, |index| match failed(index) {
        Some(_) => StepResult::Failed,
        None => StepResult::Succeeded,
    });
    let mut report = ApplyReport::new();
    report.enter(&plan, &program.record, failed);
    let printed = report.to_string();
    let until = "draining until 1800000601 (seconds since 1970)";
    let expected = format!(
        "-t 10.0.0.1:80: updated\n\
         -t 10.0.0.1:80 -r 10.1.0.3:80: failed: {error}\n\
         -t 10.0.0.1:80 -r 10.1.0.2:80: failed: {error}\n\
         -t 10.0.0.3:80: added\n\
         -u 10.0.0.2:53: removed\n\
         -t 10.0.0.1:80 -r 10.1.0.1:80: {until}\n"
    );
    assert_eq!(printed, expected);
    assert!(!report.is_success());
    assert_eq!(report.failures().count(), 2);
    let kind = |it: &ObjectReport| {
        matches!(
            it.state,
            ObjectState::Failed {
                kind: ErrorKind::InvalidInput,
                ..
            }
        )
    };
    assert!(report.failures().all(kind));

    // The second time, somebody has done what failed.
    let plan = program.apply(WANTED);
    report.enter(&plan, &program.record, |_| None);
    assert!(report.is_success());
    let drained = Object::server(key("-t 10.0.0.1:80"), "10.1.0.1:80".parse().unwrap());
    let state = |report: &ApplyReport| {
        let mut objects = report.objects.iter().filter(|it| it.object == drained);
        let state = objects.next().unwrap().state.clone();
        assert!(objects.next().is_none());
        state
    };
    assert!(matches!(state(&report), ObjectState::DrainingUntil(_)));
    let end = Operation::RemoveServer(drained.service, drained.server.unwrap());
    report.enter_drain(&end, Some(&error));
    assert!(!report.is_success());
    report.enter_drain(&end, None);
    assert_eq!(state(&report), ObjectState::Removed);
    assert!(report.is_success());
}

#[test]
fn a_service_that_goes_takes_its_servers_out_of_the_report() {
    let present = "-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 10.1.0.1:80";
    let mut program = Program::new(present);
    let plan = program.apply("");
    let mut report = ApplyReport::new();
    report.enter(&plan, &program.record, |_| None);
    report.enter_drain(&Operation::RemoveService(key("-t 10.0.0.1:80")), None);
    assert_eq!(report.to_string(), "-t 10.0.0.1:80: removed\n");
}
