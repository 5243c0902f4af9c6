//! The dry run: prints what there is to do.

use std::io::Write;

use ipvset::ipset::types::HashNet;
use ipvset::ipset::{IpSet, IpSets};

use crate::list::List;
use crate::{Result, Status, apply};

pub(crate) fn plan(sets: &[IpSet<HashNet>], list: &List, out: &mut impl Write) -> Result<Status> {
    let mut handle = IpSets::connect()?;
    let mut status = Status::AsWanted;
    let mut summaries = Vec::new();
    for set in sets {
        let plan = handle.plan(set, list.of(set.options().family), &apply::policy())?;
        write!(out, "{plan}")?;
        summaries.push(plan.summary().to_string());
        for (_, error) in plan.refused() {
            crate::say(format_args!("{error}"));
        }
        if !plan.is_empty() {
            status = Status::ToDo;
        }
    }
    writeln!(out, "# {}", list.line(summaries))?;
    Ok(status)
}
