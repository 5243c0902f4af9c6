//! Keeps the table as it is wanted, with as little reading as possible.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use super::Client;
use super::apply::{Applied, Goal, Round};
use crate::ipvs::model::control_interface::ControlInterface;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::plan::{
    Changes, Keeper, Kept, Last, Look, Reading, Seen, Step, WantedTable, drifted,
};
use crate::ipvs::proc::growth::{ATTEMPTS, PAUSE};
use crate::ipvs::proc::{Proc, Snapshot, SnapshotKey, sysctl};
use crate::netlink::Transport;
use crate::{Missing, OnFailure, Result};

impl<T: Transport> Client<T> {
    pub(crate) async fn keep(
        &mut self,
        keeper: &mut Keeper,
        wanted: Option<&WantedTable>,
    ) -> Result<Kept> {
        let now = SystemTime::now();
        if let Some(wanted) = wanted {
            if let Some(services) = keeper.few_changes(wanted, now) {
                return self.bring_some_back(keeper, &services, wanted, now).await;
            }
        }
        if keeper.only_drains(wanted, now) {
            return self.only_end_drains(keeper, None, now).await;
        }
        if keeper.may_look(wanted, now) {
            match self.now(keeper).await {
                Some(seen) if keeper.is_as_left(&seen) => {
                    return self.only_end_drains(keeper, Some(seen), now).await;
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

    /// Ends drains. The table is as the last call left it. `seen` is what `/proc` shows of it, if
    /// that was read.
    async fn only_end_drains(
        &mut self,
        keeper: &mut Keeper,
        seen: Option<Snapshot>,
        now: SystemTime,
    ) -> Result<Kept> {
        let mut kept = Kept {
            report: keeper.report(),
            ..Kept::default()
        };
        let changes = Changes::since(&keeper.record);
        let ended = self
            .end_drains(keeper, seen.as_ref(), now, &mut kept)
            .await?;
        match seen {
            Some(seen) => {
                let services = services_after(seen.len(), &ended);
                let operations: Vec<_> = ended.iter().collect();
                keeper.has_just_looked(now);
                self.settle(keeper, seen, &operations, services).await;
            }
            None => keeper.will_see(ended.iter().cloned()),
        }
        save(keeper, changes, &ended)?;
        kept.next = keeper.next(now);
        Ok(kept)
    }

    /// Reads a few services and brings them to what is wanted. All others are as the last call left
    /// them. Ends drains if it is time.
    async fn bring_some_back(
        &mut self,
        keeper: &mut Keeper,
        services: &BTreeSet<ServiceKey>,
        wanted: &WantedTable,
        now: SystemTime,
    ) -> Result<Kept> {
        let mut changes = Changes::since(&keeper.record);
        let applied = self
            .bring_to_wanted(keeper, wanted, Some(services), &mut changes)
            .await?;
        let mut kept = Kept {
            report: applied.report,
            ..Kept::default()
        };
        keeper.report_others(services, &mut kept.report);
        let mut ended = Vec::new();
        if keeper.looks_at_drains(now) {
            ended = self.end_drains(keeper, None, now, &mut kept).await?;
        }
        keeper.look_soon(now);
        keeper.remember_some(services, wanted, &kept.report);

        let done = applied.rounds.iter().flat_map(Round::done);
        keeper.will_see(done.chain(&ended).cloned());
        save(keeper, changes, &ended)?;
        kept.next = keeper.next(now);
        Ok(kept)
    }

    /// Reads the table, brings it to what is wanted, and ends drains.
    async fn bring_back(
        &mut self,
        keeper: &mut Keeper,
        wanted: &WantedTable,
        now: SystemTime,
    ) -> Result<Kept> {
        let before = match keeper.times.are_known(wanted.len()) {
            true => self.before(keeper).await,
            false => None,
        };
        let mut changes = Changes::since(&keeper.record);
        let applied = self
            .bring_to_wanted(keeper, wanted, None, &mut changes)
            .await?;
        let mut kept = Kept {
            report: applied.report,
            read_table: true,
            ..Kept::default()
        };
        let reading = Reading::Table(&applied.table);
        let look = keeper.record.look(&keeper.planner.policy, reading, now);
        let ended = self.end(look, keeper, &mut kept).await;
        keeper.remember(wanted, &kept.report, now);

        let services = applied.table.len();
        keeper.times.enter_reading(services, applied.reading_time);
        if let Some(Seen { snapshot, since }) = before {
            let last = applied.rounds.last().into_iter().flat_map(Round::done);
            let services = services_after(services, last.chain(&ended)) + self.unlisted(&snapshot);
            let done = applied.rounds.iter().flat_map(Round::done);
            let done: Vec<_> = since.iter().chain(done).chain(&ended).collect();
            self.settle(keeper, snapshot, &done, services).await;
        }
        save(keeper, changes, &ended)?;
        kept.next = keeper.next(now);
        Ok(kept)
    }

    /// Brings the table, or only some services, to what is wanted.
    async fn bring_to_wanted(
        &mut self,
        keeper: &mut Keeper,
        wanted: &WantedTable,
        only: Option<&BTreeSet<ServiceKey>>,
        changes: &mut Changes,
    ) -> Result<Applied> {
        let sysctl = sysctl::EXPIRE_QUIESCENT_TEMPLATE;
        if let Some(Ok(on)) = keeper.proc.as_ref().map(|proc| proc.get(sysctl)) {
            keeper.planner.expire_quiescent_template = on;
        }
        let goal = Goal {
            planner: &keeper.planner,
            wanted,
            record: &mut keeper.record,
            only,
            before: keeper.last.as_ref().and_then(Last::before),
        };
        let save = &mut keeper.save;
        let applied = self
            .bring_to(goal, &mut |record, plan| {
                changes.enter_plan(plan);
                save.save(record, changes.services(record))
            })
            .await?;
        // Plans without steps change the record, too.
        applied
            .rounds
            .iter()
            .for_each(|it| changes.enter_plan(it.plan()));
        Ok(applied)
    }

    /// Reads the table, compares it with what the last call brought it to, and ends drains.
    async fn compare(&mut self, keeper: &mut Keeper, now: SystemTime) -> Result<Kept> {
        let before = self.before(keeper).await;
        let began = Instant::now();
        let mut table = self.table().await?;
        keeper.times.enter_reading(table.len(), began.elapsed());
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
        let changes = Changes::since(&keeper.record);
        self.add_missed_drains(&mut table, keeper.record.drains())
            .await?;
        let policy = &keeper.planner.policy;
        let look = keeper.record.look(policy, Reading::Table(&table), now);
        let ended = self.end(look, keeper, &mut kept).await;
        if is_as_wanted {
            keeper.has_just_read(now);
            if let Some(Seen { snapshot, since }) = before {
                let services = services_after(table.len(), &ended) + self.unlisted(&snapshot);
                let done: Vec<_> = since.iter().chain(&ended).collect();
                self.settle(keeper, snapshot, &done, services).await;
            }
        }
        save(keeper, changes, &ended)?;
        kept.next = keeper.next(now);
        Ok(kept)
    }

    /// Looks at the draining servers, in what `/proc` shows if that is enough, and ends the drains
    /// whose time has come. Returns the operations that succeeded.
    async fn end_drains(
        &mut self,
        keeper: &mut Keeper,
        seen: Option<&Snapshot>,
        now: SystemTime,
        kept: &mut Kept,
    ) -> Result<Vec<Operation>> {
        let policy = &keeper.planner.policy;
        let drains = keeper.record.drains();
        let shows_all = |it: &&Snapshot| drains.lacking(Reading::Snapshot(it)).is_empty();
        let seen = seen.filter(|it| !drains.needs_table(policy) && shows_all(it));
        let look = match seen {
            _ if drains.is_empty() => Look::default(),
            Some(seen) => keeper.record.look(policy, Reading::Snapshot(seen), now),
            None => {
                let keys: Vec<_> = drains.keys().copied().collect();
                let mut table = self.table_of(&keys).await?;
                self.add_missed_drains(&mut table, drains).await?;
                keeper.record.look(policy, Reading::Table(&table), now)
            }
        };
        Ok(self.end(look, keeper, kept).await)
    }

    /// Carries out the operations that end drains. Returns those that succeeded.
    async fn end(&mut self, look: Look, keeper: &mut Keeper, kept: &mut Kept) -> Vec<Operation> {
        keeper.look_at = look.next;
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
                keeper.record.done(&operation);
                ended.push(operation);
            }
        }
        kept.cut = look.cut;
        ended
    }

    /// Returns what `/proc` showed after the last call, or shows now.
    async fn before(&mut self, keeper: &mut Keeper) -> Option<Seen> {
        match keeper.take_seen() {
            Some(seen) => Some(seen),
            None => self.now(keeper).await.map(Seen::new),
        }
    }

    /// Returns how many services of a snapshot are not in the tables that are read: over socket
    /// options those with IPv6 addresses. Firewall marks of IPv6 are not counted, since `/proc` does
    /// not show their family. Beside these, each call reads the table.
    fn unlisted(&self, snapshot: &Snapshot) -> usize {
        let is_ipv6 = |key: SnapshotKey| match key {
            SnapshotKey::Address { address, .. } => address.is_ipv6(),
            SnapshotKey::FirewallMark { .. } => false,
        };
        match self.control_interface() {
            ControlInterface::Netlink => 0,
            ControlInterface::SocketOptions => {
                snapshot.iter().filter(|(it, _)| is_ipv6(it.key)).count()
            }
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
        before: Snapshot,
        operations: &[&Operation],
        services: usize,
    ) {
        if operations.is_empty() && before.len() == services {
            keeper.see(Some(before));
        } else if let Some(after) = self.now(keeper).await {
            keeper.settle(before, operations, after, services);
        }
    }

    async fn now(&mut self, keeper: &mut Keeper) -> Option<Snapshot> {
        if keeper.times.avoid_proc() {
            return None;
        }
        let mut now = std::mem::take(&mut keeper.spare);
        let began = Instant::now();
        let until = keeper.times.look_until(began);
        let is_read = self.snapshot(keeper.proc.as_ref(), &mut now, until).await;
        keeper.times.look = began.elapsed();
        is_read.then_some(now)
    }

    /// Reads a snapshot as [`Proc::snapshot_into`] does. Returns false if it cannot be read, or not
    /// until then.
    async fn snapshot(
        &mut self,
        proc: Option<&Proc>,
        snapshot: &mut Snapshot,
        until: Option<Instant>,
    ) -> bool {
        let Some(proc) = proc else {
            return false;
        };
        let mut before = None;
        for attempt in 0..ATTEMPTS {
            if attempt != 0 {
                self.control.pause(PAUSE).await;
            }
            match proc.try_snapshot_into(snapshot, &mut before, until) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
        }
        false
    }
}

/// Saves what changed in the record, also by the operations that ended drains.
fn save(keeper: &mut Keeper, mut changes: Changes, ended: &[Operation]) -> Result<()> {
    ended.iter().for_each(|it| changes.enter(it));
    let services = changes.services(&keeper.record);
    keeper.save.save(&keeper.record, services)
}

/// Returns how many services there are after some operations.
fn services_after<'a>(before: usize, operations: impl IntoIterator<Item = &'a Operation>) -> usize {
    operations.into_iter().fold(before, |count, it| match it {
        Operation::AddService(_) => count + 1,
        Operation::RemoveService(_) => count.saturating_sub(1),
        _ => count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{ServiceKey, VirtualService};

    #[test]
    fn services_are_counted_after_operations() {
        let key = ServiceKey::tcp("10.0.0.1:80".parse().unwrap());
        let add = || Operation::AddService(VirtualService::new(key));
        let operations = [add(), add(), Operation::RemoveService(key), Operation::Zero];
        assert_eq!(services_after(5, &operations), 6);
        assert_eq!(services_after(0, &[Operation::RemoveService(key)]), 0);
    }
}
