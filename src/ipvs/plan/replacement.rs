//! Servers that leave only once others have come.

use std::ops::Range;

use super::plan::Plan;
use crate::ipvs::model::operation::Operation;

/// The steps that replace all available servers of a service.
///
/// If none of the new servers gets connections, the old ones stay, because the service would not
/// have a server otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Replacement {
    /// The indexes of the steps with which servers come.
    pub(super) coming: Range<usize>,
    /// The indexes of the steps with which the others leave.
    pub(super) leaving: Range<usize>,
}

/// The indexes of the steps that are carried out after all others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::ipvs) struct Second {
    /// The steps with which servers leave that were replaced.
    pub(in crate::ipvs) go: Vec<usize>,
    /// The steps that are not carried out, because no other server came.
    pub(in crate::ipvs) stay: Vec<usize>,
}

impl Plan {
    /// Returns the indexes of the steps that depend on no other.
    pub(in crate::ipvs) fn first(&self) -> Vec<usize> {
        let mut depends = vec![false; self.steps.len()];
        for index in self.replacements.iter().flat_map(|it| it.leaving.clone()) {
            if let Some(depends) = depends.get_mut(index) {
                *depends = true;
            }
        }
        (0..depends.len()).filter(|it| !depends[*it]).collect()
    }

    /// Returns the indexes of the other steps. `succeeded` returns, for the index of a step,
    /// whether the step is known to have succeeded.
    pub(in crate::ipvs) fn second(&self, succeeded: impl Fn(usize) -> bool) -> Second {
        let mut second = Second::default();
        for replacement in &self.replacements {
            let comes = |index: usize| self.makes_available(index) && succeeded(index);
            let steps = replacement.leaving.clone();
            let steps = steps.filter(|it| *it < self.steps.len());
            match replacement.coming.clone().any(comes) {
                true => second.go.extend(steps),
                false => second.stay.extend(steps),
            }
        }
        second
    }

    /// Returns true if a server gets connections after this step.
    fn makes_available(&self, index: usize) -> bool {
        match self.steps.get(index).map(|it| it.operation()) {
            Some(Operation::AddServer(_, server) | Operation::UpdateServer(_, server)) => {
                server.weight > 0
            }
            _ => false,
        }
    }
}
