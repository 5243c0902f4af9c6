//! Brings the table to what is wanted.
//!
//! The table is read, a plan is made, and its operations are carried out. They are exact, so one
//! that finds an object that should not be there, or does not find one that should, shows that
//! another program changed the table since it was read. Then all is done again.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant, SystemTime};

use super::Client;
use crate::error::Cause;
use crate::ipvs::message::reason::operation_not_tried;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::TableEntry;
use crate::ipvs::plan::{
    ApplyReport, BeforeDrift, Object, Plan, Planner, Record, Step, StepResult, WantedTable, drifted,
};
use crate::netlink::Transport;
use crate::{Error, FailedChange, Missing, OnFailure, Outcome, Result};

/// What the table is to be brought to.
pub(in crate::ipvs) struct Goal<'a> {
    pub(in crate::ipvs) planner: &'a Planner,
    pub(in crate::ipvs) wanted: &'a WantedTable,
    pub(in crate::ipvs) record: &'a mut Record,
    /// The services to read and to change, if that are not all.
    pub(in crate::ipvs) only: Option<&'a BTreeSet<ServiceKey>>,
    /// What the table was brought to before.
    pub(in crate::ipvs) before: Option<BeforeDrift<'a>>,
}

/// What was done to bring the table there.
pub(in crate::ipvs) struct Applied {
    pub(in crate::ipvs) report: ApplyReport,
    /// The last reading of the table. The operations of the last round came after it.
    pub(in crate::ipvs) table: Vec<TableEntry>,
    /// How long that reading took.
    pub(in crate::ipvs) reading_time: Duration,
    pub(in crate::ipvs) rounds: Vec<Round>,
}

/// A reading of the table, and the plan that was made of it.
struct ReadFor {
    table: Vec<TableEntry>,
    /// How long the reading took.
    time: Duration,
    plan: Plan,
}

/// A plan, and what became of its operations.
pub(in crate::ipvs) struct Round {
    plan: Plan,
    /// What failed, in the order of the steps. An index is that of a step.
    failures: Vec<FailedChange<Operation>>,
    /// The error that ended everything.
    stopped: Option<Error>,
    /// The steps that were not tried for that reason.
    untried: HashSet<usize>,
}

impl<T: Transport> Client<T> {
    pub(crate) async fn plan(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &Record,
    ) -> Result<Plan> {
        let mut table = self.table().await?;
        self.plan_of(planner, wanted, record, None, &mut table)
            .await
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
            only: None,
            before: None,
        };
        Ok(self.bring_to(goal, &mut |_, _| Ok(())).await?.report)
    }

    /// Brings the table to what is wanted. Before a plan with steps is carried out, `begun` gets
    /// the record with what the plan adds and the drains that begin. If it fails, nothing of that
    /// plan is carried out.
    pub(in crate::ipvs) async fn bring_to(
        &mut self,
        goal: Goal<'_>,
        begun: &mut (dyn FnMut(&Record, &Plan) -> Result<()> + Send),
    ) -> Result<Applied> {
        let mut report = ApplyReport::new();
        let mut drift = BTreeSet::new();
        let (mut table, mut rounds) = (Vec::new(), Vec::new());
        let mut pauses = pauses();
        let mut reading_time = Duration::ZERO;
        loop {
            let pause = pauses.next();
            let read = self.read_for(&goal).await;
            let plan = match (read, pause) {
                (Ok(read), _) => {
                    (table, reading_time) = (read.table, read.time);
                    read.plan
                }
                (Err(error), Some(pause)) if error.is_inconsistent() => {
                    self.control.pause(pause).await;
                    continue;
                }
                (Err(error), _) if rounds.is_empty() => return Err(error),
                // The report has the failures of the round before.
                (Err(_), _) => break,
            };
            let drifted = drifted(&plan, goal.wanted, goal.record, goal.before);
            goal.record.begin(&plan, SystemTime::now());
            if !plan.is_empty() {
                begun(goal.record, &plan)?;
            }
            let round = self.carry_out(plan).await;
            let failure = |step| round.error(step);
            goal.record.settle(&round.plan, |step| round.result(step));
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
            reading_time,
            rounds,
        })
    }

    /// Reads the table, and makes a plan.
    async fn read_for(&mut self, goal: &Goal<'_>) -> Result<ReadFor> {
        let began = Instant::now();
        let mut table = match goal.only {
            None => self.table().await?,
            Some(only) => self.table_of(only).await?,
        };
        let time = began.elapsed();
        let plan = self
            .plan_of(
                goal.planner,
                goal.wanted,
                goal.record,
                goal.only,
                &mut table,
            )
            .await?;
        Ok(ReadFor { table, time, plan })
    }

    /// Carries out a plan. Servers that are replaced leave in a second batch, if others came.
    async fn carry_out(&mut self, plan: Plan) -> Round {
        let first = plan.first();
        let mut round = Round::new(plan);
        self.carry_out_steps(&mut round, &first).await;
        let second = round.plan.second(|step| round.error(step).is_none());
        round.keep_servers(&second.stay);
        if !second.go.is_empty() {
            match round.stopped {
                None => self.carry_out_steps(&mut round, &second.go).await,
                Some(_) => round.untried.extend(second.go),
            }
        }
        round.failures.sort_by_key(|it| it.index);
        round
    }

    async fn carry_out_steps(&mut self, round: &mut Round, steps: &[usize]) {
        let all = round.plan.steps();
        let operations = steps.iter().map(|step| all[*step].operation().clone());
        let outcome = self.execute_all(operations, OnFailure::Continue).await;
        round.enter(outcome, steps);
    }
}

/// Returns how long to wait after each round in which another program was in the way: 0.3 s in
/// all.
fn pauses() -> impl Iterator<Item = Duration> {
    (0..5).map(|step| Duration::from_millis(10 << step))
}

impl Round {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            failures: Vec::new(),
            stopped: None,
            untried: HashSet::new(),
        }
    }

    /// Enters what became of some steps.
    fn enter(&mut self, outcome: Outcome<Operation>, steps: &[usize]) {
        if let Some(untried) = outcome.untried_from().and_then(|it| steps.get(it..)) {
            self.untried.extend(untried);
        }
        self.failures
            .extend(outcome.failures.into_iter().map(|failed| FailedChange {
                index: steps[failed.index],
                ..failed
            }));
        self.stopped = self.stopped.take().or(outcome.stopped);
    }

    /// Enters steps that are not carried out, because they would leave a service without a server.
    fn keep_servers(&mut self, steps: &[usize]) {
        let kept = steps.iter().map(|step| {
            let operation = self.plan.steps()[*step].operation().clone();
            FailedChange {
                index: *step,
                error: operation_not_tried(&operation, Cause::LastServers),
                input: operation,
                in_doubt: false,
            }
        });
        self.failures.extend(kept);
    }

    pub(in crate::ipvs) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the operations that are known to be carried out.
    pub(in crate::ipvs) fn done(&self) -> impl Iterator<Item = &Operation> {
        let all = self.plan.operations().enumerate();
        all.filter_map(|(step, operation)| self.error(step).is_none().then_some(operation))
    }

    fn failure(&self, step: usize) -> Option<&FailedChange<Operation>> {
        let place = self.failures.binary_search_by_key(&step, |it| it.index);
        self.failures.get(place.ok()?)
    }

    /// Returns the error of a step that failed or was not tried.
    fn error(&self, step: usize) -> Option<&Error> {
        match self.failure(step) {
            Some(failure) => Some(&failure.error),
            None => self
                .stopped
                .as_ref()
                .filter(|_| self.untried.contains(&step)),
        }
    }

    fn result(&self, step: usize) -> StepResult {
        match self.failure(step) {
            Some(failure) if failure.in_doubt => StepResult::InDoubt,
            Some(_) => StepResult::Failed,
            None if self.untried.contains(&step) => StepResult::Failed,
            None => StepResult::Succeeded,
        }
    }

    /// Returns true if a failure shows that the table is not as it was read, because another
    /// program changed it or a reply was lost.
    fn is_disturbed(&self) -> bool {
        if self.stopped.is_some() || self.failures.is_empty() {
            return false;
        }
        // Servers cannot be added to a service that could not be added either.
        let not_added: HashSet<_> = self
            .failures
            .iter()
            .filter_map(|it| match &it.input {
                Operation::AddService(service) => Some(service.key),
                _ => None,
            })
            .collect();
        self.failures.iter().any(|it| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_wait_longer_and_longer() {
        let pauses: Vec<_> = pauses().collect();
        assert!(pauses.windows(2).all(|it| it[1] == it[0] * 2));
        assert_eq!(pauses.iter().sum::<Duration>(), Duration::from_millis(310));
    }
}
