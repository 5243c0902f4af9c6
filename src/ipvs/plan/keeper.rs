use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, SystemTime};

use super::drains::Cut;
use super::last::Last;
use super::planner::Planner;
use super::record::Record;
use super::report::ApplyReport;
use super::save::Save;
use super::times::Times;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::proc::{Proc, Snapshot};

/// Keeps the table as a program wants it, call by call.
///
/// [`Ipvs::keep`](crate::ipvs::Ipvs::keep) does the work, and
/// `ipvset::tokio::Ipvs::keep` does it on tokio. The keeper has what a call
/// needs to know of those before: the record, the draining servers, and what `/proc` showed when
/// the table was as wanted.
///
/// If only a few services are wanted differently than in the call before, a call reads and changes
/// only those: a change takes the same time however large the table is. That is so for up to a
/// quarter of the services, and as long as all services were [checked](Keeper::check_every) within
/// the last ten seconds.
///
/// Otherwise, a call looks at `/proc` first. If that shows the program's services as the call
/// before left them, the table is not read. With 1,000 services of 10 servers, the look takes about
/// a seventh of the time. Up to Linux 7.0, the time that `/proc` takes grows with the square of the
/// number of services. From 2,000 services on, a look is given up when reading the table would have
/// been as fast, and the next fifty calls only read the table. `/proc` does not show everything
/// (see [`Snapshot`](crate::ipvs::proc::Snapshot)), so the table is read [from time to
/// time](Keeper::read_every) all the same.
///
/// The kernel can leave out services and servers if other programs add and remove some while the
/// table is read. A call that meets this ends with the table as wanted, or the next call reads it
/// again. Before the record forgets what a reading lacks, the kernel is asked for that by itself.
/// But what was left out can be reported as drift later.
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
    pub(in crate::ipvs) times: Times,
    /// When the draining servers are to be looked at.
    pub(in crate::ipvs) look_at: Option<SystemTime>,
    pub(super) check_every: Duration,
    pub(super) read_every: Duration,
}

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
            save: Save::default(),
            last: None,
            spare: Snapshot::default(),
            times: Times::default(),
            look_at: None,
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

    /// Sets the longest time between two checks of all services. The default is ten seconds. With
    /// zero, each call checks all services, even if only a few are wanted differently.
    ///
    /// A call is due at this time at the latest.
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
    ///
    /// The function also gets the services of which the record may say something else than when it
    /// was last called. A program with a large record only stores [`Record::service`] for these.
    #[must_use]
    pub fn save_with(
        mut self,
        save: impl FnMut(&Record, &BTreeSet<ServiceKey>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.save = Save::with(save);
        self
    }

    /// Makes the next call read the table, whatever `/proc` shows and even if only a few services
    /// are wanted differently.
    pub fn read_next(&mut self) {
        if let Some(last) = &mut self.last {
            last.is_doubted = true;
        }
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
}
