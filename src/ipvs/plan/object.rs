use std::fmt;
use std::net::SocketAddr;

use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;

/// A service or one of its servers, by name.
///
/// As text, it has the form of `ipvsadm`'s options:
///
/// ```
/// use ipvset::ipvs::{ServiceKey, plan::Object};
///
/// let web = ServiceKey::tcp("10.0.0.1:80".parse()?);
/// assert_eq!(Object::service(web).to_string(), "-t 10.0.0.1:80");
/// let server = Object::server(web, "10.1.0.1:80".parse()?);
/// assert_eq!(server.to_string(), "-t 10.0.0.1:80 -r 10.1.0.1:80");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Object {
    /// The service.
    pub service: ServiceKey,
    /// The server's address and port, or `None` if the object is the service itself.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub server: Option<SocketAddr>,
}

impl Object {
    /// Returns the name of a service.
    pub fn service(service: impl Into<ServiceKey>) -> Self {
        Self {
            service: service.into(),
            server: None,
        }
    }

    /// Returns the name of a server.
    pub fn server(service: impl Into<ServiceKey>, address: SocketAddr) -> Self {
        Self {
            service: service.into(),
            server: Some(address),
        }
    }

    /// Returns the object of an operation that adds, updates or removes exactly one.
    pub(in crate::ipvs) fn of(operation: &Operation) -> Option<Self> {
        let (service, server) = parts(operation)?;
        Some(Self {
            service: *service,
            server: server.copied(),
        })
    }
}

/// Returns the service of an operation that adds, updates or removes exactly one service or server,
/// and the server's address.
pub(super) fn parts(operation: &Operation) -> Option<(&ServiceKey, Option<&SocketAddr>)> {
    match operation {
        Operation::AddServer(key, server) | Operation::UpdateServer(key, server) => {
            Some((key, Some(&server.address)))
        }
        Operation::RemoveServer(key, address) => Some((key, Some(address))),
        Operation::AddService(service) | Operation::UpdateService(service) => {
            Some((&service.key, None))
        }
        Operation::RemoveService(key) => Some((key, None)),
        _ => None,
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.service.fmt(f)?;
        match self.server {
            Some(address) => write!(f, " -r {address}"),
            None => Ok(()),
        }
    }
}
