//! Brings the sets to the list.

use ipvset::ipset::plan::{Overflow, Policy};
use ipvset::ipset::types::HashNet;
use ipvset::ipset::{IpSet, IpSets};

use crate::list::List;
use crate::{Status, say};

/// The most entries of a set.
const MOST: u32 = 1 << 24;

pub(crate) fn policy() -> Policy {
    Policy::new().if_too_many(Overflow::Grow { most: MOST })
}

/// What became of the sets.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) line: String,
    pub(crate) is_changed: bool,
    /// What failed.
    pub(crate) failures: Vec<String>,
}

impl Done {
    /// Reports what failed.
    pub(crate) fn report(&self) {
        for error in &self.failures {
            say(format_args!("{error}"));
        }
    }

    pub(crate) fn status(&self) -> Status {
        match self.failures.is_empty() {
            true => Status::AsWanted,
            false => Status::NotAsWanted,
        }
    }
}

/// Brings the sets to the list. A set that fails stops no other.
pub(crate) fn apply(handle: &mut IpSets, sets: &[IpSet<HashNet>], list: &List) -> Done {
    let mut done = Done::default();
    let mut reports = Vec::new();
    for set in sets {
        match handle.apply(set, list.of(set.options().family), &policy()) {
            Ok(report) => {
                done.is_changed |= report.is_created() || !report.counts().is_unchanged();
                let failures = report.failures().iter().chain(report.failed_removals());
                let errors = failures.map(|it| &it.error).chain(report.stopped());
                done.failures.extend(errors.map(|it| it.to_string()));
                reports.push(report.to_string());
            }
            Err(error) => {
                done.failures.push(error.to_string());
                reports.push(format!("{}: failed", set.name()));
            }
        }
    }
    done.line = list.line(reports);
    done
}
