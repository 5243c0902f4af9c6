use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::drains::Then;
use super::object::Object;
use super::replacement::Replacement;
use super::step::{Reason, Step};
use super::warning::Warning;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;

/// The steps that lead from the table that is there to the wanted one.
///
/// [`Planner::plan`](super::Planner::plan) returns it. The steps of one service stand together,
/// and are in an order in which no client is refused:
/// 1. the service is added, or gets its fallback flag before servers drain,
/// 2. servers are added, then updated,
/// 3. servers get weight 0, and others are removed,
/// 4. the service loses a fallback flag that no server needs any more.
///
/// Services that are no longer wanted come last.
///
/// If all servers of a service are replaced and none of the new ones can be added,
/// [`Ipvs::apply`](crate::ipvs::Ipvs::apply) leaves the old ones as they are.
///
/// `Display` writes the plan like a diff in the words of the save format: what goes with `-`, what
/// comes with `+`, and everything else in lines that begin with `#`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Plan {
    pub(super) steps: Vec<Step>,
    /// The services that were compared, if that were not all.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub(super) only: Option<BTreeSet<ServiceKey>>,
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Vec::is_empty")
    )]
    pub(super) replacements: Vec<Replacement>,
    pub(super) warnings: Vec<Warning>,
    pub(super) draining: Vec<DrainingService>,
    pub(super) adopted: Vec<Object>,
    pub(super) left_alone: Vec<LeftAlone>,
    /// What is in the record although it is neither there nor wanted.
    pub(super) gone: Vec<Object>,
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::seconds"))]
    pub(super) drain_time: Duration,
}

/// A service whose servers drain, according to a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DrainingService {
    /// The service.
    pub service: ServiceKey,
    /// Its servers that begin to drain, and those that drain already.
    pub servers: Vec<DrainingServer>,
    /// Whether the service is persistent.
    pub(super) persistent: bool,
    /// What is to be done when the last server is gone.
    pub(super) then: Then,
}

/// A server that drains, according to a [`Plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DrainingServer {
    /// The server's address and port.
    pub address: SocketAddr,
    /// The weight that the server has. It is 0 if the server drains already.
    pub weight: u32,
    /// The index of the step with which the drain begins, or `None` if the server drains already.
    pub step: Option<usize>,
}

/// An object that a [`Plan`] leaves alone although it is not as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LeftAlone {
    /// The object.
    pub object: Object,
    /// The reason.
    pub reason: LeftAloneReason,
}

/// The reason why a [`Plan`] leaves an object alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum LeftAloneReason {
    /// The service is wanted, but outside of the scope.
    OutsideScope,
    /// The server is not wanted, but not in the record either, so it belongs to somebody else.
    NotRecorded,
    /// The service is no longer wanted, but it has servers that belong to somebody else.
    HoldsOthers,
}

/// The number of steps of each kind in a [`Plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counts {
    /// Services that are added.
    pub services_added: usize,
    /// Services that are updated.
    pub services_updated: usize,
    /// Services that are removed, with their servers.
    pub services_removed: usize,
    /// Servers that are added.
    pub servers_added: usize,
    /// Servers that are updated, without those that begin to drain.
    pub servers_updated: usize,
    /// Servers that begin to drain.
    pub servers_drained: usize,
    /// Servers that are removed at once, without those of services that are removed.
    pub servers_removed: usize,
}

impl Plan {
    /// Returns true if a service was compared.
    pub(super) fn concerns(&self, service: &ServiceKey) -> bool {
        self.only.as_ref().is_none_or(|it| it.contains(service))
    }

    /// Returns true if there is nothing to do: the table is as wanted, apart from drains that go
    /// on and from what is left alone.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns the steps, in the order in which they are to be carried out.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns an iterator over the operations of the steps, in order.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = &Operation> {
        self.steps.iter().map(Step::operation)
    }

    /// Returns what a person should know before the plan is applied.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Returns the services with servers that begin to drain or drain already.
    pub fn draining(&self) -> &[DrainingService] {
        &self.draining
    }

    /// Returns the objects that are wanted and were there before this program, according to the
    /// record. From now on they belong to the program. If they differ, there are steps that
    /// correct them.
    pub fn adopted(&self) -> &[Object] {
        &self.adopted
    }

    /// Returns the objects that are not as wanted and are left alone nevertheless.
    pub fn left_alone(&self) -> &[LeftAlone] {
        &self.left_alone
    }

    /// Returns the number of steps of each kind.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for step in &self.steps {
            *match step.operation() {
                Operation::AddService(_) => &mut counts.services_added,
                Operation::UpdateService(_) => &mut counts.services_updated,
                Operation::RemoveService(_) => &mut counts.services_removed,
                Operation::AddServer(..) => &mut counts.servers_added,
                Operation::UpdateServer(..) if step.reason() == Reason::Drains => {
                    &mut counts.servers_drained
                }
                Operation::UpdateServer(..) => &mut counts.servers_updated,
                _ => &mut counts.servers_removed,
            } += 1;
        }
        counts
    }
}
