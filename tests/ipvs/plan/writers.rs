//! Other programs that change the table at the same time.

use std::sync::atomic::{AtomicBool, Ordering};

use ipvset::Namespace;
use ipvset::ipvs::plan::{Object, Planner, Policy, Record, Scope, StepResult};
use ipvset::ipvs::{Ipvs, Operation};

use super::{backend, service, settle, table_of};
use crate::support::{Result, tests};

tests![
    a_writer_between_any_two_steps,
    a_writer_between_the_reading_and_the_steps,
    removals_by_another_program_are_drift,
];

/// Another program changes the table between two steps of a plan. The next call completes the
/// change.
fn a_writer_between_any_two_steps() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let planner = Planner::new().scope(Scope::everything());
    let planner = planner.policy(Policy::without_drain());
    let (before, after) = (table_of(&[1, 2], &[1, 2])?, table_of(&[2, 3], &[2, 3])?);
    let meddling = [
        Operation::Flush,
        Operation::RemoveServiceIfPresent(service(2).key),
        Operation::PutService(service(3).one_packet()),
        Operation::PutService(service(4)),
        Operation::RemoveServerIfPresent(service(2).key, backend(2).address),
        Operation::PutServer(service(2).key, backend(3).weight(9)),
    ];
    settle(&mut ipvs, &planner, &before, &mut Record::new())?;
    let steps = ipvs.plan(&planner, &after, &Record::new())?.steps().len();
    assert_eq!(steps, 6);
    for meddled in &meddling {
        for place in 0..=steps {
            let mut record = Record::new();
            settle(&mut ipvs, &planner, &before, &mut record)?;
            let plan = ipvs.plan(&planner, &after, &record)?;
            assert_eq!(plan.steps().len(), steps);
            record.begin(&plan, std::time::SystemTime::now());
            let mut succeeded = Vec::new();
            for (step, operation) in plan.operations().enumerate() {
                if step == place {
                    // This fails if the server's service is missing.
                    let _ = ipvs.execute(meddled);
                }
                succeeded.push(ipvs.execute(operation).is_ok());
            }
            if place == steps {
                let _ = ipvs.execute(meddled);
            }
            record.settle(&plan, |step| match succeeded[step] {
                true => StepResult::Succeeded,
                false => StepResult::Failed,
            });
            settle(&mut ipvs, &planner, &after, &mut record)?;
        }
    }
    Ok(())
}

/// Another thread changes the wanted services repeatedly and then stops.
fn a_writer_between_the_reading_and_the_steps() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let here = Namespace::current()?;
    let planner = Planner::new().scope(Scope::everything());
    let planner = planner.policy(Policy::without_drain());
    let services: Vec<_> = (1..=100).collect();
    let tables = [
        table_of(&services, &[1, 2, 3])?,
        table_of(&services[50..], &[2, 3, 4])?,
    ];
    let done = AtomicBool::new(false);
    let mut record = Record::new();
    let (mut drifts, mut failures) = (0, 0);
    std::thread::scope(|scope| -> Result {
        let writer = scope.spawn(|| -> ipvset::Result<()> {
            let mut other = Ipvs::connect_in(&here)?;
            while !done.load(Ordering::Relaxed) {
                for number in 40..60 {
                    let _ = other.remove_service(service(number));
                    let _ = other.add_service(&service(number + 60));
                    let _ = other.remove_server(service(number + 20), backend(2).address);
                    let _ = other.add_server(service(number + 30), &backend(7));
                }
            }
            Ok(())
        });
        let mut rounds = || -> Result {
            for table in tables.iter().cycle().take(40) {
                let report = ipvs.apply(&planner, table, &mut record)?;
                drifts += report.drift.len();
                failures += report.failures().count();
            }
            Ok(())
        };
        let outcome = rounds();
        done.store(true, Ordering::Relaxed);
        writer.join().map_err(|_| "the writer panicked")??;
        outcome
    })?;
    eprintln!("{drifts} drifts, {failures} failures at the end of a call");
    assert!(drifts > 0);
    for table in &tables {
        settle(&mut ipvs, &planner, table, &mut record)?;
        assert_eq!(ipvs.table()?.len(), table.len());
    }
    Ok(())
}

fn removals_by_another_program_are_drift() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let planner = Planner::new();
    let mut record = Record::new();
    let table = table_of(&[1, 2], &[1, 2])?;
    settle(&mut ipvs, &planner, &table, &mut record)?;
    ipvs.remove_service(service(1))?;
    ipvs.remove_server(service(2), backend(2).address)?;
    let report = settle(&mut ipvs, &planner, &table, &mut record)?;
    let drift = [
        Object::service(service(1)),
        Object::server(service(1), backend(1).address),
        Object::server(service(1), backend(2).address),
        Object::server(service(2), backend(2).address),
    ];
    assert_eq!(report.drift, drift);
    Ok(())
}
