use std::fmt;
use std::net::IpAddr;

/// What a sync daemon does: the kernel has at most one of each in a network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum SyncRole {
    /// Tells other directors about this one's connections.
    Master,
    /// Takes over what a master tells.
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

/// A connection synchronisation daemon, which runs in the kernel and multicasts connections to
/// other directors, or hears them.
///
/// What is `None` is left to the kernel when the daemon is started; as reported, everything
/// that the kernel knows is there. All but role, interface and id need Linux 4.3.
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
    /// What it does.
    pub role: SyncRole,
    /// The network interface that it multicasts on or listens on; at most 15 bytes.
    pub interface: String,
    /// Which connections it exchanges, 0 to 255: a backup takes those of masters with the same
    /// id, and with 0 those of all. At first 0.
    #[cfg_attr(feature = "serde", serde(default))]
    pub sync_id: u8,
    /// The most bytes that a message may have. If not given, what a packet on the interface
    /// holds: 1500 less the headers for a master, the interface's MTU (1500 to 65,535) less
    /// the headers for a backup. The kernel clamps what is given: a master's to what a UDP
    /// packet can have, a backup's to 1024 at least. Not 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub max_length: Option<u16>,
    /// The multicast group. If not given, 224.0.0.81.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub group: Option<IpAddr>,
    /// The UDP port, and the first of as many as the sysctl `net.ipv4.vs.sync_ports` says. If
    /// not given, 8848. Not 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub port: Option<u16>,
    /// How many routers a message may pass. If not given, 1. Not 0.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub ttl: Option<u8>,
}

impl SyncDaemon {
    /// The interface that `ipvsadm` takes where none is named.
    pub const DEFAULT_INTERFACE: &'static str = "eth0";

    /// A master that multicasts on an interface.
    pub fn master(interface: impl Into<String>) -> Self {
        Self::new(SyncRole::Master, interface)
    }

    /// A backup that listens on an interface.
    pub fn backup(interface: impl Into<String>) -> Self {
        Self::new(SyncRole::Backup, interface)
    }

    /// A daemon of either role.
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

    /// Sets which connections it exchanges.
    #[must_use]
    pub fn sync_id(mut self, id: u8) -> Self {
        self.sync_id = id;
        self
    }

    /// Sets the most bytes that a message may have.
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

    /// Sets the UDP port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets how many routers a message may pass.
    #[must_use]
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = Some(ttl);
        self
    }

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
            return Err(format!("{group} is no multicast group"));
        }
        // The kernel takes zero for "not given".
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
