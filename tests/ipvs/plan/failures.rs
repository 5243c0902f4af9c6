//! Failures to apply a table.

use std::time::SystemTime;

use ipvset::ErrorKind;
use ipvset::ipvs::plan::{Object, ObjectState, Planner, Policy, Record, Scope, WantedTable};
use ipvset::ipvs::{Ipvs, RealServer, Scheduler};

use super::{backend, service, settle, state, table_of};
use crate::support::{Result, at, tests};

tests![
    one_failure_does_not_stop_the_rest,
    the_next_call_repeats_failed_steps,
    the_old_servers_stay_if_no_new_one_can_be_added,
    what_a_killed_program_added_belongs_to_it,
];

fn unknown() -> Result<Scheduler> {
    Ok("nonesuch".parse()?)
}

fn one_failure_does_not_stop_the_rest() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut table = table_of(&[1, 3], &[1, 2])?;
    table.insert(service(2).scheduler(unknown()?), [backend(1)])?;
    // A broadcast address, according to the routes.
    let refused = RealServer::new(at("127.255.255.255:80"));
    table.insert(service(4), [refused.clone(), backend(1)])?;
    let mut record = Record::new();
    let planner = Planner::new();
    let report = ipvs.apply(&planner, &table, &mut record)?;
    assert!(!report.is_success());
    let failed: Vec<_> = report.failures().map(|it| it.object).collect();
    let objects = [
        Object::service(service(2)),
        Object::server(service(2), backend(1).address),
        Object::server(service(4), refused.address),
    ];
    assert_eq!(failed, objects);
    for (object, kind_of_it) in [
        (objects[0], ErrorKind::NotFound),
        (objects[2], ErrorKind::InvalidInput),
    ] {
        match state(&report, object) {
            ObjectState::Failed { kind, error, .. } => {
                assert_eq!(*kind, kind_of_it);
                assert!(error.contains(&object.to_string()), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert!(!record.contains(&object));
    }
    for number in [1, 3] {
        assert_eq!(ipvs.servers(service(number))?.len(), 2);
    }
    assert_eq!(ipvs.servers(service(4))?.len(), 1);
    let rest = ipvs.verify(&planner, &table, &record)?;
    let rest: Vec<_> = rest.steps().iter().map(|it| it.object()).collect();
    assert_eq!(rest, objects);
    Ok(())
}

fn the_next_call_repeats_failed_steps() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut table = table_of(&[1], &[1])?;
    table.insert(service(2).scheduler(unknown()?), [backend(1)])?;
    let mut record = Record::new();
    let planner = Planner::new();
    assert!(!ipvs.apply(&planner, &table, &mut record)?.is_success());
    let mended = table_of(&[1, 2], &[1])?;
    let report = super::settle(&mut ipvs, &planner, &mended, &mut record)?;
    assert_eq!(report.objects.len(), 2, "{report}");
    assert_eq!(report.drift, []);
    Ok(())
}

fn the_old_servers_stay_if_no_new_one_can_be_added() -> Result {
    let mut ipvs = Ipvs::connect()?;
    // A broadcast address, according to the routes.
    let refused = RealServer::new(at("127.255.255.255:80"));
    for policy in [Policy::new(), Policy::without_drain()] {
        let planner = Planner::new().policy(policy);
        let mut record = Record::new();
        settle(&mut ipvs, &planner, &table_of(&[1], &[1, 2])?, &mut record)?;
        let mut wanted = WantedTable::new();
        wanted.insert(service(1), [refused.clone()])?;
        let report = ipvs.apply(&planner, &wanted, &mut record)?;
        assert_eq!(report.failures().count(), 3, "{report}");
        for server in [backend(1), backend(2)] {
            let object = Object::server(service(1), server.address);
            match state(&report, object) {
                ObjectState::Failed { error, .. } => {
                    assert!(error.contains("no server that gets connections"), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(record.drains().is_empty());
        let servers = ipvs.servers(service(1))?;
        assert_eq!(servers.len(), 2);
        assert!(servers.iter().all(|it| it.config.weight == 1));
        // One new server is enough.
        wanted.remove(service(1));
        wanted.insert(service(1), [refused.clone(), backend(3)])?;
        let report = ipvs.apply(&planner, &wanted, &mut record)?;
        assert_eq!(report.failures().count(), 1, "{report}");
        let servers = ipvs.servers(service(1))?;
        let available = servers.iter().filter(|it| it.config.weight > 0);
        assert_eq!(available.count(), 1);
        ipvs.flush()?;
    }
    Ok(())
}

/// The record is saved before the steps, and the program may be killed between any two of them.
fn what_a_killed_program_added_belongs_to_it() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let planner = Planner::new().scope(Scope::recorded());
    let planner = planner.policy(Policy::without_drain());
    ipvs.add_service(&service(3))?;
    let wanted = table_of(&[1, 2, 3], &[1, 2])?;
    let steps = ipvs.plan(&planner, &wanted, &Record::new())?.steps().len();
    assert_eq!(steps, 8);
    for killed_after in 0..=steps {
        let mut record = Record::new();
        let plan = ipvs.plan(&planner, &wanted, &record)?;
        record.begin(&plan, SystemTime::now());
        for operation in plan.operations().take(killed_after) {
            ipvs.execute(operation)?;
        }
        // By then, less is wanted.
        let report = settle(&mut ipvs, &planner, &table_of(&[1], &[2])?, &mut record)?;
        assert_eq!(report.drift, [], "killed after {killed_after} steps");
        let services: Vec<_> = ipvs.services()?.iter().map(|it| it.key()).collect();
        assert_eq!(
            services,
            [service(1).key],
            "killed after {killed_after} steps"
        );
        let server = ipvs.servers(service(1))?;
        assert_eq!(server.len(), 1, "killed after {killed_after} steps");
        for (number, is_recorded) in [(1, true), (2, false), (3, false)] {
            let object = Object::service(service(number));
            assert_eq!(record.contains(&object), is_recorded, "{object}");
        }
        ipvs.flush()?;
        ipvs.add_service(&service(3))?;
    }
    Ok(())
}
