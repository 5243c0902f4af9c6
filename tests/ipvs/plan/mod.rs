//! Applies plans on a real kernel, and checks that the table is the wanted one.

mod drains;
mod failures;
mod few_changes;
pub(crate) mod keeper;
mod programs;
mod tables;
mod writers;

use std::time::SystemTime;

use ipvset::ipvs::plan::{ApplyReport, Object, ObjectState, Planner, Reading, Record, WantedTable};
use ipvset::ipvs::{Ipvs, RealServer, VirtualService};

use crate::generated::Entry;
use crate::support::Result;

pub(crate) fn tests() -> Vec<lab::test::Test> {
    crate::support::all([
        tables::tests(),
        writers::tests(),
        failures::tests(),
        few_changes::tests(),
        keeper::tests(),
        drains::tests(),
        programs::tests(),
    ])
}

/// Returns the wanted table with these services and servers.
fn wanted(entries: &[Entry]) -> Result<WantedTable> {
    let mut table = WantedTable::new();
    for (service, servers) in entries {
        table.insert(service.clone(), servers)?;
    }
    Ok(table)
}

/// Applies the wanted table. Fails unless the table then is the wanted one, except for drains.
fn settle(
    ipvs: &mut Ipvs,
    planner: &Planner,
    wanted: &WantedTable,
    record: &mut Record,
) -> Result<ApplyReport> {
    let report = ipvs.apply(planner, wanted, record)?;
    assert!(report.is_success(), "{report}");
    let rest = ipvs.verify(planner, wanted, record)?;
    assert!(rest.is_empty(), "{rest}");
    Ok(report)
}

/// Looks at the draining servers once, and removes those whose drain has ended.
fn end_drains(ipvs: &mut Ipvs, planner: &Planner, record: &mut Record) -> Result {
    let table = ipvs.table()?;
    let look = record.look(&planner.policy, Reading::Table(&table), SystemTime::now());
    for operation in &look.operations {
        ipvs.execute(operation)?;
        record.done(operation);
    }
    Ok(())
}

/// Returns the state of an object in a report.
#[track_caller]
fn state(report: &ApplyReport, object: Object) -> &ObjectState {
    let mut states = report.objects.iter().filter(|it| it.object == object);
    match (states.next(), states.next()) {
        (Some(found), None) => &found.state,
        found => panic!("{found:?} of {object} in {report}"),
    }
}

/// Returns a service at 10.9.0.`number`.
fn service(number: u8) -> VirtualService {
    let address = ([10, 9, 0, number], 80);
    VirtualService::tcp(address.into()).scheduler(ipvset::ipvs::Scheduler::RoundRobin)
}

/// Returns a server at 10.8.0.`number`.
fn backend(number: u8) -> RealServer {
    RealServer::new(([10, 8, 0, number], 80).into()).masquerade()
}

/// Returns a wanted table with these services, each with these servers.
fn table_of(services: &[u8], servers: &[u8]) -> Result<WantedTable> {
    let mut table = WantedTable::new();
    for number in services {
        table.insert(service(*number), servers.iter().map(|it| backend(*it)))?;
    }
    Ok(table)
}
