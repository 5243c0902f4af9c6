use super::key::ServiceKey;

/// A request that reads from the IPVS of a network namespace, as a value.
///
/// The methods of [`Ipvs`](crate::ipvs::Ipvs) send queries and return the results. A program that
/// has its own netlink connection sends a query as an
/// [`IpvsMessage`](crate::ipvs::messages::IpvsMessage):
///
/// ```
/// use ipvset::ipvs::messages::{IpvsMessage, Query};
/// use ipvset::ipvs::ServiceKey;
///
/// let web = ServiceKey::tcp("10.0.0.1:80".parse()?);
/// let message = IpvsMessage::from(Query::Servers(web));
/// assert!(message.is_dump()); // set NLM_F_DUMP, and expect any number of replies
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
    /// All services. On Linux 7.1 and later the replies can lack some: see
    /// [`Ipvs::services`](crate::ipvs::Ipvs::services).
    Services,
    /// The servers of a service. For a service that does not exist, the kernel returns an empty
    /// list and no error.
    Servers(ServiceKey),
    /// The connection timeouts.
    Timeouts,
    /// The sync daemons that run.
    Daemons,
    /// The version and the size of the connection table.
    Info,
}

impl Query {
    /// Returns the name of the query as error texts use it.
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

    /// Returns the service that the query is about, if it is about one.
    pub(in crate::ipvs) fn key(&self) -> Option<&ServiceKey> {
        match self {
            Self::Service(key) | Self::Servers(key) => Some(key),
            _ => None,
        }
    }

    /// Returns true if the kernel answers with any number of messages.
    pub(in crate::ipvs) fn is_dump(&self) -> bool {
        matches!(self, Self::Services | Self::Servers(_) | Self::Daemons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_a_name_and_perhaps_a_key() {
        let web = ServiceKey::tcp("10.0.0.1:80".parse().unwrap());
        for (query, name, key) in [
            (Query::Service(web), "read service", Some(&web)),
            (Query::Services, "read services", None),
            (Query::Servers(web), "read servers of", Some(&web)),
            (Query::Timeouts, "read timeouts", None),
            (Query::Daemons, "read sync daemons", None),
            (Query::Info, "read version", None),
        ] {
            assert_eq!((query.name(), query.key()), (name, key));
        }
    }
}
