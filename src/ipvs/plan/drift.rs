//! What another program changed.

use super::object::Object;
use super::plan::Plan;
use super::record::Record;
use super::step::Reason;

/// Returns the objects that a plan has to correct because another program changed them, as far as
/// the record shows it: what was applied and is missing, and what drains and has a weight again.
pub(in crate::ipvs) fn drifted<'a>(
    plan: &'a Plan,
    record: &'a Record,
) -> impl Iterator<Item = Object> {
    plan.steps().iter().filter_map(|step| {
        let object = step.object();
        let is_drift = match (step.reason(), object.server) {
            (Reason::Missing, _) => record.contains(&object),
            (Reason::Drains, Some(address)) => {
                record.drains().get(&object.service, address).is_some()
            }
            _ => false,
        };
        is_drift.then_some(object)
    })
}
