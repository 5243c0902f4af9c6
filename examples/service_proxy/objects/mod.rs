//! The Kubernetes objects that a service proxy reads, with the fields that it needs.

mod read;
mod service;
mod slice;
mod wire;

use std::fmt;

pub use read::{Misread, read};
pub use service::{Port, Service, ServiceType, TrafficPolicy};
pub use slice::{Endpoint, EndpointSlice};

/// The kinds of objects that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Service,
    EndpointSlice,
}

/// The name of an object within its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub namespace: String,
    pub name: String,
}

/// What tells two states of an object apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    /// An object that was deleted and created again has another one.
    pub uid: String,
    /// It grows with each change.
    pub resource_version: Option<u64>,
}

/// An object that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    Service(Service),
    EndpointSlice(EndpointSlice),
}

impl Object {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Service(_) => Kind::Service,
            Self::EndpointSlice(_) => Kind::EndpointSlice,
        }
    }

    pub fn name(&self) -> &Name {
        match self {
            Self::Service(it) => &it.name,
            Self::EndpointSlice(it) => &it.name,
        }
    }

    pub fn version(&self) -> &Version {
        match self {
            Self::Service(it) => &it.version,
            Self::EndpointSlice(it) => &it.version,
        }
    }
}

impl Version {
    fn new(uid: String, resource_version: &str) -> Self {
        Self {
            uid,
            resource_version: resource_version.parse().ok(),
        }
    }

    /// Returns true if this is an earlier state of the same object.
    pub fn is_before(&self, other: &Self) -> bool {
        self.uid == other.uid
            && self
                .resource_version
                .zip(other.resource_version)
                .is_some_and(|(one, other)| one < other)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
