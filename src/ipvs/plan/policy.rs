use std::time::Duration;

use crate::ipvs::model::report::ServerInfo;

/// How servers and services that are no longer wanted leave, and when a plan warns.
///
/// By default, a server gets weight 0 and is removed once it has neither active nor inactive
/// connections, or after ten minutes. UDP servers are removed at once.
///
/// ```
/// use std::time::Duration;
/// use ipvset::ipvs::plan::{Policy, WaitFor};
///
/// let policy = Policy::new().drain_time(Duration::from_secs(60)).wait_for(WaitFor::Active);
/// assert!(policy.drain_unwanted_services);
/// assert!(Policy::without_drain().drain_time.is_zero());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Policy {
    /// The longest time that a server drains. Then it is removed, whatever connections it has.
    /// The default is ten minutes. With zero, servers are removed at once. More than a hundred years
    /// count as a hundred.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::seconds"))]
    pub drain_time: Duration,
    /// The connections that a draining server waits for. The default is
    /// [`WaitFor::ActiveAndInactive`].
    pub wait_for: WaitFor,
    /// The longest time between two looks at the draining servers. The default is one second. More
    /// than a hundred years count as a hundred.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::seconds"))]
    pub look_every: Duration,
    /// Whether the servers of UDP services drain. The default is `false`: they are removed at
    /// once.
    ///
    /// UDP has no packet that opens a connection. As long as a client goes on sending from the
    /// same port, its packets go to the draining server. Servers of services with one-packet
    /// scheduling are always removed at once, because they have no connections.
    pub drain_udp: bool,
    /// Whether the servers of a service that is no longer wanted drain before the service is
    /// removed. The default is `true`. Otherwise the service and its servers are removed at once.
    pub drain_unwanted_services: bool,
    /// Whether a service with the scheduler `sh` or `mh` gets its fallback flag while one of its
    /// servers drains. The default is `true`.
    ///
    /// Without the flag, these schedulers still select a server of weight 0, and the client is
    /// refused. The flag is taken back when the last server has drained. If this is `false`, the
    /// plan has a [warning](super::Warning::RefusesClients).
    pub set_fallback: bool,
    /// The percentage of removed servers above which the plan has a
    /// [warning](super::Warning::ManyRemovals). The default is 50. With 100, there is never one.
    pub warn_above_percent: u8,
}

/// The connections that a draining server waits for.
///
/// A `/proc` snapshot does not show persistence templates, so [`WaitFor::All`] needs the whole
/// table for persistent services: see [`Drains::needs_table`](super::Drains::needs_table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum WaitFor {
    /// Active connections: those that are established.
    Active,
    /// Active and inactive connections. Inactive ones are being opened or closed. After a TCP
    /// connection ends, the kernel counts it as inactive for two minutes.
    #[default]
    ActiveAndInactive,
    /// Active and inactive connections, and persistence templates. A template binds a client to
    /// its server until the persistence timeout has passed since its last connection.
    All,
}

impl WaitFor {
    /// Returns the number of connections of a server that a drain waits for.
    pub(super) fn count(self, server: &ServerInfo) -> u64 {
        let (active, inactive) = (server.active_connections, server.inactive_connections);
        let persistent = match self {
            Self::All => server.persistent_connections,
            Self::Active | Self::ActiveAndInactive => 0,
        };
        self.count_shown(active, inactive) + u64::from(persistent)
    }

    /// Returns the number of connections that a drain waits for, without persistence templates.
    pub(super) fn count_shown(self, active: u32, inactive: u32) -> u64 {
        match self {
            Self::Active => active.into(),
            Self::ActiveAndInactive | Self::All => u64::from(active) + u64::from(inactive),
        }
    }
}

impl Policy {
    /// Returns the default policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the policy by which everything is removed at once.
    pub fn without_drain() -> Self {
        Self::default().drain_time(Duration::ZERO)
    }

    /// Sets the longest time that a server drains. With zero, servers are removed at once.
    #[must_use]
    pub fn drain_time(mut self, time: Duration) -> Self {
        self.drain_time = time;
        self
    }

    /// Sets the connections that a draining server waits for.
    #[must_use]
    pub fn wait_for(mut self, connections: WaitFor) -> Self {
        self.wait_for = connections;
        self
    }

    /// Sets the longest time between two looks at the draining servers.
    #[must_use]
    pub fn look_every(mut self, interval: Duration) -> Self {
        self.look_every = interval;
        self
    }

    /// Sets whether the servers of UDP services drain.
    #[must_use]
    pub fn drain_udp(mut self, drain: bool) -> Self {
        self.drain_udp = drain;
        self
    }

    /// Sets whether the servers of a service that is no longer wanted drain.
    #[must_use]
    pub fn drain_unwanted_services(mut self, drain: bool) -> Self {
        self.drain_unwanted_services = drain;
        self
    }

    /// Sets whether `sh` and `mh` services get their fallback flag while a server drains.
    #[must_use]
    pub fn set_fallback(mut self, set: bool) -> Self {
        self.set_fallback = set;
        self
    }

    /// Sets the percentage of removed servers above which the plan has a warning.
    #[must_use]
    pub fn warn_above_percent(mut self, percent: u8) -> Self {
        self.warn_above_percent = percent;
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            drain_time: Duration::from_secs(600),
            wait_for: WaitFor::default(),
            look_every: Duration::from_secs(1),
            drain_udp: false,
            drain_unwanted_services: true,
            set_fallback: true,
            warn_above_percent: 50,
        }
    }
}
