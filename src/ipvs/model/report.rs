use std::fmt;

use super::daemon::SyncDaemon;
use super::key::ServiceKey;
use super::server::RealServer;
use super::service::VirtualService;
use super::timeouts::Timeouts;

/// A message in which the kernel answers a [`Query`](super::query::Query).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Report {
    /// A service.
    Service(ServiceInfo),
    /// A server of the service in the query.
    Server(ServerInfo),
    /// A sync daemon that runs.
    Daemon(SyncDaemon),
    /// The connection timeouts.
    Timeouts(Timeouts),
    /// The version and the size of the connection table.
    Info(Info),
}

/// A virtual service as the kernel reports it: its configuration and its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServiceInfo {
    /// The configuration.
    pub config: VirtualService,
    /// The counters since the service was added or its counters were last zeroed.
    pub statistics: Statistics,
}

impl ServiceInfo {
    /// Returns a service with this configuration that had no connections yet.
    ///
    /// A program can plan with it what it would do, or test its own code, without a kernel.
    pub fn new(config: VirtualService) -> Self {
        Self {
            config,
            statistics: Statistics::default(),
        }
    }

    /// Returns the key of the service.
    pub fn key(&self) -> ServiceKey {
        self.config.key
    }
}

impl From<&TableEntry> for ServiceKey {
    fn from(entry: &TableEntry) -> Self {
        entry.service.key()
    }
}

impl From<&ServiceInfo> for ServiceKey {
    fn from(service: &ServiceInfo) -> Self {
        service.config.key
    }
}

/// A real server as the kernel reports it: its configuration, connections and counters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServerInfo {
    /// The configuration.
    pub config: RealServer,
    /// The number of connections that are established, or in the protocol's equivalent state.
    pub active_connections: u32,
    /// The number of connections that are opening, closing or idle.
    pub inactive_connections: u32,
    /// The number of persistence templates. Each binds a client to the server.
    pub persistent_connections: u32,
    /// The counters since the server was added or its counters were last zeroed. If a server is
    /// removed and soon added again, the kernel keeps its counters.
    pub statistics: Statistics,
}

impl ServerInfo {
    /// Returns a server with this configuration that had no connections yet.
    pub fn new(config: RealServer) -> Self {
        Self {
            config,
            active_connections: 0,
            inactive_connections: 0,
            persistent_connections: 0,
            statistics: Statistics::default(),
        }
    }
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
    /// Its servers, the most recently added first.
    pub servers: Vec<ServerInfo>,
}

impl TableEntry {
    /// Returns a service with its servers.
    pub fn new(service: ServiceInfo, servers: Vec<ServerInfo>) -> Self {
        Self { service, servers }
    }
}

/// The counters of a service or a server.
///
/// All counters have 64 bits, with two exceptions: over socket options (see
/// [`ControlInterface`](crate::ipvs::ControlInterface)), and before Linux 4.1, the kernel reports
/// connections, packets and rates in 32 bits. Then
/// [`has_32_bit_counters`](Statistics::has_32_bit_counters) is true.
///
/// The kernel updates all counters, not only the rates, every two seconds, so they are up to two
/// seconds old. A timer updates them, and from Linux 6.2 on a kernel thread, which a busy machine
/// can delay. If the sysctl `net.ipv4.vs.run_estimation` is 0, the counters stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Statistics {
    /// The number of connections scheduled.
    pub connections: u64,
    /// The number of packets from clients.
    pub incoming_packets: u64,
    /// The number of packets to clients that passed this machine.
    pub outgoing_packets: u64,
    /// The number of bytes from clients.
    pub incoming_bytes: u64,
    /// The number of bytes to clients that passed this machine.
    pub outgoing_bytes: u64,
    /// The current rates of these counters.
    pub rates: Rates,
    /// Whether the kernel reports connections, packets and rates in 32 bits. They wrap at
    /// 4,294,967,296 then. Bytes always have 64 bits.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "std::ops::Not::not")
    )]
    pub has_32_bit_counters: bool,
}

/// The rates at which [`Statistics`] grow: averages that the kernel updates every two seconds.
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

/// The version of IPVS and the size of its connection table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Info {
    /// The version. It has been 1.2.1 for many years and does not tell which features the kernel
    /// has.
    pub version: Version,
    /// The number of buckets in the connection table. On Linux 7.1 and later it is the current
    /// number, since the table grows and shrinks.
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
    /// Returns the version as the kernel encodes it: one byte for each part, `patch` in the
    /// lowest byte.
    pub(in crate::ipvs) fn number(self) -> u32 {
        u32::from_be_bytes([0, self.major, self.minor, self.patch])
    }

    /// Returns the version with this number in the kernel's encoding.
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
