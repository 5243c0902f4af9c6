//! What a call of the keeper left, and whether the next has to look further.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, SystemTime};

use super::drains;
use super::drift::Before;
use super::expected::is_expected;
use super::keeper::Keeper;
use super::object::Object;
use super::report::{ApplyReport, ObjectReport, ObjectState};
use super::scope::Ownership;
use super::wanted::WantedTable;
use crate::Family;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::proc::{Snapshot, SnapshotKey};

/// If no more than one in so many services is wanted otherwise, only these services are read.
const FEW: usize = 4;

/// What a call left.
#[derive(Debug)]
pub(in crate::ipvs) struct Last {
    pub(in crate::ipvs) wanted: WantedTable,
    /// What `/proc` showed, if the table was as wanted.
    seen: Option<Seen>,
    /// When the table was read.
    read_at: SystemTime,
    /// When it was last known of all services whether they are as wanted.
    checked_at: SystemTime,
    /// Whether the reading is not known to lack something.
    is_whole: bool,
    /// Whether the table is to be read whatever is known.
    pub(super) is_doubted: bool,
    failed: HashSet<Object>,
    left_alone: Vec<ObjectReport>,
}

/// What `/proc` showed.
#[derive(Debug)]
pub(in crate::ipvs) struct Seen {
    pub(in crate::ipvs) snapshot: Snapshot,
    /// The operations since.
    pub(in crate::ipvs) since: Vec<Operation>,
}

impl Seen {
    pub(in crate::ipvs) fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            since: Vec::new(),
        }
    }
}

impl Last {
    /// Returns what the call brought the table to, if that is known.
    pub(in crate::ipvs) fn before(&self) -> Option<Before<'_>> {
        self.is_whole.then_some(Before {
            wanted: &self.wanted,
            failed: &self.failed,
        })
    }
}

fn is_younger(time: SystemTime, age: Duration, now: SystemTime) -> bool {
    now.duration_since(time).is_ok_and(|it| it < age)
}

/// What has to be read.
impl Keeper {
    /// Returns true if the last reading of the table is not too old.
    fn has_read(&self, last: &Last, now: SystemTime) -> bool {
        !last.is_doubted && is_younger(last.read_at, self.read_every, now)
    }

    /// Returns true if it is known that the table is as the last call wanted it, apart from what
    /// other programs did since a check that is not too old.
    fn has_checked(&self, last: &Last, now: SystemTime) -> bool {
        last.is_whole
            && self.has_read(last, now)
            && is_younger(last.checked_at, self.check_every, now)
    }

    /// Returns true if it is enough to look at `/proc`, provided that it shows no change.
    pub(in crate::ipvs) fn may_look(&self, wanted: Option<&WantedTable>, now: SystemTime) -> bool {
        self.last.as_ref().is_some_and(|last| {
            let seen = last.seen.as_ref();
            !self.times.avoid_proc()
                && seen.is_some_and(|it| self.times.are_known(it.snapshot.len()))
                && self.has_read(last, now)
                && wanted.is_none_or(|wanted| *wanted == last.wanted)
        })
    }

    /// Returns the services that are to be read and changed, if all others are as the last call
    /// left them.
    pub(in crate::ipvs) fn few_changes(
        &self,
        wanted: &WantedTable,
        now: SystemTime,
    ) -> Option<BTreeSet<ServiceKey>> {
        let last = self.last.as_ref()?;
        if !self.has_checked(last, now) {
            return None;
        }
        let mut few = wanted.changes_since(&last.wanted);
        if few.is_empty() {
            return None;
        }
        few.extend(last.failed.iter().map(|it| it.service));
        (few.len() * FEW <= wanted.len()).then_some(few)
    }

    /// Returns true if only the services with draining servers have to be read, because `/proc`
    /// takes longer than the table and everything was checked not long ago.
    pub(in crate::ipvs) fn only_drains(
        &self,
        wanted: Option<&WantedTable>,
        now: SystemTime,
    ) -> bool {
        self.last.as_ref().is_some_and(|last| {
            self.times.avoid_proc()
                && !self.record.drains().is_empty()
                && last.failed.is_empty()
                && self.has_checked(last, now)
                && wanted.is_none_or(|wanted| *wanted == last.wanted)
        })
    }

    /// Returns true if the draining servers are to be looked at.
    pub(in crate::ipvs) fn looks_at_drains(&self, now: SystemTime) -> bool {
        !self.record.drains().is_empty() && self.look_at.is_some_and(|it| it <= now)
    }

    /// Returns the time after which the next call is due.
    pub(in crate::ipvs) fn next(&self, now: SystemTime) -> Duration {
        let until = |time: SystemTime| time.duration_since(now).unwrap_or_default();
        let last = self.last.as_ref();
        let read = last.and_then(|it| it.read_at.checked_add(self.read_every));
        let check = last.and_then(|it| it.checked_at.checked_add(self.check_every));
        let all = [self.look_at, read, check];
        all.into_iter()
            .flatten()
            .map(until)
            .fold(self.check_every, Duration::min)
    }

    /// Remembers when to look at the draining servers, where some of them were not looked at.
    pub(in crate::ipvs) fn look_soon(&mut self, now: SystemTime) {
        let drains = self.record.drains();
        let new = drains::after(now, self.planner.policy.look_every);
        let ends = drains.iter().map(|(_, until)| until);
        let next = ends.chain(self.look_at).chain([new]).min();
        self.look_at = next.filter(|_| !drains.is_empty());
    }
}

/// What `/proc` shows.
impl Keeper {
    /// Returns true if `/proc` shows the program's own services as the last call left them.
    pub(in crate::ipvs) fn is_as_left(&self, now: &Snapshot) -> bool {
        let before = self.last.as_ref().and_then(|last| last.seen.as_ref());
        before.is_some_and(|before| {
            let since: Vec<_> = before.since.iter().collect();
            self.is_expected(&before.snapshot, &since, now)
        })
    }

    /// Returns true if `after` shows what operations made of `before`, as far as it concerns the
    /// program's own services.
    fn is_expected(&self, before: &Snapshot, operations: &[&Operation], after: &Snapshot) -> bool {
        is_expected(before, operations, after, |key| self.is_own(key))
    }

    /// Returns true if something of the services that are shown under a key belongs to the
    /// program.
    fn is_own(&self, key: &SnapshotKey) -> bool {
        let wanted = self.last.as_ref().map(|last| &last.wanted);
        let is_own = |key: ServiceKey| {
            let wanted = wanted.is_some_and(|it| it.get(key).is_some());
            let recorded = self.record.applied().contains_key(&key);
            let ownership = self.planner.scope.ownership(&key, wanted, recorded);
            ownership != Ownership::Nothing || self.record.drains().has(&key)
        };
        match *key {
            SnapshotKey::Address { protocol, address } => {
                is_own(ServiceKey::address(protocol, address))
            }
            SnapshotKey::FirewallMark { mark } => [Family::Ipv4, Family::Ipv6]
                .into_iter()
                .any(|family| is_own(ServiceKey::firewall_mark(mark, family))),
        }
    }

    /// Takes what `/proc` showed when the table was last as wanted.
    pub(in crate::ipvs) fn take_seen(&mut self) -> Option<Seen> {
        self.last.as_mut().and_then(|last| last.seen.take())
    }

    /// Remembers what `/proc` shows now, although the table is not as it was left.
    pub(in crate::ipvs) fn see_change(&mut self, seen: Snapshot) {
        let before = self.take_seen();
        if let Some(last) = &mut self.last {
            last.seen = Some(Seen::new(seen));
        }
        self.reuse(before);
    }

    /// Remembers what `/proc` shows, if the table is as it was left.
    pub(in crate::ipvs) fn see(&mut self, seen: Option<Snapshot>) {
        let before = self.take_seen();
        if let Some(last) = &mut self.last {
            let seen = seen.filter(|_| last.failed.is_empty());
            last.seen = seen.map(Seen::new);
        }
        self.reuse(before);
    }

    fn reuse(&mut self, seen: Option<Seen>) {
        if let Some(seen) = seen {
            self.spare = seen.snapshot;
        }
    }

    /// Remembers operations that `/proc` does not show yet.
    pub(in crate::ipvs) fn will_see(&mut self, operations: impl Iterator<Item = Operation>) {
        let Some(last) = &mut self.last else {
            return;
        };
        let Some(seen) = &mut last.seen else {
            return;
        };
        seen.since.extend(operations);
        // Where much has changed, the table is read instead.
        if !last.failed.is_empty() || seen.since.len() > 1_000 + 4 * seen.snapshot.len() {
            let seen = last.seen.take();
            self.reuse(seen);
        }
    }

    /// Remembers what `/proc` shows, if that is what operations made of what it showed before.
    /// `services` is the number of services that there should be.
    pub(in crate::ipvs) fn settle(
        &mut self,
        before: Snapshot,
        operations: &[&Operation],
        after: Snapshot,
        services: usize,
    ) {
        let is_expected = after.len() == services && self.is_expected(&before, operations, &after);
        if let Some(last) = &mut self.last {
            // The kernel can leave out services of a table that changes while it is read.
            last.is_whole &= after.len() <= services;
        }
        self.see(is_expected.then_some(after));
        self.spare = before;
    }
}

/// What was wanted and done.
impl Keeper {
    /// Remembers what a call brought the table to.
    pub(in crate::ipvs) fn remember(
        &mut self,
        wanted: &WantedTable,
        report: &ApplyReport,
        now: SystemTime,
    ) {
        self.last = Some(Last {
            wanted: wanted.clone(),
            seen: None,
            read_at: now,
            checked_at: now,
            is_whole: true,
            is_doubted: false,
            left_alone: left_alone(report).collect(),
            failed: report.failures().map(|it| it.object).collect(),
        });
    }

    /// Remembers what a call brought some services to.
    pub(in crate::ipvs) fn remember_some(
        &mut self,
        services: &BTreeSet<ServiceKey>,
        wanted: &WantedTable,
        report: &ApplyReport,
    ) {
        if let Some(last) = &mut self.last {
            last.wanted.follow(wanted, services);
            last.left_alone = left_alone(report).collect();
            last.failed = report.failures().map(|it| it.object).collect();
        }
    }

    /// Remembers that the table was read and was as wanted.
    pub(in crate::ipvs) fn has_just_read(&mut self, now: SystemTime) {
        if let Some(last) = &mut self.last {
            (last.read_at, last.checked_at) = (now, now);
            last.is_doubted = false;
        }
    }

    /// Remembers that `/proc` showed the table as wanted.
    pub(in crate::ipvs) fn has_just_looked(&mut self, now: SystemTime) {
        if let Some(last) = &mut self.last {
            last.checked_at = now;
        }
    }

    /// Returns a report of what is as it was: what drains and what is left alone.
    pub(in crate::ipvs) fn report(&self) -> ApplyReport {
        let mut report = ApplyReport::new();
        self.report_others(&BTreeSet::new(), &mut report);
        report
    }

    /// Enters what is as it was, apart from some services.
    pub(in crate::ipvs) fn report_others(
        &self,
        services: &BTreeSet<ServiceKey>,
        report: &mut ApplyReport,
    ) {
        let drains = self.record.drains().iter();
        let drains = drains
            .map(|(object, until)| ObjectReport::new(object, ObjectState::DrainingUntil(until)));
        let left_alone = self
            .last
            .iter()
            .flat_map(|it| it.left_alone.iter().cloned());
        let all = drains.chain(left_alone);
        let others = all.filter(|it| !services.contains(&it.object.service));
        report.objects.extend(others);
    }
}

fn left_alone(report: &ApplyReport) -> impl Iterator<Item = ObjectReport> {
    let objects = report.objects.iter();
    let left_alone = objects.filter(|it| matches!(it.state, ObjectState::LeftAlone(_)));
    left_alone.cloned()
}
