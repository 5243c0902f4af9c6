use std::fmt;
use std::net::SocketAddr;

use super::object::{Object, parts};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::server::RealServer;
use crate::ipvs::model::service::VirtualService;

/// A change of a [`Plan`](super::Plan).
///
/// `Display` writes it like a diff in the words of the save format: the lines that go, with `-`,
/// and the lines that come, with `+`, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Step {
    operation: Operation,
    /// `None` stands for [`Before::Nothing`], so that a plan that only adds takes less memory.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_before"))]
    before: Option<Box<Before>>,
    reason: Reason,
}

/// What is there before a [`Step`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Before {
    /// Nothing: the step adds the object.
    Nothing,
    /// The service, which the step updates.
    Service(Box<VirtualService>),
    /// The server, which the step updates or removes.
    Server(RealServer),
    /// The service and its servers, which the step removes.
    Entry(Box<VirtualService>, Vec<RealServer>),
}

/// The reason for a [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Reason {
    /// The object is wanted and does not exist.
    Missing,
    /// The object is wanted and differs.
    Differs,
    /// The service needs its fallback flag while a server drains.
    Fallback,
    /// The server is wanted again while it drains, so it gets its weight back.
    Returns,
    /// The server is no longer wanted, so it drains: it gets weight 0.
    Drains,
    /// The object is no longer wanted, and is removed at once.
    Unwanted(AtOnce),
}

/// The reason why a service or server is removed without a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum AtOnce {
    /// The [`Policy`](super::Policy) is to remove at once.
    Policy,
    /// The service is UDP: see [`Policy::drain_udp`](super::Policy::drain_udp).
    Udp,
    /// The service has one-packet scheduling, and so no connections.
    OnePacket,
    /// The scheduler ignores weight 0: `dh`.
    Scheduler,
    /// The service has no server.
    Empty,
}

impl Step {
    #[inline]
    pub(super) fn new(operation: Operation, before: Before, reason: Reason) -> Self {
        let before = match before {
            Before::Nothing => None,
            before => Some(Box::new(before)),
        };
        Self {
            operation,
            before,
            reason,
        }
    }

    /// Returns a step, unless its operation is none of those that a step can have.
    #[cfg(feature = "serde")]
    pub(crate) fn from_parts(operation: Operation, before: Before, reason: Reason) -> Option<Self> {
        Object::of(&operation)?;
        Some(Self::new(operation, before, reason))
    }

    /// Returns the operation: one that adds, updates or removes a service or server, and fails if
    /// another program did so before.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Returns the operation by value.
    pub fn into_operation(self) -> Operation {
        self.operation
    }

    /// Returns what is there before the step.
    pub fn before(&self) -> &Before {
        self.before.as_deref().unwrap_or(&Before::Nothing)
    }

    /// Returns the reason for the step.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns the service that the step changes, or whose server it changes.
    pub(super) fn service(&self) -> &ServiceKey {
        self.parts().0
    }

    /// Returns the address of the server that the step changes.
    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.parts().1.copied()
    }

    /// Returns the number of servers that the step removes, if it removes any.
    pub(super) fn servers(&self) -> usize {
        match self.before() {
            Before::Nothing | Before::Service(_) => 0,
            Before::Server(_) => 1,
            Before::Entry(_, servers) => servers.len(),
        }
    }

    /// Returns the service or server that the step changes.
    pub fn object(&self) -> Object {
        Object {
            service: *self.service(),
            server: self.server(),
        }
    }

    fn parts(&self) -> (&ServiceKey, Option<&SocketAddr>) {
        parts(&self.operation).expect("a step has an exact operation")
    }
}

#[cfg(feature = "serde")]
fn serialize_before<S: serde::Serializer>(
    before: &Option<Box<Before>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let before = before.as_deref().unwrap_or(&Before::Nothing);
    serde::Serialize::serialize(before, serializer)
}

impl Reason {
    /// Returns true if the step removes the object, or begins to by draining it.
    pub fn is_removal(self) -> bool {
        matches!(self, Self::Drains | Self::Unwanted(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Differs => f.write_str("differs"),
            Self::Fallback => f.write_str("needs its fallback flag while a server drains"),
            Self::Returns => f.write_str("is wanted again while it drains"),
            Self::Drains => f.write_str("is no longer wanted, drains"),
            Self::Unwanted(at_once) => {
                write!(f, "is no longer wanted, is removed at once: {at_once}")
            }
        }
    }
}

impl fmt::Display for AtOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "that is the policy",
            Self::Udp => "UDP has no connections to wait for",
            Self::OnePacket => "one-packet scheduling has no connections",
            Self::Scheduler => "the scheduler ignores weight 0",
            Self::Empty => "it has no servers",
        })
    }
}
