use std::net::SocketAddr;

use super::daemon::{SyncDaemon, SyncRole};
use super::key::ServiceKey;
use super::server::RealServer;
use super::service::VirtualService;
use super::timeouts::Timeouts;

/// A change to the IPVS of a network namespace, as a value.
///
/// There is an operation for each method of [`Ipvs`](crate::ipvs::Ipvs) that changes something
/// without reading it first, and for each line of `ipvsadm`'s save format.
/// [`Operations`](crate::ipvs::Operations) is a list of them.
///
/// As text, an operation has the form of the arguments of `ipvsadm` that do the same:
///
/// ```
/// use ipvset::ipvs::{Operation, RealServer, VirtualService};
///
/// let web = VirtualService::tcp("10.0.0.1:80".parse()?);
/// let add = Operation::AddServer(web.key, RealServer::new("10.1.0.1:80".parse()?));
/// assert_eq!(add.to_string(), "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1");
/// assert_eq!("-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m".parse::<Operation>()?, add);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
pub enum Operation {
    /// Adds a service. Fails if it exists.
    AddService(VirtualService),
    /// Replaces the whole configuration of a service. Fails if it does not exist.
    UpdateService(VirtualService),
    /// Adds a service, or replaces the whole configuration of the one with this key.
    PutService(VirtualService),
    /// Removes a service and its servers. Fails if it does not exist.
    RemoveService(ServiceKey),
    /// Removes a service and its servers if the service exists.
    RemoveServiceIfPresent(ServiceKey),
    /// Adds a server to a service. Fails if the server exists or the service does not.
    AddServer(ServiceKey, RealServer),
    /// Replaces the whole configuration of a server. Fails if it does not exist.
    UpdateServer(ServiceKey, RealServer),
    /// Adds a server to a service, or replaces the whole configuration of the one with this
    /// address and port.
    PutServer(ServiceKey, RealServer),
    /// Removes a server from a service. Fails if either does not exist.
    RemoveServer(ServiceKey, SocketAddr),
    /// Removes a server from a service if both exist.
    RemoveServerIfPresent(ServiceKey, SocketAddr),
    /// Removes every service and server.
    Flush,
    /// Zeroes the counters of every service and server, and the totals of the namespace.
    Zero,
    /// Zeroes the counters of a service and of its servers.
    ZeroService(ServiceKey),
    /// Sets the timeouts that are `Some`, and leaves the others as they are.
    SetTimeouts(Timeouts),
    /// Starts a sync daemon.
    StartDaemon(SyncDaemon),
    /// Stops the sync daemon with this role. The kernel may do so without a reply: see
    /// [`Ipvs::stop_daemon`](crate::ipvs::Ipvs::stop_daemon).
    StopDaemon(SyncRole),
}

impl Operation {
    /// Returns the name of the operation as error texts use it, such as `add service`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AddService(_) => "add service",
            Self::UpdateService(_) => "update service",
            Self::PutService(_) => "add or update service",
            Self::RemoveService(_) => "remove service",
            Self::RemoveServiceIfPresent(_) => "remove service, if present,",
            Self::AddServer(..) => "add server",
            Self::UpdateServer(..) => "update server",
            Self::PutServer(..) => "add or update server",
            Self::RemoveServer(..) => "remove server",
            Self::RemoveServerIfPresent(..) => "remove server, if present,",
            Self::Flush => "remove all services",
            Self::Zero => "zero all counters",
            Self::ZeroService(_) => "zero counters of service",
            Self::SetTimeouts(_) => "set timeouts",
            Self::StartDaemon(_) => "start sync daemon",
            Self::StopDaemon(_) => "stop sync daemon",
        }
    }

    /// Returns the object of the operation in `ipvsadm`'s syntax, such as
    /// `-t 10.0.0.1:80 -r 10.1.0.1:80`.
    pub(in crate::ipvs) fn object(&self) -> Option<String> {
        let server = |key: &ServiceKey, address: SocketAddr| Some(format!("{key} -r {address}"));
        match self {
            Self::AddService(service)
            | Self::UpdateService(service)
            | Self::PutService(service) => Some(service.key.to_string()),
            Self::RemoveService(key)
            | Self::RemoveServiceIfPresent(key)
            | Self::ZeroService(key) => Some(key.to_string()),
            Self::AddServer(key, it) | Self::UpdateServer(key, it) | Self::PutServer(key, it) => {
                server(key, it.address)
            }
            Self::RemoveServer(key, it) | Self::RemoveServerIfPresent(key, it) => server(key, *it),
            Self::StartDaemon(daemon) => Some(daemon.role.to_string()),
            Self::StopDaemon(role) => Some(role.to_string()),
            Self::Flush | Self::Zero | Self::SetTimeouts(_) => None,
        }
    }

    /// Returns the update that follows a "put" operation if the object exists already.
    pub(in crate::ipvs) fn as_update(&self) -> Option<Self> {
        match self {
            Self::PutService(service) => Some(Self::UpdateService(service.clone())),
            Self::PutServer(key, server) => Some(Self::UpdateServer(*key, server.clone())),
            _ => None,
        }
    }

    /// Checks the values. The error says why the kernel would refuse or ignore one of them.
    pub(in crate::ipvs) fn check(&self) -> Result<(), String> {
        match self {
            Self::AddService(service)
            | Self::UpdateService(service)
            | Self::PutService(service) => service.check(),
            Self::AddServer(key, server)
            | Self::UpdateServer(key, server)
            | Self::PutServer(key, server) => {
                key.check()?;
                server.check(key)
            }
            Self::RemoveService(key)
            | Self::RemoveServiceIfPresent(key)
            | Self::ZeroService(key) => key.check(),
            Self::RemoveServer(key, address) | Self::RemoveServerIfPresent(key, address) => {
                key.check()?;
                super::key::check_scope(address)
            }
            Self::SetTimeouts(timeouts) => timeouts.check(),
            Self::StartDaemon(daemon) => daemon.check(),
            Self::Flush | Self::Zero | Self::StopDaemon(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;
    use std::time::Duration;

    use super::*;

    /// Each operation, with its name and its object.
    fn all(
        service: &VirtualService,
        server: &RealServer,
    ) -> Vec<(Operation, &'static str, Option<String>)> {
        use Operation::*;
        let key = service.key;
        let (of_service, of_server) = (
            Some(key.to_string()),
            format!("{key} -r {}", server.address),
        );
        let (of_server, server) = (Some(of_server), || server.clone());
        let service = || service.clone();
        let address = server().address;
        let daemon = SyncDaemon::master("lo");
        vec![
            (AddService(service()), "add service", of_service.clone()),
            (
                UpdateService(service()),
                "update service",
                of_service.clone(),
            ),
            (
                PutService(service()),
                "add or update service",
                of_service.clone(),
            ),
            (RemoveService(key), "remove service", of_service.clone()),
            (
                RemoveServiceIfPresent(key),
                "remove service, if present,",
                of_service.clone(),
            ),
            (AddServer(key, server()), "add server", of_server.clone()),
            (
                UpdateServer(key, server()),
                "update server",
                of_server.clone(),
            ),
            (
                PutServer(key, server()),
                "add or update server",
                of_server.clone(),
            ),
            (
                RemoveServer(key, address),
                "remove server",
                of_server.clone(),
            ),
            (
                RemoveServerIfPresent(key, address),
                "remove server, if present,",
                of_server,
            ),
            (Flush, "remove all services", None),
            (Zero, "zero all counters", None),
            (ZeroService(key), "zero counters of service", of_service),
            (SetTimeouts(Timeouts::new()), "set timeouts", None),
            (
                StartDaemon(daemon),
                "start sync daemon",
                Some("master".into()),
            ),
            (
                StopDaemon(SyncRole::Backup),
                "stop sync daemon",
                Some("backup".into()),
            ),
        ]
    }

    #[test]
    fn an_operation_has_a_name_and_an_object_and_is_checked() {
        let service = VirtualService::tcp("10.0.0.1:80".parse().unwrap());
        let server = RealServer::new("10.1.0.1:80".parse().unwrap());
        let operations = all(&service, &server);
        assert_eq!(operations[0].2.as_deref(), Some("-t 10.0.0.1:80"));
        assert_eq!(
            operations[5].2.as_deref(),
            Some("-t 10.0.0.1:80 -r 10.1.0.1:80")
        );
        for (operation, name, object) in operations {
            assert_eq!(operation.name(), name);
            assert_eq!(operation.object(), object, "{name}");
            assert_eq!(operation.check(), Ok(()), "{name}");
        }
    }

    #[test]
    fn each_operation_checks_what_it_contains() {
        let with_flow = SocketAddrV6::new("fd00::1".parse().unwrap(), 80, 1, 0).into();
        let good = "[fd00::2]:80".parse().unwrap();
        for (operation, name, object) in
            all(&VirtualService::tcp(with_flow), &RealServer::new(good))
        {
            let has_service = object.is_some_and(|it| it.starts_with("-t"));
            assert_eq!(operation.check().is_err(), has_service, "{name}");
        }
        for (operation, name, object) in
            all(&VirtualService::tcp(good), &RealServer::new(with_flow))
        {
            let has_server = object.is_some_and(|it| it.contains("-r"));
            assert_eq!(operation.check().is_err(), has_server, "{name}");
        }
        let timeouts = Timeouts::new().tcp(Duration::ZERO);
        Operation::SetTimeouts(timeouts).check().unwrap_err();
        let daemon = SyncDaemon::master("an interface's name");
        Operation::StartDaemon(daemon).check().unwrap_err();
    }
}
