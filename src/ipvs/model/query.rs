use super::key::ServiceKey;

/// A question about the IPVS of a network namespace, which changes nothing. The methods of
/// [`Ipvs`](crate::ipvs::Ipvs) ask it and give the answer; as a value it is for programs with a netlink
/// connection of their own:
///
/// ```
/// use ipvset::ipvs::{IpvsMessage, Query, ServiceKey};
///
/// let web = ServiceKey::tcp("10.0.0.1:80".parse()?);
/// let message = IpvsMessage::from(Query::Servers(web));
/// assert!(message.is_dump()); // so it wants NLM_F_DUMP, and several answers may come
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
pub enum Query {
    /// One service.
    Service(ServiceKey),
    /// All services. From Linux 7.1 on the answers can miss some: see
    /// [`Ipvs::services`](crate::ipvs::Ipvs::services).
    Services,
    /// The servers of a service. Of one that does not exist, the kernel gives none, and no
    /// error.
    Servers(ServiceKey),
    /// The timeouts.
    Timeouts,
    /// The sync daemons that run.
    Daemons,
    /// The version, and the size of the connection table.
    Info,
}

impl Query {
    /// What it asks, in the words that errors use.
    pub(in crate::ipvs) fn name(&self) -> &'static str {
        match self {
            Self::Service(_) => "read service",
            Self::Services => "read services",
            Self::Servers(_) => "read servers of",
            Self::Timeouts => "read timeouts",
            Self::Daemons => "read sync daemons",
            Self::Info => "read version",
        }
    }

    pub(in crate::ipvs) fn key(&self) -> Option<&ServiceKey> {
        match self {
            Self::Service(key) | Self::Servers(key) => Some(key),
            _ => None,
        }
    }

    /// Whether the kernel answers with any number of messages.
    pub(in crate::ipvs) fn is_dump(&self) -> bool {
        matches!(self, Self::Services | Self::Servers(_) | Self::Daemons)
    }
}
