//! Failures to apply a table.

use ipvset::ErrorKind;
use ipvset::ipvs::plan::{Object, ObjectState, Planner, Record};
use ipvset::ipvs::{Ipvs, Scheduler};

use super::{backend, service, state, table_of};
use crate::support::{Result, at, tests};

tests![
    one_failure_does_not_stop_the_rest,
    the_next_call_repeats_failed_steps,
];

fn unknown() -> Result<Scheduler> {
    Ok("nonesuch".parse()?)
}

fn one_failure_does_not_stop_the_rest() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut table = table_of(&[1, 3], &[1, 2])?;
    table.insert(service(2).scheduler(unknown()?), [backend(1)])?;
    // A broadcast address, according to the routes.
    let refused = ipvset::ipvs::RealServer::new(at("127.255.255.255:80"));
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
