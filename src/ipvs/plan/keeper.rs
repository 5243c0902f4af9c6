use std::collections::HashSet;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use super::drains::Cut;
use super::drift::Before;
use super::expected::is_expected;
use super::object::Object;
use super::planner::Planner;
use super::record::Record;
use super::report::{ApplyReport, ObjectReport, ObjectState};
use super::scope::Ownership;
use super::wanted::WantedTable;
use crate::error::Cause;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::proc::{Proc, Snapshot, SnapshotKey};
use crate::{Error, Family, Result};

/// Keeps the table as a program wants it, call by call.
///
/// [`Ipvs::keep`](crate::ipvs::Ipvs::keep) does the work, and
/// `ipvset::tokio::Ipvs::keep` does it on tokio. The keeper has what a call
/// needs to know of those before: the record, the draining servers, and what `/proc` showed when
/// the table was as wanted.
///
/// A call looks at `/proc` first. If that shows the program's services as the call before left
/// them, the table is not read. With 1,000 services of 10 servers, the look takes about a sixth of
/// the time. With 10,000 services, Linux 6.1 takes longer for `/proc` than for the table. Where a
/// look takes longer, the next fifty calls only read the table. To know that, the keeper reads a
/// table of 2,000 services or more once before a look is enough. `/proc` does not show everything
/// (see [`Snapshot`](crate::ipvs::proc::Snapshot)), so the table is read
/// [from time to time](Keeper::read_every) all the same.
///
/// The kernel can leave out services if other programs add and remove some while the table is
/// read. A call that meets this ends with the table as wanted, or the next call reads it again. But
/// what was left out can be reported as drift later.
///
/// Up to Linux 7.0, `/proc` does not show all services if the table is larger than a page and
/// another network namespace has services, too. Then each call reads the table.
///
/// ```no_run
/// use ipvset::ipvs::plan::{Keeper, Planner, Scope, WantedTable};
/// use ipvset::ipvs::Ipvs;
///
/// let mut ipvs = Ipvs::connect()?;
/// let mut keeper = Keeper::new(Planner::new().scope(Scope::everything()));
/// loop {
///     let wanted: WantedTable = std::fs::read_to_string("table")?.parse()?;
///     let kept = ipvs.keep(&mut keeper, &wanted)?;
///     for object in &kept.report.drift {
///         eprintln!("another program changed {object}");
///     }
///     std::thread::sleep(kept.next);
/// }
/// # #[expect(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Keeper {
    pub(in crate::ipvs) planner: Planner,
    pub(in crate::ipvs) record: Record,
    /// The files of the handle's network namespace.
    pub(in crate::ipvs) proc: Option<Proc>,
    pub(in crate::ipvs) save: Save,
    /// What the last call left.
    pub(in crate::ipvs) last: Option<Last>,
    /// The memory of a snapshot.
    pub(in crate::ipvs) spare: Snapshot,
    /// How long the last look at `/proc` took.
    pub(in crate::ipvs) look_time: Duration,
    /// The number of readings of the table until the next look at `/proc`.
    readings_before_look: u32,
    /// The number of services of the last table whose reading was compared with a look.
    compared: usize,
    check_every: Duration,
    read_every: Duration,
}

/// The number of services from which on `/proc` can take longer than the table. Up to Linux 7.0,
/// its time grows with the square of the number.
const MANY: usize = 2_000;

/// The number of readings of the table for one look at `/proc`, if that takes longer.
const READINGS: u32 = 50;

/// What [`Ipvs::keep`](crate::ipvs::Ipvs::keep) found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Kept {
    /// What became of the services and servers, and what other programs changed.
    pub report: ApplyReport,
    /// The servers that were removed although they have connections, because their time was up.
    pub cut: Vec<Cut>,
    /// Whether the whole table was read. Otherwise, what `/proc` showed was enough.
    pub read_table: bool,
    /// The time after which the next call is due, at the latest.
    pub next: Duration,
}

/// What a call left.
#[derive(Debug)]
pub(in crate::ipvs) struct Last {
    pub(in crate::ipvs) wanted: WantedTable,
    /// What `/proc` showed, if the table was as wanted.
    pub(in crate::ipvs) seen: Option<Snapshot>,
    /// When the table was read.
    read_at: SystemTime,
    /// Whether the reading is not known to lack something.
    is_whole: bool,
    failed: HashSet<Object>,
    left_alone: Vec<ObjectReport>,
}

impl Keeper {
    /// Returns a keeper that knows of nothing that was applied before. It uses the `/proc` of the
    /// calling thread's network namespace.
    ///
    /// The planner's [`expire_quiescent_template`](Planner::expire_quiescent_template) is set to
    /// the value of the sysctl whenever the table is read, if `/proc` is there.
    pub fn new(planner: Planner) -> Self {
        Self {
            planner,
            record: Record::new(),
            proc: Some(Proc::new()),
            save: Save(None),
            last: None,
            spare: Snapshot::default(),
            look_time: Duration::ZERO,
            readings_before_look: 0,
            compared: 0,
            check_every: Duration::from_secs(10),
            read_every: Duration::from_secs(300),
        }
    }

    /// Goes on with the record of an earlier keeper, so that what it applied can be removed and
    /// its drains end in time.
    #[must_use]
    pub fn with_record(mut self, record: Record) -> Self {
        self.record = record;
        self
    }

    /// Sets the `/proc` to look at: that of the network namespace in which the handle was opened.
    /// With `None`, each call reads the table.
    #[must_use]
    pub fn proc(mut self, proc: impl Into<Option<Proc>>) -> Self {
        self.proc = proc.into();
        self
    }

    /// Sets the longest time between two calls. The default is ten seconds.
    #[must_use]
    pub fn check_every(mut self, interval: Duration) -> Self {
        self.check_every = interval;
        self
    }

    /// Sets the age from which on the last reading of the table is too old, so that it is read
    /// again even if `/proc` shows no change. The default is five minutes. With zero, each call
    /// reads the table.
    #[must_use]
    pub fn read_every(mut self, interval: Duration) -> Self {
        self.read_every = interval;
        self
    }

    /// Sets a function that saves the record.
    ///
    /// It is called before each plan is carried out, and after each call that may have changed
    /// the record. So if the program is killed, drains that had begun still end in time. If the
    /// function fails, [`Ipvs::keep`](crate::ipvs::Ipvs::keep) returns its error, and does not
    /// carry out the plan.
    #[must_use]
    pub fn save_with(
        mut self,
        save: impl FnMut(&Record) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.save = Save(Some(Box::new(save)));
        self
    }

    /// Returns what was applied, and what drains. A program stores it between its runs, and gives
    /// it to [`Keeper::with_record`].
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Returns the planner.
    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// Returns true if a look at `/proc` would take longer than reading the table.
    pub(in crate::ipvs) fn avoids_proc(&self) -> bool {
        self.readings_before_look > 0
    }

    /// Avoids `/proc` for some time if the last look there took longer than reading a table.
    pub(in crate::ipvs) fn compare_times(&mut self, services: usize, reading_time: Duration) {
        self.compared = services;
        self.readings_before_look = match self.readings_before_look {
            0 if services >= MANY && self.look_time > reading_time => READINGS,
            before => before.saturating_sub(1),
        };
    }

    /// Returns true if it is known whether a look at so many services takes longer than reading the
    /// table, or if that does not matter.
    fn is_compared(&self, services: usize) -> bool {
        services < MANY || services <= self.compared.saturating_mul(2)
    }

    /// Returns true if it is enough to look at `/proc`, provided that it shows no change.
    pub(in crate::ipvs) fn may_look(&self, wanted: Option<&WantedTable>, now: SystemTime) -> bool {
        self.last.as_ref().is_some_and(|last| {
            let age = now.duration_since(last.read_at);
            !self.avoids_proc()
                && last
                    .seen
                    .as_ref()
                    .is_some_and(|it| self.is_compared(it.len()))
                && age.is_ok_and(|age| age < self.read_every)
                && wanted.is_none_or(|wanted| *wanted == last.wanted)
        })
    }

    /// Returns true if `/proc` shows the program's own services as the last call left them.
    pub(in crate::ipvs) fn is_as_left(&self, now: &Snapshot) -> bool {
        let before = self.last.as_ref().and_then(|last| last.seen.as_ref());
        before.is_some_and(|before| self.is_expected(before, &[], now))
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

    /// Remembers what a call brought the table to.
    pub(in crate::ipvs) fn remember(
        &mut self,
        wanted: &WantedTable,
        report: &ApplyReport,
        read_at: SystemTime,
    ) {
        let wanted = match self.last.take() {
            Some(last) if last.wanted == *wanted => last.wanted,
            _ => wanted.clone(),
        };
        let left_alone = report.objects.iter();
        let left_alone = left_alone.filter(|it| matches!(it.state, ObjectState::LeftAlone(_)));
        self.last = Some(Last {
            wanted,
            seen: None,
            read_at,
            is_whole: true,
            left_alone: left_alone.cloned().collect(),
            failed: report.failures().map(|it| it.object).collect(),
        });
    }

    /// Remembers that the table was read and was as wanted.
    pub(in crate::ipvs) fn has_read(&mut self, now: SystemTime) {
        if let Some(last) = &mut self.last {
            last.read_at = now;
        }
    }

    /// Remembers what `/proc` shows now, although the table is not as it was left.
    pub(in crate::ipvs) fn see_change(&mut self, seen: Snapshot) {
        if let Some(last) = &mut self.last {
            if let Some(before) = last.seen.replace(seen) {
                self.spare = before;
            }
        }
    }

    /// Remembers what `/proc` shows, if the table is as it was left.
    pub(in crate::ipvs) fn see(&mut self, seen: Option<Snapshot>) {
        if let Some(last) = &mut self.last {
            let seen = seen.filter(|_| last.failed.is_empty());
            if let Some(before) = std::mem::replace(&mut last.seen, seen) {
                self.spare = before;
            }
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

    /// Returns a report of what is as it was: what drains and what is left alone.
    pub(in crate::ipvs) fn report(&self) -> ApplyReport {
        let mut report = ApplyReport::new();
        let drains = self.record.drains().iter();
        let drains = drains
            .map(|(object, until)| ObjectReport::new(object, ObjectState::DrainingUntil(until)));
        report.objects.extend(drains);
        if let Some(last) = &self.last {
            report.objects.extend(last.left_alone.iter().cloned());
        }
        report
    }

    /// Returns the time after which the next call is due. `drains` is when the draining servers
    /// are to be looked at.
    pub(in crate::ipvs) fn next(&self, now: SystemTime, drains: Option<SystemTime>) -> Duration {
        let until = |time: SystemTime| time.duration_since(now).unwrap_or_default();
        let read_at = self.last.as_ref().map(|last| last.read_at);
        let read = read_at.and_then(|it| it.checked_add(self.read_every));
        let all = [drains.map(until), read.map(until)];
        all.into_iter()
            .flatten()
            .fold(self.check_every, Duration::min)
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

/// The function that saves the record.
pub(in crate::ipvs) struct Save(Option<Box<SaveRecord>>);

type SaveRecord = dyn FnMut(&Record) -> io::Result<()> + Send + Sync;

impl Save {
    pub(in crate::ipvs) fn save(&mut self, record: &Record) -> Result<()> {
        let saved = self.0.as_mut().map_or(Ok(()), |save| save(record));
        saved.map_err(|error| Error::new("save record", Cause::Io(error)))
    }
}

impl fmt::Debug for Save {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.as_ref().map(|_| "a function");
        name.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_avoided_where_it_takes_longer() {
        let (short, long) = (Duration::from_millis(1), Duration::from_millis(9));
        let mut keeper = Keeper::new(Planner::new());
        for (look_time, reading_time, services) in [(short, long, 10_000), (long, short, 1_999)] {
            keeper.look_time = look_time;
            keeper.compare_times(services, reading_time);
            assert!(!keeper.avoids_proc());
        }
        keeper.look_time = long;
        for _ in 0..READINGS {
            keeper.compare_times(10_000, short);
            assert!(keeper.avoids_proc());
        }
        keeper.compare_times(10_000, short);
        assert!(!keeper.avoids_proc());
    }

    #[test]
    fn a_large_table_is_read_once_before_proc_is_enough() {
        let mut keeper = Keeper::new(Planner::new());
        assert!(keeper.is_compared(1_999));
        assert!(!keeper.is_compared(2_000));
        // The table was read when it was empty, before the services were added.
        keeper.compare_times(0, Duration::from_millis(1));
        assert!(!keeper.is_compared(10_000));
        keeper.compare_times(10_000, Duration::from_millis(1));
        assert!(keeper.is_compared(10_000) && keeper.is_compared(20_000));
        assert!(!keeper.is_compared(20_001));
    }
}
