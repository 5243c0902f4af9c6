use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::NonZeroU32;

use crate::Protocol;
use crate::ipvs::{ForwardingMethod, Info, Scheduler, ServiceKey, Version};

/// The table of services and servers, as `/proc/net/ip_vs` shows it.
///
/// Reading it takes one pass. With up to some thousand services, that is much faster than a netlink
/// dump of every service's servers. But it does not contain everything. It serves to find out
/// whether anything changed, and what: usually nothing did, and then a program needs to read
/// nothing else. It does not contain:
/// - thresholds, scheduler flags, persistence engines, the kind of a tunnel, statistics and the
///   number of persistent connections;
/// - the family of a firewall mark: a mark with a service for each family appears twice;
/// - one-packet scheduling of IPv6 services;
/// - the persistence timeout in seconds: the kernel shows it in ticks, whose length is unknown.
///
/// The kernel returns the table in pieces, as it does in a dump. If another program adds or
/// removes services between two pieces, a service may be missing or repeated. A service and its
/// servers are always from the same moment.
///
/// Up to Linux 7.0, the kernel leaves some services out if the table is longer than a page and
/// another network namespace has services too. [`Proc`](super::Proc) does not detect this. Compare
/// the number of services with that of [`Ipvs::services`](crate::ipvs::Ipvs::services) if other
/// namespaces use IPVS.
///
/// From Linux 7.1 on, the kernel sometimes moves the services into a larger table, and shows only
/// some of them in the meantime. [`Proc`](super::Proc) detects this: it compares the number of
/// services with the one in `/proc/net/ip_vs_status`, and reads the table again if they differ.
/// Only root can read that file. For other users, [`Proc`](super::Proc) reads the table until two
/// readings in a row show the same services.
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
    /// The servers of all services, in the order of the services.
    pub(super) servers: Vec<SnapshotServer>,
}

/// A service, and the index at which its servers end. They begin where those of the row before
/// end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) service: SnapshotService,
    pub(super) end: usize,
}

/// A virtual service in a [`Snapshot`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotService {
    /// The service's key.
    pub key: SnapshotKey,
    /// The scheduler, which chooses a server for each new connection.
    pub scheduler: Scheduler,
    /// True if each packet is scheduled on its own; `None` for IPv6 addresses, for which the
    /// kernel does not show it.
    pub one_packet: Option<bool>,
    /// The persistence, if the service is persistent.
    pub persistence: Option<SnapshotPersistence>,
}

/// The key of a service in a [`Snapshot`].
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
    /// A firewall mark of either family.
    #[non_exhaustive]
    FirewallMark {
        /// The mark.
        mark: NonZeroU32,
    },
}

/// Writes the key like that of a [`ServiceKey`], a mark without its family.
impl Display for SnapshotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Address { protocol, address } => ServiceKey::Address { protocol, address }.fmt(f),
            Self::FirewallMark { mark } => write!(f, "-f {mark}"),
        }
    }
}

/// The persistence of a service in a [`Snapshot`]. It is only useful for comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotPersistence {
    /// The timeout in the kernel's ticks. A second has 100 to 1000 ticks.
    pub ticks: u32,
    /// The mask as the kernel prints it. For IPv4 it is the mask's bits. For IPv6 it is the
    /// prefix length, with its bytes reversed on little-endian machines.
    pub mask: u32,
}

/// A real server in a [`Snapshot`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotServer {
    /// The server's address and port.
    pub address: SocketAddr,
    /// How packets get to the server.
    pub forwarding: SnapshotForwarding,
    /// The server's share of new connections.
    pub weight: u32,
    /// The number of established connections, or of those in the protocol's equivalent state.
    pub active_connections: u32,
    /// The number of connections that are opening, closing or idle.
    pub inactive_connections: u32,
}

/// How packets get to a server in a [`Snapshot`], without the kind of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SnapshotForwarding {
    /// See [`ForwardingMethod::Masquerade`].
    Masquerade,
    /// See [`ForwardingMethod::LocalNode`].
    LocalNode,
    /// See [`ForwardingMethod::Tunnel`]; the kernel does not show which kind of tunnel.
    Tunnel,
    /// See [`ForwardingMethod::DirectRouting`].
    DirectRouting,
    /// See [`ForwardingMethod::Bypass`].
    Bypass,
}

impl SnapshotForwarding {
    /// Returns true if a [`Snapshot`] shows a server with this method in this way.
    pub fn shows(self, method: ForwardingMethod) -> bool {
        self == method.into()
    }
}

/// Returns how a [`Snapshot`] shows a server with this method.
impl From<ForwardingMethod> for SnapshotForwarding {
    fn from(method: ForwardingMethod) -> Self {
        match method {
            // The kernel shows methods that it has no name for as masquerading.
            ForwardingMethod::Masquerade | ForwardingMethod::Other(_) => Self::Masquerade,
            ForwardingMethod::LocalNode => Self::LocalNode,
            ForwardingMethod::Tunnel(_) => Self::Tunnel,
            ForwardingMethod::DirectRouting => Self::DirectRouting,
            ForwardingMethod::Bypass => Self::Bypass,
        }
    }
}

/// Returns the key under which a [`Snapshot`] shows a service.
impl From<&ServiceKey> for SnapshotKey {
    fn from(key: &ServiceKey) -> Self {
        match *key {
            ServiceKey::Address { protocol, address } => Self::Address { protocol, address },
            ServiceKey::FirewallMark { mark, .. } => Self::FirewallMark { mark },
        }
    }
}

impl Default for Snapshot {
    /// Returns a snapshot without services and with version 0.0.0 of IPVS, which
    /// [`Proc::snapshot_into`](super::Proc::snapshot_into) can fill.
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
    /// Builds a snapshot of services with their servers.
    #[cfg(any(test, feature = "serde"))]
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

    /// Returns true if this snapshot contains every service, on a kernel whose table grows while
    /// it is read.
    ///
    /// `count` is the number of services, if it is known. Otherwise the keys have to be the same
    /// as in the reading before, which are in `before`. This function then puts its own there.
    ///
    /// No key may be repeated, because a repeated service can hide that another one is missing.
    /// Only a firewall mark may appear twice, because its services of both families look the
    /// same. Then this function compares the two readings even if `count` is known.
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

    /// Returns IPVS's version and the size of its table of connections.
    pub fn info(&self) -> Info {
        self.info
    }

    /// Returns the number of services.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Returns true if there is no service.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Returns an iterator over the services with their servers, in the kernel's order.
    ///
    /// Services are in the order of the kernel's hash table. The servers of a service begin with
    /// the one that was added last.
    pub fn iter(&self) -> impl Iterator<Item = (&SnapshotService, &[SnapshotServer])> {
        let mut start = 0;
        self.services.iter().map(move |row| {
            let servers = self.servers.get(start..row.end).unwrap_or_default();
            start = row.end;
            (&row.service, servers)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::Version;

    fn address(port: u16) -> SnapshotKey {
        SnapshotKey::Address {
            protocol: Protocol::TCP,
            address: ([10, 0, 0, 1], port).into(),
        }
    }

    fn mark(mark: u32) -> SnapshotKey {
        let mark = NonZeroU32::new(mark).unwrap();
        SnapshotKey::FirewallMark { mark }
    }

    fn snapshot(keys: &[SnapshotKey]) -> Snapshot {
        let info = Info {
            version: Version::from_number(0),
            connection_table_size: 4096,
        };
        let parts = keys.iter().map(|key| {
            let service = SnapshotService {
                key: *key,
                scheduler: crate::ipvs::Scheduler::RoundRobin,
                one_packet: None,
                persistence: None,
            };
            (service, Vec::new())
        });
        Snapshot::from_parts(info, parts)
    }

    #[test]
    fn a_counted_snapshot_is_whole_if_it_has_each_service_once() {
        let is_whole = |keys: &[SnapshotKey], count| {
            let mut before = Some(Vec::new());
            let is_whole = snapshot(keys).is_whole(Some(count), &mut before);
            assert!(is_whole || before.is_none());
            is_whole
        };
        assert!(is_whole(&[], 0));
        assert!(is_whole(&[address(1), address(2)], 2));
        assert!(is_whole(&[address(1), mark(1)], 2));
        assert!(!is_whole(&[address(1), address(2)], 3));
        assert!(!is_whole(&[address(1), address(2)], 1));
        // One is repeated, so another one may be missing.
        assert!(!is_whole(&[address(1), address(2), address(1)], 3));
        assert!(!is_whole(&[mark(1), mark(1), mark(1)], 3));
    }

    #[test]
    fn what_cannot_be_counted_is_whole_if_it_is_read_twice() {
        for count in [None, Some(3)] {
            // The mark of both families, or of one that is repeated.
            let keys = [mark(1), address(1), mark(1)];
            let mut before = None;
            assert!(!snapshot(&keys).is_whole(count, &mut before));
            assert!(snapshot(&keys).is_whole(count, &mut before));
            let others = [mark(1), address(2), mark(1)];
            assert!(!snapshot(&others).is_whole(count, &mut before));
            assert!(!snapshot(&keys).is_whole(count, &mut before));
        }
        let (mut before, keys) = (None, [address(1)]);
        assert!(!snapshot(&keys).is_whole(None, &mut before));
        assert!(snapshot(&keys).is_whole(None, &mut before));
    }

    #[test]
    fn keys_are_written_as_the_tool_does() {
        assert_eq!(address(80).to_string(), "-t 10.0.0.1:80");
        assert_eq!(mark(7).to_string(), "-f 7");
    }

    #[test]
    fn a_snapshot_without_services_is_empty() {
        assert!(snapshot(&[]).is_empty());
        assert!(!snapshot(&[mark(1)]).is_empty());
    }

    #[test]
    fn forwarding_methods_are_shown_in_their_way() {
        assert!(SnapshotForwarding::Masquerade.shows(ForwardingMethod::Masquerade));
        assert!(!SnapshotForwarding::Tunnel.shows(ForwardingMethod::Masquerade));
    }
}
