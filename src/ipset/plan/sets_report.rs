use std::fmt;

use super::report::SetReport;
use crate::Error;
use crate::ipset::SetName;
use crate::ipset::types::AnyType;

/// What became of the sets of a program that were to be brought to the wanted ones.
///
/// [`Display`](fmt::Display) writes a line for each set that was changed or failed.
#[derive(Debug, Default)]
#[must_use = "sets may have failed"]
pub struct SetsReport {
    pub(in crate::ipset) sets: Vec<SetReport<AnyType>>,
    pub(in crate::ipset) removed: Vec<SetName>,
    pub(in crate::ipset) failed: Vec<(SetName, Error)>,
}

impl SetsReport {
    /// Returns the reports of the wanted sets, also of those that were as wanted already.
    pub fn sets(&self) -> &[SetReport<AnyType>] {
        &self.sets
    }

    /// Returns the sets that were destroyed.
    pub fn removed(&self) -> &[SetName] {
        &self.removed
    }

    /// Returns the sets that could not be changed at all, or not be destroyed, and why. For
    /// example, the type of a wanted set cannot be changed, or a rule uses a set that is not
    /// wanted.
    pub fn failed(&self) -> impl ExactSizeIterator<Item = (&SetName, &Error)> {
        self.failed.iter().map(|(name, error)| (name, error))
    }

    /// Returns true if all sets are as wanted now.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.sets.iter().all(SetReport::is_complete)
    }

    /// Returns true if nothing was changed.
    pub fn is_unchanged(&self) -> bool {
        self.removed.is_empty() && self.sets.iter().all(SetReport::is_untouched)
    }
}

impl fmt::Display for SetsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let untouched = |report: &SetReport<AnyType>| report.is_untouched() && report.is_complete();
        for report in self.sets.iter().filter(|report| !untouched(report)) {
            writeln!(f, "{report}")?;
        }
        for name in &self.removed {
            writeln!(f, "{name}: destroyed")?;
        }
        for (_, error) in &self.failed {
            writeln!(f, "{error}")?;
        }
        Ok(())
    }
}
