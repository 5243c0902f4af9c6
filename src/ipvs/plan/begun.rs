use std::net::SocketAddr;

use super::addresses::AddressSet;
use super::object::Object;

/// What of a recorded service a plan adds which was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(super) enum Begun {
    /// The service and all of its servers.
    Whole,
    /// Some of them.
    #[cfg_attr(feature = "serde", serde(untagged))]
    Part(Part),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub(super) struct Part {
    /// Whether it adds the service itself.
    service: bool,
    servers: AddressSet,
}

impl Begun {
    pub(super) fn servers(addresses: Vec<SocketAddr>) -> Self {
        Self::Part(Part {
            service: false,
            servers: addresses.into(),
        })
    }

    pub(super) fn has_service(&self) -> bool {
        match self {
            Self::Whole => true,
            Self::Part(part) => part.service,
        }
    }

    pub(super) fn has_server(&self, address: SocketAddr) -> bool {
        match self {
            Self::Whole => true,
            Self::Part(part) => part.servers.contains(address),
        }
    }

    pub(super) fn contains(&self, object: &Object) -> bool {
        object
            .server
            .map_or(self.has_service(), |it| self.has_server(it))
    }

    pub(super) fn add(&mut self, servers: Vec<SocketAddr>) {
        if let Self::Part(part) = self {
            part.servers.add(servers);
        }
    }
}

/// Nothing.
impl Default for Begun {
    fn default() -> Self {
        Self::Part(Part::default())
    }
}

impl From<Vec<Object>> for Begun {
    fn from(objects: Vec<Object>) -> Self {
        let servers: Vec<_> = objects.iter().filter_map(|it| it.server).collect();
        Self::Part(Part {
            service: servers.len() < objects.len(),
            servers: servers.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::ServiceKey;

    #[test]
    fn objects_in_doubt_are_a_service_its_servers_or_both() {
        let key: ServiceKey = "-t 10.0.0.1:80".parse().unwrap();
        let address: SocketAddr = "10.1.0.1:80".parse().unwrap();
        let (service, server) = (Object::service(key), Object::server(key, address));
        let contains = |objects: &[Object]| {
            let begun = Begun::from(objects.to_vec());
            (begun.contains(&service), begun.contains(&server))
        };
        assert_eq!(contains(&[service]), (true, false));
        assert_eq!(contains(&[server]), (false, true));
        assert_eq!(contains(&[service, server]), (true, true));
        assert_eq!(contains(&[]), (false, false));
    }
}
