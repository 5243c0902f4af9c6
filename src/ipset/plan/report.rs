use std::fmt;

use super::counts::Counts;
use super::set_plan::SetPlan;
use super::way::Way;
use crate::ipset::{Entry, SetName, SetType};
use crate::{Error, FailedChange, Outcome, Result};

/// What became of a set that was to be brought to the wanted entries.
///
/// [`Display`](fmt::Display) writes it in one line.
#[derive(Debug)]
#[must_use = "entries may have failed"]
pub struct SetReport<T: SetType> {
    set: SetName,
    way: Way,
    created: bool,
    /// Whether a set of another type was destroyed, or may have been.
    gone: bool,
    counts: Counts,
    /// What earlier attempts changed.
    earlier: Counts,
    failures: Vec<FailedChange<Entry<T>>>,
    failed_removals: Vec<FailedChange<Entry<T>>>,
    untried: usize,
    stopped: Option<Error>,
}

/// The error because of which another attempt may help, or `None` if the report has the error.
type Again = Option<Error>;

impl<T: SetType> SetReport<T> {
    /// Begins the report of a plan, after an earlier attempt that another program disturbed.
    pub(in crate::ipset) fn begin(plan: &mut SetPlan<T>, earlier: Option<Self>) -> Self {
        let planned = plan.counts();
        let mut report = Self {
            set: *plan.set().name(),
            way: plan.way().clone(),
            created: earlier.as_ref().is_some_and(|it| it.created),
            gone: earlier.as_ref().is_some_and(|it| it.gone),
            counts: Counts {
                left_out: planned.left_out,
                ..Counts::default()
            },
            earlier: earlier.map(|it| it.counts()).unwrap_or_default(),
            failures: Vec::new(),
            failed_removals: Vec::new(),
            untried: 0,
            stopped: None,
        };
        if report.way == Way::InPlace {
            report.counts.kept = planned.kept;
        }
        for (position, error) in plan.take_refused() {
            report.failures.push(FailedChange {
                index: plan.origin(position),
                input: plan.given(position),
                error,
                in_doubt: false,
            });
        }
        report
    }

    pub(in crate::ipset) fn set_created(&mut self) {
        self.created = true;
    }

    pub(in crate::ipset) fn set_gone(&mut self) {
        self.gone = true;
    }

    pub(in crate::ipset) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(in crate::ipset) fn stop(&mut self, error: Error) {
        self.stopped = Some(match self.gone && !self.created {
            true => error.note("the set of another type was destroyed, or may have been"),
            false => error,
        });
    }

    /// Returns true if nothing was changed.
    pub(in crate::ipset) fn is_untouched(&self) -> bool {
        !self.created && !self.gone && self.counts().is_unchanged()
    }

    /// Enters what became of wanted entries, which have these positions in the plan.
    pub(in crate::ipset) fn written(
        &mut self,
        plan: &SetPlan<T>,
        positions: impl Iterator<Item = u32>,
        outcome: Outcome<Entry<T>>,
    ) -> Result<(), Again> {
        let untried_from = outcome.untried_from();
        let tried = untried_from.unwrap_or(usize::MAX);
        let ended = ended(outcome, |failures| {
            let mut failures = failures.into_iter().peekable();
            for (index, position) in positions.enumerate() {
                if index >= tried {
                    self.untried += 1;
                } else if let Some(failed) = failures.next_if(|failed| failed.index == index) {
                    let origin = plan.origin(position);
                    let object = format!("{} (index {origin})", failed.input.in_set(&self.set));
                    self.failures.push(FailedChange {
                        index: origin,
                        error: failed.error.object(object),
                        ..failed
                    });
                } else {
                    plan.count(&mut self.counts, position);
                }
            }
        });
        match ended {
            Err(Some(error)) => Err(self.again(error)),
            // The set is full, as the last failure says. Its error becomes the one that stopped the
            // run, and its entry counts as one that was not tried.
            Ok(()) if untried_from.is_some() => {
                let last = self.failures.pop();
                self.untried += usize::from(last.is_some());
                Err(last.map(|failed| failed.error))
            }
            ended => ended.map_err(|_| None),
        }
    }

    /// Enters what became of the removals.
    pub(in crate::ipset) fn removed(
        &mut self,
        plan: &SetPlan<T>,
        outcome: Outcome<Entry<T>>,
    ) -> Result<(), Again> {
        // Members of a list that only move come last.
        let unwanted = plan.counts().removed;
        let tried = outcome.untried_from().unwrap_or(unwanted).min(unwanted);
        let ended = ended(outcome, |failures| {
            let failed = failures
                .iter()
                .filter(|failed| failed.index < tried)
                .count();
            self.counts.removed += tried - failed;
            self.failed_removals.extend(failures);
        });
        ended.map_err(|error| error.and_then(|error| self.again(error)))
    }

    /// Enters what became of a second set.
    pub(in crate::ipset) fn swapped(
        &mut self,
        plan: &SetPlan<T>,
        outcome: Outcome<Entry<T>>,
        left_behind: Option<Error>,
    ) -> Result<(), Again> {
        let is_swapped = outcome.stopped().is_none() && outcome.untried_from().is_none();
        let counts = self.counts;
        let written = self.written(plan, plan.content_positions(), outcome);
        if is_swapped {
            self.counts.removed = plan.counts().removed;
        } else {
            self.counts = counts;
        }
        if let Some(error) = left_behind {
            self.stop(error);
            return Err(None);
        }
        written
    }

    /// Returns the error if another attempt may help: the set does not exist any more. Otherwise
    /// keeps it.
    fn again(&mut self, error: Error) -> Again {
        if error.is_not_found() {
            return Some(error);
        }
        self.stop(error);
        None
    }

    /// Returns the name of the set.
    pub fn set(&self) -> &SetName {
        &self.set
    }

    /// Returns how the set was brought to the wanted entries.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// Returns true if the set was created.
    pub fn is_created(&self) -> bool {
        self.created
    }

    /// Returns how many entries were added, removed, changed and renewed, and how many were kept.
    pub fn counts(&self) -> Counts {
        let (now, earlier) = (self.counts, self.earlier);
        let written = earlier.added + earlier.changed + earlier.renewed;
        Counts {
            added: now.added + earlier.added,
            removed: now.removed + earlier.removed,
            changed: now.changed + earlier.changed,
            renewed: now.renewed + earlier.renewed,
            kept: now.kept.saturating_sub(written),
            left_out: now.left_out,
        }
    }

    /// Returns the wanted entries that were refused, with their indices among those that were
    /// given. All others were written, unless the run was [`stopped`](Self::stopped).
    pub fn failures(&self) -> &[FailedChange<Entry<T>>] {
        &self.failures
    }

    /// Returns the unwanted entries that could not be removed. An index counts the removals.
    pub fn failed_removals(&self) -> &[FailedChange<Entry<T>>] {
        &self.failed_removals
    }

    /// Returns how many wanted entries were not tried, because the set was full or because of the
    /// error that [`stopped`](Self::stopped) the run. The entry that was refused because the set
    /// was full is counted here too.
    pub fn untried(&self) -> usize {
        self.untried
    }

    /// Returns the error that ended the run, if it does not concern a single entry.
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// Returns true if the set is as wanted now.
    ///
    /// Entries that are left out because of the policy do not count.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
            && self.failed_removals.is_empty()
            && self.stopped.is_none()
            && self.untried == 0
    }

    /// Returns the counts if the set is as wanted now, and otherwise the first error.
    ///
    /// # Errors
    /// The error that [`stopped`](Self::stopped) the run, or that of the first entry that failed.
    pub fn into_result(self) -> Result<Counts> {
        let counts = self.counts();
        let failures = self.failures.into_iter().chain(self.failed_removals);
        let mut errors = self.stopped.into_iter().chain(failures.map(|it| it.error));
        errors.next().map_or(Ok(counts), Err)
    }
}

/// Hands the failures of an outcome to `enter`, and returns the error that ended it.
fn ended<I>(
    mut outcome: Outcome<I>,
    enter: impl FnOnce(Vec<FailedChange<I>>),
) -> Result<(), Again> {
    let stopped = outcome.take_stopped();
    enter(outcome.into_failures());
    stopped.map_or(Ok(()), |error| Err(Some(error)))
}

impl<T: SetType> fmt::Display for SetReport<T> {
    /// Writes the report in one line, such as `blocked: 3 added, 96 kept, in place`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {}", self.set, self.counts(), self.way)?;
        let failed = self.failures.len() + self.failed_removals.len();
        for (number, what) in [(failed, "failed"), (self.untried, "not tried")] {
            if number > 0 {
                write!(f, ", {number} {what}")?;
            }
        }
        match &self.stopped {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}
