//! The dry run: prints what there is to do.

use std::io::Write;

use ipvset::ipvs::Ipvs;

use crate::arguments::Arguments;
use crate::sets::Sets;
use crate::{Result, Status, goal, sets_text, text};

pub(crate) fn plan(mut arguments: Arguments, out: &mut impl Write) -> Result<Status> {
    let services = arguments.read_services()?;
    let mut status = Status::AsWanted;
    if let Some(mut sets) = Sets::open(arguments.sets.take())? {
        let plan = sets.plan()?;
        sets_text::plan(&plan, arguments.json, out)?;
        status = sets_text::plan_status(&plan);
    }
    let Some(wanted) = services else {
        return Ok(status);
    };
    let record = goal::record(&arguments)?;
    let planner = goal::planner(&arguments);
    let plan = Ipvs::connect()?.plan(&planner, &wanted, &record)?;
    match arguments.json {
        true => text::json(&plan, out)?,
        false => write!(out, "{plan}")?,
    }
    Ok(match plan.is_empty() {
        true => status,
        false => Status::ToDo,
    })
}
