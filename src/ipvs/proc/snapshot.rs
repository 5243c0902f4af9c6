use std::io::BufRead;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use super::difference::Difference;
use super::table;
use crate::Result;
use crate::ipvs::{ForwardingMethod, Info, Protocol, Scheduler, Version};

/// The table of services and servers as `/proc/net/ip_vs` shows it: not all there is, but in one
/// pass, and much faster than a dump of every service's servers.
///
/// It is for seeing whether anything changed, and what: most of the time nothing did, and then
/// that is all a program has to read. What it does not show:
/// - thresholds, scheduler flags, persistence engines, the kind of a tunnel, statistics, the
///   number of persistent connections;
/// - the family of a firewall mark: a mark with a service for each family is there twice;
/// - one-packet scheduling of IPv6 services;
/// - persistence in seconds: it is given in ticks, whose length the kernel does not tell.
///
/// Like a dump it is read in pieces, between which services can come and go, so that one may be
/// missed or seen twice; a service and its servers are always from the same moment.
///
/// From Linux 7.1 on, the kernel also moves the services into a larger table from time to time,
/// and shows only some of them meanwhile. [`Proc`](super::Proc) notices that: it compares the
/// number of services with the one in `/proc/net/ip_vs_status`, and reads again if it is another.
/// That file is root's. Without the right to read it, the table is read until two readings show
/// the same services.
///
/// ```no_run
/// use ipvset::ipvs::proc::Proc;
///
/// let proc = Proc::new();
/// let mut before = proc.snapshot()?;
/// let mut now = before.clone();
/// loop {
///     std::thread::sleep(std::time::Duration::from_secs(1));
///     proc.snapshot_into(&mut now)?;
///     for key in now.changes_since(&before).added {
///         println!("new: {key:?}");
///     }
///     std::mem::swap(&mut before, &mut now);
/// }
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub(super) info: Info,
    pub(super) services: Vec<Row>,
    /// The servers of all services, each service's behind those of the one before.
    pub(super) servers: Vec<SnapshotServer>,
}

/// A service, and where its servers end; they begin where those of the row before end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) service: SnapshotService,
    pub(super) end: usize,
}

/// What a [`Snapshot`] shows of a virtual service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotService {
    /// Which service it is.
    pub key: SnapshotKey,
    /// How it chooses a server.
    pub scheduler: Scheduler,
    /// Whether each packet is scheduled on its own; `None` for IPv6 addresses, where it is not
    /// shown.
    pub one_packet: Option<bool>,
    /// Persistence, if the service is persistent.
    pub persistence: Option<SnapshotPersistence>,
}

/// What a [`Snapshot`] shows of a service's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SnapshotKey {
    /// A protocol, an address and a port.
    #[non_exhaustive]
    Address {
        /// The transport protocol.
        protocol: Protocol,
        /// The virtual address and port.
        address: SocketAddr,
    },
    /// A firewall mark, of either family.
    #[non_exhaustive]
    FirewallMark {
        /// The mark.
        mark: NonZeroU32,
    },
}

/// What a [`Snapshot`] shows of a service's persistence, good for comparing only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotPersistence {
    /// The timeout in the kernel's ticks, 100 to 1000 of which make a second.
    pub ticks: u32,
    /// The mask as the kernel prints it. For IPv4 the mask's bits; for IPv6 the prefix length,
    /// with its bytes the wrong way round on little-endian machines.
    pub mask: u32,
}

/// What a [`Snapshot`] shows of a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotServer {
    /// The server's address and port.
    pub address: SocketAddr,
    /// How packets get there.
    pub forwarding: SnapshotForwarding,
    /// The server's share of new connections.
    pub weight: u32,
    /// Connections that are established (or whatever the protocol has for it).
    pub active_connections: u32,
    /// Connections that are opening, closing or idle.
    pub inactive_connections: u32,
}

/// How packets get to a server, without what a [`Snapshot`] does not show of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SnapshotForwarding {
    /// See [`ForwardingMethod::Masquerade`].
    Masquerade,
    /// See [`ForwardingMethod::LocalNode`].
    LocalNode,
    /// See [`ForwardingMethod::Tunnel`]; which one is not shown.
    Tunnel,
    /// See [`ForwardingMethod::DirectRouting`].
    DirectRouting,
    /// See [`ForwardingMethod::Bypass`].
    Bypass,
}

impl SnapshotForwarding {
    /// Whether it is what a [`Snapshot`] shows of this method.
    pub fn shows(self, method: ForwardingMethod) -> bool {
        match method {
            // So the kernel shows the numbers that it has no name for.
            ForwardingMethod::Masquerade | ForwardingMethod::Other(_) => self == Self::Masquerade,
            ForwardingMethod::LocalNode => self == Self::LocalNode,
            ForwardingMethod::Tunnel(_) => self == Self::Tunnel,
            ForwardingMethod::DirectRouting => self == Self::DirectRouting,
            ForwardingMethod::Bypass => self == Self::Bypass,
        }
    }
}

impl Default for Snapshot {
    /// No services, and an IPVS of version 0.0.0: something for
    /// [`Proc::snapshot_into`](super::Proc::snapshot_into) to fill.
    fn default() -> Self {
        let info = Info {
            version: Version::from_number(0),
            connection_table_size: 0,
        };
        Self {
            info,
            services: Vec::new(),
            servers: Vec::new(),
        }
    }
}

impl Snapshot {
    /// Reads the text of `/proc/net/ip_vs` from anywhere.
    ///
    /// # Errors
    /// A malformed reply for anything else; [`Error::position`](crate::Error::position) says
    /// where.
    pub fn read(text: impl BufRead) -> Result<Self> {
        let mut snapshot = Self::default();
        table::read(&mut snapshot, text)?;
        Ok(snapshot)
    }

    /// Puts a snapshot together from services with their servers.
    #[cfg(feature = "serde")]
    pub(crate) fn from_parts(
        info: Info,
        parts: impl Iterator<Item = (SnapshotService, Vec<SnapshotServer>)>,
    ) -> Self {
        let (mut services, mut servers) = (Vec::new(), Vec::new());
        for (service, its) in parts {
            servers.extend(its);
            let end = servers.len();
            services.push(Row { service, end });
        }
        Self {
            info,
            services,
            servers,
        }
    }

    pub(super) fn clear(&mut self) {
        self.services.clear();
        self.servers.clear();
    }

    /// Whether it has every service, on a kernel whose table grows while it is read. `count` is
    /// how many services there are, if that is known; without it, the keys have to be those of
    /// the reading before, which are in `before`, as are then those of this one.
    ///
    /// Nothing may come twice: a service that does can hide that another one is missing. Only a
    /// firewall mark may, since its two services look the same; then the readings are compared
    /// as well.
    pub(super) fn is_whole(
        &self,
        count: Option<usize>,
        before: &mut Option<Vec<SnapshotKey>>,
    ) -> bool {
        let mut keys: Vec<_> = self.services.iter().map(|row| row.service.key).collect();
        keys.sort_unstable();
        let groups = || keys.chunk_by(|one, other| one == other);
        let possible = groups().all(|group| match group {
            [SnapshotKey::Address { .. }, more @ ..] => more.is_empty(),
            marks => marks.len() <= 2,
        });
        if !possible || count.is_some_and(|count| count != keys.len()) {
            *before = None;
            return false;
        }
        let alone = groups().all(|group| group.len() == 1);
        if count.is_some() && alone {
            return true;
        }
        before.replace(keys.clone()) == Some(keys)
    }

    /// IPVS's version and the size of its table of connections.
    pub fn info(&self) -> Info {
        self.info
    }

    /// The number of services.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether there is no service.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// The services, each with its servers, in the kernel's order: that of its hash table, and
    /// of servers the one added last at first.
    pub fn iter(&self) -> impl Iterator<Item = (&SnapshotService, &[SnapshotServer])> {
        let mut start = 0;
        self.services.iter().map(move |row| {
            let servers = self.servers.get(start..row.end).unwrap_or_default();
            start = row.end;
            (&row.service, servers)
        })
    }

    /// What is configured otherwise here than in an older snapshot. Numbers of connections do
    /// not count, nor does order.
    pub fn changes_since(&self, older: &Self) -> Difference {
        Difference::between(older, self)
    }
}
