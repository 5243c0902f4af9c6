use std::fmt;

use super::daemon::SyncDaemon;
use super::key::ServiceKey;
use super::server::RealServer;
use super::service::VirtualService;
use super::timeouts::Timeouts;

/// What the kernel answers to a [`Query`](super::query::Query), one message of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Report {
    /// A service.
    Service(ServiceInfo),
    /// A server of the service that was asked about.
    Server(ServerInfo),
    /// A sync daemon that runs.
    Daemon(SyncDaemon),
    /// The timeouts.
    Timeouts(Timeouts),
    /// The version, and the size of the connection table.
    Info(Info),
}

/// A virtual service as the kernel reports it: what is configured and what was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServiceInfo {
    /// What is configured.
    pub config: VirtualService,
    /// What was counted since the service was added or its counters were last zeroed.
    pub statistics: Statistics,
}

impl ServiceInfo {
    /// Which service it is.
    pub fn key(&self) -> ServiceKey {
        self.config.key
    }
}

impl From<&ServiceInfo> for ServiceKey {
    fn from(service: &ServiceInfo) -> Self {
        service.config.key
    }
}

/// A real server as the kernel reports it: what is configured and what was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServerInfo {
    /// What is configured.
    pub config: RealServer,
    /// Connections that are established (or whatever the protocol has for it).
    pub active_connections: u32,
    /// Connections that are opening, closing or idle.
    pub inactive_connections: u32,
    /// Persistence templates: clients that are bound to the server.
    pub persistent_connections: u32,
    /// What was counted since the server was added or its counters were last zeroed. A server
    /// that is added again soon after it was removed goes on counting where it was.
    pub statistics: Statistics,
}

/// A virtual service with its servers.
///
/// ```no_run
/// # use ipvset::ipvs::Ipvs;
/// for entry in Ipvs::connect()?.table()? {
///     let bytes = entry.service.statistics.incoming_bytes;
///     println!("{}: {} servers, {bytes} bytes", entry.service.key(), entry.servers.len());
///     for server in entry.servers {
///         println!("  {}: {} open", server.config.address, server.active_connections);
///     }
/// }
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TableEntry {
    /// The service.
    pub service: ServiceInfo,
    /// Its servers, the one added last at first.
    pub servers: Vec<ServerInfo>,
}

/// What the kernel counts for a service or a server.
///
/// Kernels before 4.1 report connections and packets in 32 bits, which wrap; later ones report
/// all of it in 64 bits. All of it, not only the rates, is what the kernel gathered last, up to
/// two seconds ago: a timer gathers it every two seconds, and from Linux 6.2 on a kernel thread,
/// which a busy machine can hold up. With the sysctl `net.ipv4.vs.run_estimation` at 0, nothing is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Statistics {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub incoming_packets: u64,
    /// Packets to clients, as far as they pass this machine.
    pub outgoing_packets: u64,
    /// Bytes from clients.
    pub incoming_bytes: u64,
    /// Bytes to clients, as far as they pass this machine.
    pub outgoing_bytes: u64,
    /// How fast these grow at the moment.
    pub rates: Rates,
}

/// How fast [`Statistics`] grow: averages that the kernel renews every two seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rates {
    /// Connections per second.
    pub connections: u64,
    /// Packets from clients per second.
    pub incoming_packets: u64,
    /// Packets to clients per second.
    pub outgoing_packets: u64,
    /// Bytes (not bits) from clients per second.
    pub incoming_bytes: u64,
    /// Bytes (not bits) to clients per second.
    pub outgoing_bytes: u64,
}

/// What IPVS says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Info {
    /// Its version, 1.2.1 for many years now. It says nothing about what this kernel can do.
    pub version: Version,
    /// The number of buckets in the table of connections. From Linux 7.1 on it is the present one:
    /// the table grows and shrinks.
    pub connection_table_size: u32,
}

/// A version of IPVS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Version {
    /// The first number.
    pub major: u8,
    /// The second number.
    pub minor: u8,
    /// The third number.
    pub patch: u8,
}

impl Version {
    /// As the kernel writes it: a byte for each part, the last the lowest.
    pub(in crate::ipvs) fn number(self) -> u32 {
        u32::from_be_bytes([0, self.major, self.minor, self.patch])
    }

    pub(in crate::ipvs) fn from_number(number: u32) -> Self {
        let [_, major, minor, patch] = number.to_be_bytes();
        Self {
            major,
            minor,
            patch,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
