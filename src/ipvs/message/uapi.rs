//! The numbers of IPVS's generic netlink interface (include/uapi/linux/ip_vs.h).

/// The family's name.
pub(in crate::ipvs) const FAMILY: &str = "IPVS";
/// The version of its protocol.
pub(in crate::ipvs) const VERSION: u8 = 1;

/// Commands: `IPVS_CMD_*`. The kernel answers a query with the command that sets the same
/// values.
pub(in crate::ipvs) mod command {
    pub(crate) const NEW_SERVICE: u8 = 1;
    pub(crate) const SET_SERVICE: u8 = 2;
    pub(crate) const DEL_SERVICE: u8 = 3;
    pub(crate) const GET_SERVICE: u8 = 4;
    pub(crate) const NEW_SERVER: u8 = 5;
    pub(crate) const SET_SERVER: u8 = 6;
    pub(crate) const DEL_SERVER: u8 = 7;
    pub(crate) const GET_SERVERS: u8 = 8;
    pub(crate) const NEW_DAEMON: u8 = 9;
    pub(crate) const DEL_DAEMON: u8 = 10;
    pub(crate) const GET_DAEMONS: u8 = 11;
    pub(crate) const SET_CONFIG: u8 = 12;
    pub(crate) const GET_CONFIG: u8 = 13;
    pub(crate) const SET_INFO: u8 = 14;
    pub(crate) const GET_INFO: u8 = 15;
    pub(crate) const ZERO: u8 = 16;
    pub(crate) const FLUSH: u8 = 17;
}

/// Attributes of a message: `IPVS_CMD_ATTR_*`.
pub(in crate::ipvs) mod top {
    pub(crate) const SERVICE: u16 = 1;
    pub(crate) const SERVER: u16 = 2;
    pub(crate) const DAEMON: u16 = 3;
    pub(crate) const TIMEOUT_TCP: u16 = 4;
    pub(crate) const TIMEOUT_TCP_FIN: u16 = 5;
    pub(crate) const TIMEOUT_UDP: u16 = 6;
}

/// Attributes of the answer to `GET_INFO`: `IPVS_INFO_ATTR_*`.
pub(in crate::ipvs) mod info {
    pub(crate) const VERSION: u16 = 1;
    pub(crate) const CONNECTION_TABLE_SIZE: u16 = 2;
}

/// Attributes of a service: `IPVS_SVC_ATTR_*`.
pub(in crate::ipvs) mod service {
    pub(crate) const FAMILY: u16 = 1;
    pub(crate) const PROTOCOL: u16 = 2;
    pub(crate) const ADDRESS: u16 = 3;
    pub(crate) const PORT: u16 = 4;
    pub(crate) const FIREWALL_MARK: u16 = 5;
    pub(crate) const SCHEDULER: u16 = 6;
    pub(crate) const FLAGS: u16 = 7;
    pub(crate) const TIMEOUT: u16 = 8;
    pub(crate) const NETMASK: u16 = 9;
    pub(crate) const STATISTICS: u16 = 10;
    pub(crate) const PERSISTENCE_ENGINE: u16 = 11;
    pub(crate) const STATISTICS_64: u16 = 12;

    /// `IP_VS_SVC_F_PERSISTENT`.
    pub(crate) const FLAG_PERSISTENT: u32 = 0x1;
    /// `IP_VS_SVC_F_HASHED`: only the kernel sets it.
    pub(crate) const FLAG_HASHED: u32 = 0x2;
    /// `IP_VS_SVC_F_ONEPACKET`.
    pub(crate) const FLAG_ONE_PACKET: u32 = 0x4;
    /// The flags above, which belong to the service. All others belong to the scheduler.
    pub(crate) const OWN_FLAGS: u32 = FLAG_PERSISTENT | FLAG_HASHED | FLAG_ONE_PACKET;
}

/// Attributes of a server: `IPVS_DEST_ATTR_*`.
pub(in crate::ipvs) mod server {
    pub(crate) const ADDRESS: u16 = 1;
    pub(crate) const PORT: u16 = 2;
    pub(crate) const FORWARDING: u16 = 3;
    pub(crate) const WEIGHT: u16 = 4;
    pub(crate) const UPPER_THRESHOLD: u16 = 5;
    pub(crate) const LOWER_THRESHOLD: u16 = 6;
    pub(crate) const ACTIVE_CONNECTIONS: u16 = 7;
    pub(crate) const INACTIVE_CONNECTIONS: u16 = 8;
    pub(crate) const PERSISTENT_CONNECTIONS: u16 = 9;
    pub(crate) const STATISTICS: u16 = 10;
    pub(crate) const FAMILY: u16 = 11;
    pub(crate) const STATISTICS_64: u16 = 12;
    pub(crate) const TUNNEL_TYPE: u16 = 13;
    pub(crate) const TUNNEL_PORT: u16 = 14;
    pub(crate) const TUNNEL_FLAGS: u16 = 15;
}

/// Attributes of both forms of statistics: `IPVS_STATS_ATTR_*`.
pub(in crate::ipvs) mod statistics {
    pub(crate) const CONNECTIONS: u16 = 1;
    pub(crate) const INCOMING_PACKETS: u16 = 2;
    pub(crate) const OUTGOING_PACKETS: u16 = 3;
    pub(crate) const INCOMING_BYTES: u16 = 4;
    pub(crate) const OUTGOING_BYTES: u16 = 5;
    pub(crate) const CONNECTION_RATE: u16 = 6;
    pub(crate) const INCOMING_PACKET_RATE: u16 = 7;
    pub(crate) const OUTGOING_PACKET_RATE: u16 = 8;
    pub(crate) const INCOMING_BYTE_RATE: u16 = 9;
    pub(crate) const OUTGOING_BYTE_RATE: u16 = 10;
}

/// Attributes of a sync daemon: `IPVS_DAEMON_ATTR_*`.
pub(in crate::ipvs) mod daemon {
    pub(crate) const STATE: u16 = 1;
    pub(crate) const INTERFACE: u16 = 2;
    pub(crate) const SYNC_ID: u16 = 3;
    pub(crate) const MAX_LENGTH: u16 = 4;
    pub(crate) const GROUP: u16 = 5;
    pub(crate) const GROUP_6: u16 = 6;
    pub(crate) const PORT: u16 = 7;
    pub(crate) const TTL: u16 = 8;

    /// `IP_VS_STATE_MASTER`.
    pub(crate) const MASTER: u32 = 1;
    /// `IP_VS_STATE_BACKUP`.
    pub(crate) const BACKUP: u32 = 2;
}

/// `AF_INET`.
pub(in crate::ipvs) const AF_INET: u16 = 2;
/// `AF_INET6`.
pub(in crate::ipvs) const AF_INET6: u16 = 10;
