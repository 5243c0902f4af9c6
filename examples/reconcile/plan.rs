//! The dry run: prints what there is to do.

use std::io::Write;

use ipvset::ipvs::Ipvs;
use ipvset::ipvs::plan::{Object, Plan};

use crate::arguments::Arguments;
use crate::{Result, Status, goal, text};

pub(crate) fn plan(mut arguments: Arguments, out: &mut impl Write) -> Result<Status> {
    let wanted = arguments.source.read()?;
    let record = goal::record(&arguments)?;
    let planner = goal::planner(&arguments);
    let plan = Ipvs::connect()?.plan(&planner, &wanted, &record)?;
    match arguments.json {
        true => text::json(&plan, out)?,
        false => write(&plan, arguments.record.is_some(), out)?,
    }
    Ok(match plan.is_empty() {
        true => Status::AsWanted,
        false => Status::ToDo,
    })
}

/// Writes a plan. Without a record, all that is there counts as adopted, which would say nothing.
fn write(plan: &Plan, has_record: bool, out: &mut impl Write) -> Result<()> {
    write!(out, "{plan}")?;
    for adopted in plan.adopted().iter().filter(|_| has_record) {
        writeln!(out, "# adopted: {adopted}")?;
    }
    for left in plan.left_alone() {
        writeln!(out, "# left alone: {}: {}", left.object, left.reason)?;
    }
    for service in plan.draining() {
        for server in service.servers.iter().filter(|it| it.step.is_none()) {
            let server = Object::server(service.service, server.address);
            writeln!(out, "# drains already: {server}")?;
        }
    }
    Ok(())
}
