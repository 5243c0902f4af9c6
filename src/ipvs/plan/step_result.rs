use crate::Outcome;
use crate::ipvs::model::operation::Operation;

/// What became of a [`Step`](super::Step).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepResult {
    /// The step succeeded.
    Succeeded,
    /// The step failed or was not tried, so it changed nothing.
    Failed,
    /// The step may have succeeded, because the kernel's reply was lost.
    InDoubt,
}

impl StepResult {
    /// Returns the result of the operation with this index.
    pub fn of(outcome: &Outcome<Operation>, index: usize) -> Self {
        match outcome.failure(index) {
            Some(failure) if failure.in_doubt => Self::InDoubt,
            Some(_) => Self::Failed,
            None if outcome.untried_from().is_some_and(|first| index >= first) => Self::Failed,
            None => Self::Succeeded,
        }
    }
}
