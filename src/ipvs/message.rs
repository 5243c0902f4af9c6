use super::daemon::SyncDaemon;
use super::report::{Info, Server, Service};
use super::timeouts::Timeouts;

/// What the kernel answers to a [`Query`](super::Query), one message of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// A service.
    Service(Service),
    /// A server of the service that was asked about.
    Server(Server),
    /// A sync daemon that runs.
    Daemon(SyncDaemon),
    /// The timeouts.
    Timeouts(Timeouts),
    /// The version, and the size of the connection table.
    Info(Info),
}
