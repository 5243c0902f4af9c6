use std::fmt;

use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::scheduler::Scheduler;

/// Something that the reader of a [`Plan`](super::Plan) should know before it is applied.
///
/// Warnings are about what the plan does. A plan without steps has none, except for what it
/// leaves alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Warning {
    /// The wanted table names a service outside of the scope. It is left alone.
    #[non_exhaustive]
    OutsideScope {
        /// The service.
        service: ServiceKey,
    },
    /// A server is to drain, but the scheduler still selects servers of weight 0 as long as its
    /// fallback flag is not set. New clients that it sends to the server are refused.
    #[non_exhaustive]
    RefusesClients {
        /// The service.
        service: ServiceKey,
        /// The scheduler: `sh` or `mh`.
        scheduler: Scheduler,
    },
    /// The scheduler ignores weight 0, so servers are removed at once, and their connections are
    /// cut.
    #[non_exhaustive]
    CannotDrain {
        /// The service.
        service: ServiceKey,
        /// The scheduler: `dh`.
        scheduler: Scheduler,
        /// The number of connections that are cut.
        connections: u64,
    },
    /// A server of a persistent service is to drain while the sysctl
    /// [`EXPIRE_QUIESCENT_TEMPLATE`](crate::ipvs::proc::sysctl::EXPIRE_QUIESCENT_TEMPLATE) is off
    /// or unknown. Clients that were bound to the server come back to it until the drain's time
    /// is up.
    #[non_exhaustive]
    ClientsComeBack {
        /// The service.
        service: ServiceKey,
    },
    /// The plan adds a service with a port beside one with port 0, or the other way round. The
    /// service with the port gets the connections to its port, and the persistence of the two is
    /// not shared.
    #[non_exhaustive]
    OverlapsEveryPort {
        /// The service with the port.
        service: ServiceKey,
        /// The service with port 0.
        every_port: ServiceKey,
    },
    /// The plan adds a service with a firewall mark, and there are services with addresses in its
    /// family, or the other way round. A packet with the mark goes to the service with the mark,
    /// whatever its address is.
    #[non_exhaustive]
    OverlapsMark {
        /// The service with the firewall mark.
        mark: ServiceKey,
        /// One of the services with an address.
        service: ServiceKey,
    },
    /// More servers are removed than the share that the policy sets.
    #[non_exhaustive]
    ManyRemovals {
        /// The number of servers that are removed or begin to drain.
        removed: usize,
        /// The number of servers in the scope before.
        present: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideScope { service } => {
                write!(
                    f,
                    "{service} is wanted but outside of the scope, and is left alone"
                )
            }
            Self::RefusesClients { service, scheduler } => write!(
                f,
                "{service}: while a server drains, {scheduler} refuses the new clients that it \
                 sends there, because {scheduler}-fallback is not set"
            ),
            Self::CannotDrain {
                service,
                scheduler,
                connections,
            } => write!(
                f,
                "{service}: {scheduler} ignores weight 0, so servers do not drain; connections \
                 that are cut: {connections}"
            ),
            Self::ClientsComeBack { service } => write!(
                f,
                "{service}: persistent clients come back to a draining server until its time is \
                 up, unless net.ipv4.vs.expire_quiescent_template is 1"
            ),
            Self::OverlapsEveryPort {
                service,
                every_port,
            } => write!(
                f,
                "{service} gets the connections to its port, and {every_port} those to every \
                 other port; persistence is not shared between them"
            ),
            Self::OverlapsMark { mark, service } => write!(
                f,
                "packets with the mark of {mark} go there, even if they are for {service}"
            ),
            Self::ManyRemovals { removed, present } => {
                write!(f, "{removed} of {present} servers are removed")
            }
        }
    }
}
