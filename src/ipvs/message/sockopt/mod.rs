//! The structures of IPVS's socket options (include/uapi/linux/ip_vs.h), as bytes.
//!
//! The socket options are the older interface of IPVS. They have numbers of their own in level
//! `IPPROTO_IP`, one system call for each request, and structures of fixed length instead of
//! attributes. Numbers are in the machine's byte order, addresses and ports in network byte order.

#[cfg(all(test, target_endian = "little"))]
mod captured;
pub(in crate::ipvs) mod decode;
pub(in crate::ipvs) mod encode;
mod layout;
pub(in crate::ipvs) mod number;

pub(in crate::ipvs) use layout::Layout;

/// `struct ip_vs_service_user`, with which a structure about a service begins: the offsets of its
/// fields, and its length.
mod service {
    pub(super) const PROTOCOL: usize = 0;
    pub(super) const ADDRESS: usize = 4;
    pub(super) const PORT: usize = 8;
    pub(super) const FIREWALL_MARK: usize = 12;
    pub(super) const SCHEDULER: usize = 16;
    pub(super) const FLAGS: usize = 32;
    pub(super) const TIMEOUT: usize = 36;
    pub(super) const NETMASK: usize = 40;
    pub(super) const LENGTH: usize = 44;

    /// The length of the fields that identify a service.
    pub(super) const KEY: usize = SCHEDULER;
    /// The number of servers, which only a report has.
    pub(super) const SERVERS: usize = 44;
    /// Where the statistics begin, if they need no alignment.
    pub(super) const STATISTICS: usize = 48;
}

/// `struct ip_vs_dest_user`, with which a structure about a server begins.
mod server {
    pub(super) const ADDRESS: usize = 0;
    pub(super) const PORT: usize = 4;
    pub(super) const FORWARDING: usize = 8;
    pub(super) const WEIGHT: usize = 12;
    pub(super) const UPPER_THRESHOLD: usize = 16;
    pub(super) const LOWER_THRESHOLD: usize = 20;
    pub(super) const LENGTH: usize = 24;

    pub(super) const ACTIVE_CONNECTIONS: usize = 24;
    pub(super) const INACTIVE_CONNECTIONS: usize = 28;
    pub(super) const PERSISTENT_CONNECTIONS: usize = 32;
    /// Where the statistics begin, if they need no alignment.
    pub(super) const STATISTICS: usize = 36;
}

/// `struct ip_vs_timeout_user`.
mod timeouts {
    pub(super) const TCP: usize = 0;
    pub(super) const TCP_FIN: usize = 4;
    pub(super) const UDP: usize = 8;
    pub(super) const LENGTH: usize = 12;
}

/// `struct ip_vs_daemon_user`.
mod daemon {
    pub(super) const STATE: usize = 0;
    pub(super) const INTERFACE: usize = 4;
    pub(super) const SYNC_ID: usize = 20;
    pub(super) const LENGTH: usize = 24;
}

/// `struct ip_vs_getinfo`.
mod info {
    pub(super) const VERSION: usize = 0;
    pub(super) const CONNECTION_TABLE_SIZE: usize = 4;
    pub(super) const SERVICES: usize = 8;
    pub(super) const LENGTH: usize = 12;
}

/// The length of the answer to [`Readable::Info`](number::Readable::Info).
pub(in crate::ipvs) const INFO: usize = info::LENGTH;
/// The length of the answer to [`Readable::Daemons`](number::Readable::Daemons): a master and a
/// backup.
pub(in crate::ipvs) const DAEMONS: usize = 2 * daemon::LENGTH;
