//! IPVS: the kernel's layer-4 load balancer.
//!
//! A [`VirtualService`] is an address and port that clients connect to, or a firewall mark. Its
//! [`RealServer`]s answer the clients. [`Ipvs`] is the handle that adds, changes, reads and
//! removes both, one at a time or many at once. The types for a configuration and for what
//! the kernel reports are different: a [`ServiceInfo`] is a [`VirtualService`] with its counters.
//!
//! ```no_run
//! use ipvset::ipvs::{Ipvs, RealServer, Scheduler, VirtualService};
//!
//! let mut ipvs = Ipvs::connect()?;
//! let web = VirtualService::tcp("10.100.100.100:8080".parse()?).scheduler(Scheduler::RoundRobin);
//! ipvs.put_service(&web)?; // added, or changed if it is there
//! for server in ["10.0.0.11:8080", "10.0.0.12:8080"] {
//!     ipvs.put_server(&web, &RealServer::new(server.parse()?).masquerade())?;
//! }
//! ipvs.set_weight(&web, "10.0.0.11:8080".parse()?, 0)?; // new connections go to the other one
//! for entry in ipvs.table()? {
//!     print!("{entry}"); // as `ipvsadm -S -n` does
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - Every change is also a value, an [`Operation`]. [`Operations`] is a list of them, which
//!   [`Ipvs::execute_all`] carries out in few system calls.
//! - The module [`plan`] compares the table with the wanted one, and drains servers.
//! - The module [`proc`] reads the files of IPVS in /proc, such as the list of connections, and
//!   reads and writes its sysctls.
//! - The module [`text`] writes operations as `ipvsadm -S -n` does, and reads them back.
//! - The module [`messages`] has requests and replies for a netlink connection of your own.

#[cfg(any(test, fuzzing))]
pub(crate) mod arbitrary;
#[cfg(all(test, target_endian = "little"))]
mod captured;
pub(crate) mod client;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handle;
mod message;
pub(crate) mod model;
pub mod plan;
pub mod proc;
#[cfg(test)]
mod properties;
pub mod text;

/// Requests for data, reports and messages, for programs that have a netlink connection of their
/// own.
pub mod messages {
    pub use super::message::ipvs_message::IpvsMessage;
    pub use super::model::query::Query;
    pub use super::model::report::Report;
}

pub use client::table::TableEntries;
pub use handle::Ipvs;
pub use model::control_interface::ControlInterface;
pub use model::daemon::{SyncDaemon, SyncRole};
pub use model::key::ServiceKey;
pub use model::operation::Operation;
pub use model::operations::Operations;
pub use model::persistence::Persistence;
pub use model::report::{Info, Rates, ServerInfo, ServiceInfo, Statistics, TableEntry, Version};
pub use model::scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
pub use model::server::{ForwardingMethod, RealServer};
pub use model::service::VirtualService;
pub use model::timeouts::Timeouts;
pub use model::tunnel::{Tunnel, TunnelFlags};
