//! Brings the table to what is wanted.
//!
//! The table is read, a plan is made, and its operations are carried out. They are exact, so one
//! that finds an object that should not be there, or does not find one that should, shows that
//! another program changed the table since it was read. Then all is done again.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, SystemTime};

use super::Client;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::TableEntry;
use crate::ipvs::plan::{
    ApplyReport, BeforeDrift, Object, Plan, Planner, Record, Step, WantedTable, drifted,
};
use crate::netlink::Transport;
use crate::{Error, Missing, OnFailure, Outcome, Result};

/// What the table is to be brought to.
pub(in crate::ipvs) struct Goal<'a> {
    pub(in crate::ipvs) planner: &'a Planner,
    pub(in crate::ipvs) wanted: &'a WantedTable,
    pub(in crate::ipvs) record: &'a mut Record,
    /// What the table was brought to before.
    pub(in crate::ipvs) before: Option<BeforeDrift<'a>>,
}

/// What was done to bring the table there.
pub(in crate::ipvs) struct Applied {
    pub(in crate::ipvs) report: ApplyReport,
    /// The last reading of the table. The operations of the last round came after it.
    pub(in crate::ipvs) table: Vec<TableEntry>,
    pub(in crate::ipvs) rounds: Vec<Round>,
}

/// A plan, and what became of its operations.
pub(in crate::ipvs) struct Round {
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

    pub(crate) async fn apply(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &mut Record,
    ) -> Result<ApplyReport> {
        let goal = Goal {
            planner,
            wanted,
            record,
            before: None,
        };
        Ok(self.bring_to(goal, &mut |_| Ok(())).await?.report)
    }

    /// Brings the table to what is wanted. Before a plan with steps is carried out, `begun` gets
    /// the record with the drains that begin. If it fails, nothing of that plan is carried out.
    pub(in crate::ipvs) async fn bring_to(
        &mut self,
        goal: Goal<'_>,
        begun: &mut (dyn FnMut(&Record) -> Result<()> + Send),
    ) -> Result<Applied> {
        let mut report = ApplyReport::new();
        let mut drift = BTreeSet::new();
        let (mut table, mut rounds) = (Vec::new(), Vec::new());
        let mut pauses = pauses();
        loop {
            let pause = pauses.next();
            match (self.table().await, pause) {
                (Ok(read), _) => table = read,
                (Err(error), Some(pause)) if error.is_inconsistent() => {
                    self.control.pause(pause).await;
                    continue;
                }
                (Err(error), _) if rounds.is_empty() => return Err(error),
                // The report has the failures of the round before.
                (Err(_), _) => break,
            }
            let plan = goal.planner.plan(goal.wanted, &table, goal.record);
            let drifted = drifted(&plan, goal.wanted, goal.record, goal.before);
            goal.record.begin(&plan, SystemTime::now());
            if !plan.is_empty() {
                begun(goal.record)?;
            }
            let round = self.carry_out(plan).await;
            let failure = |step| round.outcome.error(step);
            goal.record
                .settle(&round.plan, |step| failure(step).is_none());
            report.enter(&round.plan, goal.record, failure);
            drift.extend(drifted.iter().filter_map(|step| {
                // The kernel can leave out what exists if other programs change the table while it
                // is read.
                let existed = failure(*step).is_some_and(Error::is_already_exists);
                let step = round.plan.steps().get(*step).filter(|_| !existed);
                step.map(Step::object)
            }));
            let again = round.is_disturbed();
            rounds.push(round);
            match pause {
                Some(pause) if again => self.control.pause(pause).await,
                _ => break,
            }
        }
        report.drift = drift.into_iter().collect();
        Ok(Applied {
            report,
            table,
            rounds,
        })
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
    /// Returns the operations that are known to be carried out.
    pub(in crate::ipvs) fn done(&self) -> impl Iterator<Item = &Operation> {
        let all = self.plan.operations().enumerate();
        all.filter_map(|(step, operation)| self.outcome.error(step).is_none().then_some(operation))
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
