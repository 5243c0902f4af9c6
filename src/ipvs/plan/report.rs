use std::collections::HashSet;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use super::object::Object;
use super::plan::{LeftAloneReason, Plan};
use super::record::Record;
use super::step::Reason;
use super::warning::Warning;
use crate::ipvs::model::operation::Operation;
use crate::{Error, ErrorKind};

/// What became of the objects that were to be brought to what is wanted.
///
/// It contains the objects that a plan changed or left alone, and the servers that drain. Objects
/// that were as wanted already are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ApplyReport {
    /// The objects, in the order of the plan's steps. Each is there once.
    pub objects: Vec<ObjectReport>,
    /// The warnings of the last plan.
    pub warnings: Vec<Warning>,
    /// The objects that another program changed since this one last brought them to what is
    /// wanted.
    pub drift: Vec<Object>,
}

/// An object of an [`ApplyReport`], and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ObjectReport {
    /// The object.
    pub object: Object,
    /// What became of it.
    pub state: ObjectState,
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ObjectState {
    /// The object was added.
    Added,
    /// The object was updated.
    Updated,
    /// The object was removed.
    Removed,
    /// The server drains. It is removed at this time at the latest.
    DrainingUntil(
        #[cfg_attr(feature = "serde", serde(with = "crate::serde::unix_seconds"))] SystemTime,
    ),
    /// The object is not as wanted, and was left alone.
    LeftAlone(LeftAloneReason),
    /// The object could not be changed.
    #[non_exhaustive]
    Failed {
        /// The kind of the error.
        kind: ErrorKind,
        /// The text of the error, with the operation, the object and the reason.
        error: String,
    },
}

impl ObjectState {
    /// Returns the state of an object that could not be changed.
    pub fn failed(error: &Error) -> Self {
        Self::Failed {
            kind: error.kind(),
            error: error.to_string(),
        }
    }

    /// Returns true if the object is as wanted, or will be when its drain ends, or belongs to
    /// another program.
    pub fn is_success(&self) -> bool {
        match self {
            Self::LeftAlone(reason) => *reason != LeftAloneReason::OutsideScope,
            other => !matches!(other, Self::Failed { .. }),
        }
    }

    /// Returns true if the object was changed, and the change is complete.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Added | Self::Updated | Self::Removed)
    }
}

impl ApplyReport {
    /// Returns a report without objects.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters what became of a plan.
    ///
    /// `failure` returns the error of a step that failed or was not tried, by its index, and
    /// `None` for a step that succeeded. `record` is the record after
    /// [`Record::settle`].
    ///
    /// If there was a plan before, what it changed stays in the report. What it failed to do, left
    /// alone or drained does not, because the new plan says how that stands now.
    pub fn enter<'a>(
        &mut self,
        plan: &Plan,
        record: &Record,
        failure: impl Fn(usize) -> Option<&'a Error>,
    ) {
        let mut objects = Vec::with_capacity(plan.steps().len());
        for (index, step) in plan.steps().iter().enumerate() {
            let state = match (failure(index), step.operation()) {
                (Some(error), _) => ObjectState::failed(error),
                // It is among those that drain.
                (None, _) if step.reason() == Reason::Drains => continue,
                (None, Operation::AddService(_) | Operation::AddServer(..)) => ObjectState::Added,
                (None, Operation::RemoveService(_) | Operation::RemoveServer(..)) => {
                    ObjectState::Removed
                }
                (None, _) => ObjectState::Updated,
            };
            objects.push(ObjectReport::new(step.object(), state));
        }
        for service in plan.draining() {
            for server in &service.servers {
                if server.step.is_some_and(|step| failure(step).is_some()) {
                    continue;
                }
                if let Some(drained) = record.drains().get(&service.service, server.address) {
                    let object = Object::server(service.service, server.address);
                    let state = ObjectState::DrainingUntil(drained.until);
                    objects.push(ObjectReport::new(object, state));
                }
            }
        }
        for left in plan.left_alone() {
            let state = ObjectState::LeftAlone(left.reason);
            objects.push(ObjectReport::new(left.object, state));
        }
        if self.objects.is_empty() {
            self.objects = objects;
        } else {
            let new: HashSet<_> = objects.iter().map(|it| it.object).collect();
            self.objects
                .retain(|it| it.state.is_done() && !new.contains(&it.object));
            self.objects.extend(objects);
        }
        self.warnings = plan.warnings().to_vec();
    }

    /// Enters that an operation which ends a drain was carried out or failed.
    pub fn enter_drain(&mut self, operation: &Operation, failure: Option<&Error>) {
        let Some(object) = Object::of(operation) else {
            return;
        };
        let state = match (failure, operation) {
            (Some(error), _) => ObjectState::failed(error),
            (None, Operation::UpdateService(_)) => ObjectState::Updated,
            (None, _) => ObjectState::Removed,
        };
        let is_gone = failure.is_none() && matches!(operation, Operation::RemoveService(_));
        self.objects
            .retain(|it| it.object != object && !(is_gone && it.object.service == object.service));
        self.objects.push(ObjectReport::new(object, state));
    }

    /// Returns true if all is as wanted, apart from drains that go on, and from what belongs to
    /// other programs.
    ///
    /// It returns false if something failed, and if a wanted service is outside of the scope.
    pub fn is_success(&self) -> bool {
        self.objects.iter().all(|it| it.state.is_success())
    }

    /// Returns an iterator over the objects that could not be changed.
    pub fn failures(&self) -> impl Iterator<Item = &ObjectReport> {
        let is_failure = |it: &&ObjectReport| matches!(it.state, ObjectState::Failed { .. });
        self.objects.iter().filter(is_failure)
    }
}

impl ObjectReport {
    /// Returns the report of an object.
    pub fn new(object: Object, state: ObjectState) -> Self {
        Self { object, state }
    }
}

impl fmt::Display for ObjectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.state)
    }
}

impl fmt::Display for ObjectState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => f.write_str("added"),
            Self::Updated => f.write_str("updated"),
            Self::Removed => f.write_str("removed"),
            Self::DrainingUntil(time) => {
                let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
                write!(f, "draining until {} (seconds since 1970)", since.as_secs())
            }
            Self::LeftAlone(reason) => write!(f, "left alone: {reason}"),
            Self::Failed { error, .. } => write!(f, "failed: {error}"),
        }
    }
}

impl fmt::Display for LeftAloneReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutsideScope => "it is outside of the scope",
            Self::NotRecorded => "it was not applied by this program",
            Self::HoldsOthers => "it has servers that were not applied by this program",
        })
    }
}

/// Writes each object in a line.
impl fmt::Display for ApplyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.objects.iter().try_for_each(|it| writeln!(f, "{it}"))
    }
}
