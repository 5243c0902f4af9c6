use std::net::SocketAddr;

use super::daemon::{SyncDaemon, SyncRole};
use super::key::ServiceKey;
use super::server::RealServer;
use super::service::VirtualService;
use super::timeouts::Timeouts;

/// Something to be done to the IPVS of a network namespace, as a value: what a
/// [`Batch`](crate::ipvs::Batch) carries, what a line of `ipvsadm`'s save format says, and what each
/// changing method of [`Ipvs`](crate::ipvs::Ipvs) does.
///
/// It is written as the arguments of `ipvsadm` that do the same:
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
    /// Adds a service; it must not be there.
    AddService(VirtualService),
    /// Changes a service to exactly this; it must be there.
    UpdateService(VirtualService),
    /// Adds a service, or changes the one that is there to exactly this.
    PutService(VirtualService),
    /// Removes a service with its servers; it must be there.
    RemoveService(ServiceKey),
    /// Removes a service with its servers if it is there.
    RemoveServiceIfPresent(ServiceKey),
    /// Adds a server to a service; it must not be there, the service must.
    AddServer(ServiceKey, RealServer),
    /// Changes a server to exactly this; it must be there.
    UpdateServer(ServiceKey, RealServer),
    /// Adds a server to a service, or changes the one that is there to exactly this.
    PutServer(ServiceKey, RealServer),
    /// Removes a server from a service; both must be there.
    RemoveServer(ServiceKey, SocketAddr),
    /// Removes a server from a service if both are there.
    RemoveServerIfPresent(ServiceKey, SocketAddr),
    /// Removes every service and server.
    Flush,
    /// Zeroes the counters of every service and server, and the totals.
    Zero,
    /// Zeroes the counters of a service and its servers.
    ZeroService(ServiceKey),
    /// Changes those timeouts that are given.
    SetTimeouts(Timeouts),
    /// Starts a sync daemon.
    StartDaemon(SyncDaemon),
    /// Stops the sync daemon with this role. The kernel may do so without an answer: see
    /// [`Ipvs::stop_daemon`](crate::ipvs::Ipvs::stop_daemon).
    StopDaemon(SyncRole),
}

impl Operation {
    /// What it does, in the words that errors use.
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

    /// What it is done to, in `ipvsadm`'s syntax.
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

    /// The change that an addition becomes where the thing is there already.
    pub(in crate::ipvs) fn as_update(&self) -> Option<Self> {
        match self {
            Self::PutService(service) => Some(Self::UpdateService(service.clone())),
            Self::PutServer(key, server) => Some(Self::UpdateServer(*key, server.clone())),
            _ => None,
        }
    }

    /// Refuses what the kernel would refuse or ignore.
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
