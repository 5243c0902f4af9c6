use std::fmt;
use std::net::IpAddr;

/// The role of a sync daemon.
///
/// In a network namespace, at most one daemon of each role runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum SyncRole {
    /// Sends this director's connections to other directors.
    Master,
    /// Receives the connections that a master sends.
    Backup,
}

impl fmt::Display for SyncRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Master => "master",
            Self::Backup => "backup",
        })
    }
}

/// A connection synchronisation daemon, which runs in the kernel and sends connections to other
/// directors by multicast, or receives them.
///
/// When a daemon is started, the kernel chooses the values that are `None`. A daemon that the
/// kernel reports contains every value that the kernel supports. Linux 4.3 introduced all
/// values except the role, the interface and the id.
///
/// ```
/// use ipvset::ipvs::SyncDaemon;
///
/// let daemon = SyncDaemon::master("eth0").sync_id(7).group("224.0.0.82".parse()?);
/// assert_eq!(
///     daemon.to_string(),
///     "master --mcast-interface eth0 --syncid 7 --mcast-group 224.0.0.82",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SyncDaemon {
    /// Whether the daemon sends or receives.
    pub role: SyncRole,
    /// The network interface on which the daemon sends or receives: 1 to 15 bytes.
    pub interface: String,
    /// The id of the group of directors, 0 to 255. A backup accepts connections from masters with
    /// the same id; a backup with id 0 accepts them from all masters. The default is 0.
    #[cfg_attr(feature = "serde", serde(default))]
    pub sync_id: u8,
    /// The maximum length of a message, in bytes. It cannot be 0.
    ///
    /// If it is `None`, the kernel uses the length of a packet less the headers. For a master the
    /// packet has 1500 bytes; for a backup it has the interface's MTU (1500 to 65,535). The
    /// kernel adjusts the given value: for a master to the maximum of a UDP packet, for a backup
    /// to at least 1024.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub max_length: Option<u16>,
    /// The multicast group. If it is `None`, the kernel uses 224.0.0.81.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub group: Option<IpAddr>,
    /// The first UDP port. It cannot be 0. If it is `None`, the kernel uses 8848.
    ///
    /// The sysctl `net.ipv4.vs.sync_ports` sets the number of ports.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub port: Option<u16>,
    /// The time to live of a message: the number of routers that it may pass. It cannot be 0. If it
    /// is `None`, the kernel uses 1.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub ttl: Option<u8>,
}

impl SyncDaemon {
    /// The interface that `ipvsadm` uses if none is given.
    pub const DEFAULT_INTERFACE: &'static str = "eth0";

    /// Returns a master that sends on an interface.
    pub fn master(interface: impl Into<String>) -> Self {
        Self::new(SyncRole::Master, interface)
    }

    /// Returns a backup that receives on an interface.
    pub fn backup(interface: impl Into<String>) -> Self {
        Self::new(SyncRole::Backup, interface)
    }

    /// Returns a daemon of the given role.
    pub fn new(role: SyncRole, interface: impl Into<String>) -> Self {
        Self {
            role,
            interface: interface.into(),
            sync_id: 0,
            max_length: None,
            group: None,
            port: None,
            ttl: None,
        }
    }

    /// Sets the [id](SyncDaemon#structfield.sync_id) of the group of directors.
    #[must_use]
    pub fn sync_id(mut self, id: u8) -> Self {
        self.sync_id = id;
        self
    }

    /// Sets the [maximum length of a message](SyncDaemon#structfield.max_length), in bytes.
    #[must_use]
    pub fn max_length(mut self, bytes: u16) -> Self {
        self.max_length = Some(bytes);
        self
    }

    /// Sets the multicast group.
    #[must_use]
    pub fn group(mut self, group: IpAddr) -> Self {
        self.group = Some(group);
        self
    }

    /// Sets the first [UDP port](SyncDaemon#structfield.port).
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets the time to live of messages: the number of routers that they may pass.
    #[must_use]
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Checks the values. The error says why one of them is invalid.
    pub(in crate::ipvs) fn check(&self) -> Result<(), String> {
        /// `IFNAMSIZ` less the terminating zero byte.
        const MAX_INTERFACE: usize = 15;
        let length = self.interface.len();
        if length == 0 || length > MAX_INTERFACE || self.interface.contains('\0') {
            return Err(format!(
                "an interface's name has 1 to {MAX_INTERFACE} bytes, `{}` has {length}",
                self.interface.escape_debug()
            ));
        }
        if let Some(group) = self.group.filter(|group| !group.is_multicast()) {
            return Err(format!("{group} is not a multicast group"));
        }
        // To the kernel, zero means that the value is not given.
        for (what, zero) in [
            ("the longest message", self.max_length == Some(0)),
            ("the port", self.port == Some(0)),
            ("the time to live", self.ttl == Some(0)),
        ] {
            if zero {
                return Err(format!("{what} can't be 0"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let good = SyncDaemon::master("fifteen-letters")
            .sync_id(255)
            .max_length(65535)
            .group("ff02::1".parse().unwrap())
            .port(1)
            .ttl(255);
        good.check().unwrap();
        for (wrong, word) in [
            (SyncDaemon::master(""), "1 to 15"),
            (SyncDaemon::backup("sixteen--letters"), "has 16"),
            (good.clone().group("10.0.0.1".parse().unwrap()), "10.0.0.1"),
            (good.clone().max_length(0), "message"),
            (good.clone().port(0), "port"),
            (good.clone().ttl(0), "live"),
        ] {
            let why = wrong.check().unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }
}
