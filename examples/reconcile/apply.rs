//! Applies, waits for the drains, and prints what became of each object.

use std::io::Write;

use ipvset::ipvs::Ipvs;
use ipvset::ipvs::plan::{Keeper, WantedTable};

use crate::arguments::Arguments;
use crate::sets::Sets;
use crate::signals::Signals;
use crate::summary::Summary;
use crate::{Result, Status, goal, say, sets_text};

pub(crate) fn apply(
    mut arguments: Arguments,
    signals: &Signals,
    out: &mut impl Write,
) -> Result<Status> {
    let services = arguments.read_services()?;
    let mut sets = Sets::open(arguments.sets.take())?;
    let mut status = Status::AsWanted;
    if let Some(sets) = &mut sets {
        let report = sets.change()?;
        out.write_all(sets_text::report(&report, arguments.json).as_bytes())?;
        status = sets_text::status(&report);
    }
    if let Some(wanted) = services {
        status = status.and(apply_services(&arguments, &wanted, signals, out)?);
    }
    if let Some(sets) = &mut sets {
        if let Some(report) = sets.remove()? {
            out.write_all(sets_text::report(&report, arguments.json).as_bytes())?;
            status = status.and(sets_text::status(&report));
        }
    }
    Ok(status)
}

fn apply_services(
    arguments: &Arguments,
    wanted: &WantedTable,
    signals: &Signals,
    out: &mut impl Write,
) -> Result<Status> {
    let mut keeper = goal::keeper(arguments)?;
    let mut ipvs = Ipvs::connect()?;
    let mut summary = Summary::default();
    let mut ended = bring(&mut ipvs, &mut keeper, wanted, signals, &mut summary);
    if ended.is_ok() && summary.is_success() {
        let rest = ipvs.verify(keeper.planner(), wanted, keeper.record());
        ended = rest.map(|plan| summary.to_do = plan).map_err(Into::into);
    }
    // If an error ended it, what was done before is printed all the same.
    summary.write(arguments.json, out)?;
    ended?;
    let is_complete = summary.is_success() && keeper.record().drains().is_empty();
    Ok(match is_complete && summary.to_do.is_empty() {
        true => Status::AsWanted,
        false => Status::NotAsWanted,
    })
}

/// Brings the table to what is wanted, until no server drains any more or a signal comes.
fn bring(
    ipvs: &mut Ipvs,
    keeper: &mut Keeper,
    wanted: &WantedTable,
    signals: &Signals,
    summary: &mut Summary,
) -> Result<()> {
    let mut is_first = true;
    loop {
        let kept = ipvs.keep(keeper, wanted)?;
        let next = kept.next;
        summary.enter(kept);
        let draining = keeper.record().drains().iter().count();
        if draining == 0 {
            return Ok(());
        }
        if is_first {
            say(format_args!("waiting for draining servers: {draining}"));
            is_first = false;
        }
        if signals.wait(next) {
            return Ok(());
        }
    }
}
