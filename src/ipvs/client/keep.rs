//! Keeps the table as it is wanted, with as little reading as possible.

use std::time::{Instant, SystemTime};

use super::Client;
use super::apply::{Goal, Round};
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::TableEntry;
use crate::ipvs::plan::{
    Drains, Keeper, Kept, Last, Look, Reading, Record, Step, WantedTable, drifted,
};
use crate::ipvs::proc::growth::{ATTEMPTS, PAUSE};
use crate::ipvs::proc::{Proc, Snapshot, sysctl};
use crate::netlink::Transport;
use crate::{Missing, OnFailure, Result};

impl<T: Transport> Client<T> {
    pub(crate) async fn keep(
        &mut self,
        keeper: &mut Keeper,
        wanted: Option<&WantedTable>,
    ) -> Result<Kept> {
        let now = SystemTime::now();
        if keeper.may_look(wanted, now) {
            match self.now(keeper).await {
                Some(seen) if keeper.is_as_left(&seen) => {
                    return self.only_end_drains(keeper, seen, now).await;
                }
                Some(seen) => keeper.see_change(seen),
                None => {}
            }
        }
        match wanted {
            Some(wanted) => self.bring_back(keeper, wanted, now).await,
            None => self.compare(keeper, now).await,
        }
    }

    /// Ends drains. The table is as the last call left it, and `seen` is what `/proc` shows of it.
    async fn only_end_drains(
        &mut self,
        keeper: &mut Keeper,
        seen: Snapshot,
        now: SystemTime,
    ) -> Result<Kept> {
        let mut kept = Kept {
            report: keeper.report(),
            ..Kept::default()
        };
        let policy = &keeper.planner.policy;
        let drains = keeper.record.drains();
        let look = match (drains.is_empty(), drains.needs_table(policy)) {
            (true, _) => Look::default(),
            (false, true) => {
                let entries = self.draining(drains).await?;
                keeper.record.look(policy, Reading::Table(&entries), now)
            }
            (false, false) => keeper.record.look(policy, Reading::Snapshot(&seen), now),
        };
        let next = look.next;
        let ended = self.end(look, &mut keeper.record, &mut kept).await;
        let services = services_after(seen.len(), &ended);
        let changes: Vec<_> = ended.iter().collect();
        self.settle(keeper, Some(seen), &changes, services).await;
        if !ended.is_empty() {
            keeper.save.save(&keeper.record)?;
        }
        kept.next = keeper.next(now, next);
        Ok(kept)
    }

    /// Reads the table, brings it to what is wanted, and ends drains.
    async fn bring_back(
        &mut self,
        keeper: &mut Keeper,
        wanted: &WantedTable,
        now: SystemTime,
    ) -> Result<Kept> {
        let before = self.before(keeper).await;
        if let Some(Ok(on)) = keeper
            .proc
            .as_ref()
            .map(|proc| proc.get(sysctl::EXPIRE_QUIESCENT_TEMPLATE))
        {
            keeper.planner.expire_quiescent_template = on;
        }
        let goal = Goal {
            planner: &keeper.planner,
            wanted,
            record: &mut keeper.record,
            before: keeper.last.as_ref().and_then(Last::before),
        };
        let save = &mut keeper.save;
        let applied = self.bring_to(goal, &mut |record| save.save(record)).await?;
        let mut kept = Kept {
            report: applied.report,
            read_table: true,
            ..Kept::default()
        };
        let reading = Reading::Table(&applied.table);
        let look = keeper.record.look(&keeper.planner.policy, reading, now);
        let next = look.next;
        let ended = self.end(look, &mut keeper.record, &mut kept).await;
        keeper.remember(wanted, &kept.report, now);

        keeper.compare_times(applied.table.len(), applied.reading_time);
        let last = applied.rounds.last().into_iter().flat_map(Round::done);
        let services = services_after(applied.table.len(), last.chain(&ended));
        let done = applied.rounds.iter().flat_map(Round::done);
        let done: Vec<_> = done.chain(&ended).collect();
        self.settle(keeper, before, &done, services).await;
        keeper.save.save(&keeper.record)?;
        kept.next = keeper.next(now, next);
        Ok(kept)
    }

    /// Reads the table, compares it with what the last call brought it to, and ends drains.
    async fn compare(&mut self, keeper: &mut Keeper, now: SystemTime) -> Result<Kept> {
        let before = self.before(keeper).await;
        let began = Instant::now();
        let mut table = self.table().await?;
        keeper.compare_times(table.len(), began.elapsed());
        let mut kept = Kept {
            report: keeper.report(),
            read_table: true,
            ..Kept::default()
        };
        let mut is_as_wanted = false;
        if let Some(last) = &keeper.last {
            let mut plan = keeper.planner.plan(&last.wanted, &table, &keeper.record);
            if !plan.is_empty() {
                table = self.verified_table().await?;
                plan = keeper.planner.plan(&last.wanted, &table, &keeper.record);
            }
            let drifted = drifted(&plan, &last.wanted, &keeper.record, last.before());
            let drifted = drifted
                .into_iter()
                .filter_map(|step| plan.steps().get(step));
            kept.report.drift = drifted.map(Step::object).collect();
            is_as_wanted = plan.is_empty();
        }
        let policy = &keeper.planner.policy;
        let look = keeper.record.look(policy, Reading::Table(&table), now);
        let next = look.next;
        let ended = self.end(look, &mut keeper.record, &mut kept).await;
        if is_as_wanted {
            let services = services_after(table.len(), &ended);
            let ended: Vec<_> = ended.iter().collect();
            keeper.has_read(now);
            self.settle(keeper, before, &ended, services).await;
        }
        keeper.save.save(&keeper.record)?;
        kept.next = keeper.next(now, next);
        Ok(kept)
    }

    /// Carries out the operations that end drains. Returns those that succeeded.
    async fn end(&mut self, look: Look, record: &mut Record, kept: &mut Kept) -> Vec<Operation> {
        let operations = look.operations.iter().cloned();
        let outcome = self.execute_all(operations, OnFailure::Continue).await;
        let mut ended = Vec::new();
        for (index, operation) in look.operations.into_iter().enumerate() {
            // Another program may have been faster.
            let missing = [Some(Missing::Service), Some(Missing::Server)];
            let error = outcome.error(index);
            let error = error.filter(|it| !missing.contains(&it.missing()));
            kept.report.enter_drain(&operation, error);
            if error.is_none() {
                record.done(&operation);
                ended.push(operation);
            }
        }
        kept.cut = look.cut;
        ended
    }

    /// Reads the services with draining servers.
    async fn draining(&mut self, drains: &Drains) -> Result<Vec<TableEntry>> {
        let mut entries = Vec::new();
        for key in drains.keys() {
            let service = match self.service(*key).await {
                Ok(service) => service,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            let servers = self.servers_if_any(*key).await?;
            entries.push(TableEntry { service, servers });
        }
        Ok(entries)
    }

    /// Returns what `/proc` showed after the last call, or shows now.
    async fn before(&mut self, keeper: &mut Keeper) -> Option<Snapshot> {
        let before = keeper.last.as_mut().and_then(|last| last.seen.take());
        match before {
            Some(before) => Some(before),
            None => self.now(keeper).await,
        }
    }

    /// Remembers what `/proc` shows, if that is what operations made of what it showed before.
    /// `services` is the number of services that there should be.
    ///
    /// Without operations, it is not read again: if another program has changed something since,
    /// the next call finds that.
    async fn settle(
        &mut self,
        keeper: &mut Keeper,
        before: Option<Snapshot>,
        operations: &[&Operation],
        services: usize,
    ) {
        let Some(before) = before else {
            return;
        };
        if operations.is_empty() && before.len() == services {
            keeper.see(Some(before));
        } else if let Some(after) = self.now(keeper).await {
            keeper.settle(before, operations, after, services);
        }
    }

    async fn now(&mut self, keeper: &mut Keeper) -> Option<Snapshot> {
        if keeper.avoids_proc() {
            return None;
        }
        let mut now = std::mem::take(&mut keeper.spare);
        let began = Instant::now();
        let is_read = self.snapshot(keeper.proc.as_ref(), &mut now).await;
        keeper.look_time = began.elapsed();
        is_read.then_some(now)
    }

    /// Reads a snapshot as [`Proc::snapshot_into`] does. Returns false if it can't be read.
    async fn snapshot(&mut self, proc: Option<&Proc>, snapshot: &mut Snapshot) -> bool {
        let Some(proc) = proc else {
            return false;
        };
        let mut before = None;
        for attempt in 0..ATTEMPTS {
            if attempt != 0 {
                self.control.pause(PAUSE).await;
            }
            match proc.try_snapshot_into(snapshot, &mut before) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
        }
        false
    }
}

/// Returns how many services there are after some operations.
fn services_after<'a>(before: usize, operations: impl IntoIterator<Item = &'a Operation>) -> usize {
    operations.into_iter().fold(before, |count, it| match it {
        Operation::AddService(_) => count + 1,
        Operation::RemoveService(_) => count.saturating_sub(1),
        _ => count,
    })
}
