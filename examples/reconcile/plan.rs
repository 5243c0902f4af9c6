//! The dry run: prints what there is to do.

use std::io::Write;

use ipvset::ipvs::Ipvs;

use crate::arguments::Arguments;
use crate::{Result, Status, goal, text};

pub(crate) fn plan(mut arguments: Arguments, out: &mut impl Write) -> Result<Status> {
    let wanted = arguments.source.read()?;
    let record = goal::record(&arguments)?;
    let planner = goal::planner(&arguments);
    let plan = Ipvs::connect()?.plan(&planner, &wanted, &record)?;
    match arguments.json {
        true => text::json(&plan, out)?,
        false => write!(out, "{plan}")?,
    }
    Ok(match plan.is_empty() {
        true => Status::AsWanted,
        false => Status::ToDo,
    })
}
