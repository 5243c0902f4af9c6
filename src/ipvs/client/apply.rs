//! Brings the table to what is wanted.
//!
//! The table is read, a plan is made, and its operations are carried out. They are exact, so one
//! that finds an object that should not be there, or does not find one that should, shows that
//! another program changed the table since it was read. Then all is done again.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, SystemTime};

use super::Client;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::plan::{ApplyReport, Object, Plan, Planner, Record, WantedTable, drifted};
use crate::netlink::Transport;
use crate::{Error, Missing, OnFailure, Outcome, Result};

/// What the table is to be brought to.
pub(crate) struct Goal<'a> {
    pub(crate) planner: &'a Planner,
    pub(crate) wanted: &'a WantedTable,
    pub(crate) record: &'a mut Record,
}

/// A plan, and what became of its operations.
struct Round {
    plan: Plan,
    outcome: Outcome<Operation>,
}

impl<T: Transport> Client<T> {
    pub(crate) async fn plan(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &Record,
    ) -> Result<Plan> {
        Ok(planner.plan(wanted, &self.table().await?, record))
    }

    pub(crate) async fn verify(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &Record,
    ) -> Result<Plan> {
        Ok(planner.plan(wanted, &self.verified_table().await?, record))
    }

    pub(crate) async fn apply(&mut self, goal: Goal<'_>) -> Result<ApplyReport> {
        let mut report = ApplyReport::new();
        let mut drift = BTreeSet::new();
        let mut is_first = true;
        let mut pauses = pauses();
        loop {
            let pause = pauses.next();
            let table = match (self.table().await, pause) {
                (Ok(table), _) => table,
                (Err(error), Some(pause)) if error.is_inconsistent() => {
                    self.netlink.pause(pause).await;
                    continue;
                }
                (Err(error), _) if is_first => return Err(error),
                // The report has the failures of the round before.
                (Err(_), _) => break,
            };
            let plan = goal.planner.plan(goal.wanted, &table, goal.record);
            drift.extend(drifted(&plan, goal.record));
            goal.record.begin(&plan, SystemTime::now());
            let round = self.carry_out(plan).await;
            let failure = |step| round.failure(step);
            goal.record
                .settle(&round.plan, |step| failure(step).is_none());
            report.enter(&round.plan, goal.record, failure);
            is_first = false;
            match pause {
                Some(pause) if round.is_disturbed() => self.netlink.pause(pause).await,
                _ => break,
            }
        }
        report.drift = drift.into_iter().collect();
        Ok(report)
    }

    async fn carry_out(&mut self, plan: Plan) -> Round {
        let operations = plan.operations().cloned();
        let outcome = self.execute_all(operations, OnFailure::Continue).await;
        Round { plan, outcome }
    }
}

/// Returns how long to wait after each round in which another program was in the way: 0.3 s in
/// all.
fn pauses() -> impl Iterator<Item = Duration> {
    (0..5).map(|step| Duration::from_millis(10 << step))
}

impl Round {
    /// Returns the error of a step that failed or was not tried.
    fn failure(&self, step: usize) -> Option<&Error> {
        if self
            .outcome
            .untried_from()
            .is_some_and(|first| step >= first)
        {
            return self.outcome.stopped();
        }
        let failures = self.outcome.failures();
        let place = failures.binary_search_by_key(&step, |it| it.index).ok()?;
        failures.get(place).map(|it| &it.error)
    }

    /// Returns true if a failure shows that the table is not as it was read, because another
    /// program changed it or a reply was lost.
    fn is_disturbed(&self) -> bool {
        let failures = self.outcome.failures();
        if self.outcome.stopped().is_some() || failures.is_empty() {
            return false;
        }
        // Servers can't be added to a service that could not be added either.
        let not_added: HashSet<_> = failures
            .iter()
            .filter_map(|it| match &it.input {
                Operation::AddService(service) => Some(service.key),
                _ => None,
            })
            .collect();
        failures.iter().any(|it| {
            let service = Object::of(&it.input).map(|it| it.service);
            it.in_doubt
                || it.error.is_already_exists()
                || match it.error.missing() {
                    Some(Missing::Service) => service.is_none_or(|it| !not_added.contains(&it)),
                    Some(Missing::Server) => true,
                    _ => false,
                }
        })
    }
}
