//! What the library is given.

use ipvset::ipvs::plan::{Keeper, Planner, Record};
use ipvset::ipvs::proc::{Proc, sysctl};

use crate::arguments::Arguments;
use crate::{Result, record};

pub(crate) fn planner(arguments: &Arguments) -> Planner {
    let expires = Proc::new().get(sysctl::EXPIRE_QUIESCENT_TEMPLATE);
    Planner::new()
        .scope(arguments.scope.clone())
        .policy(arguments.policy.clone())
        .expire_quiescent_template(expires.unwrap_or(false))
}

pub(crate) fn record(arguments: &Arguments) -> Result<Record> {
    match &arguments.record {
        Some(path) => record::load(path),
        None => Ok(Record::new()),
    }
}

/// Returns a keeper that saves its record in the file, if there is to be one.
pub(crate) fn keeper(arguments: &Arguments) -> Result<Keeper> {
    let keeper = Keeper::new(planner(arguments)).with_record(record(arguments)?);
    Ok(match arguments.record.clone() {
        Some(path) => keeper.save_with(move |record, _| record::save(&path, record)),
        None => keeper,
    })
}
