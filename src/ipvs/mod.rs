//! IPVS: the kernel's layer-4 load balancer.
//!
//! A [`VirtualService`] is an address and port that clients connect to, or a firewall mark; its
//! [`RealServer`]s answer them. [`Ipvs`] is the handle with which both are added, changed, read
//! and removed, one at a time or many in a [`Batch`]. What is configured and what the kernel
//! reports of it are different types: a [`ServiceInfo`] is a [`VirtualService`] with what was
//! counted.
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
//! Everything that can be done is an [`Operation`] too, and everything that can be asked a
//! [`Query`]: values that can be kept, compared, written and read as text ([`text`]), and sent
//! over a netlink connection of one's own ([`IpvsMessage`]). What IPVS tells in files,
//! connections above all, is in [`proc`].

#[cfg(test)]
mod arbitrary;
#[cfg(all(test, target_endian = "little"))]
mod captured;
pub(crate) mod client;
mod handle;
mod message;
pub(crate) mod model;
pub mod proc;
#[cfg(test)]
mod properties;
pub mod text;

pub use client::batch::Batch;
pub use client::outcome::{FailedOperation, Outcome};
pub use client::table::TableEntries;
pub use handle::Ipvs;
pub use message::ipvs_message::IpvsMessage;
pub use model::daemon::{SyncDaemon, SyncRole};
pub use model::key::{Family, Protocol, ServiceKey};
pub use model::operation::Operation;
pub use model::operations::Operations;
pub use model::persistence::Persistence;
pub use model::query::Query;
pub use model::report::{
    Info, Rates, Report, ServerInfo, ServiceInfo, Statistics, TableEntry, Version,
};
pub use model::scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
pub use model::server::{ForwardingMethod, RealServer};
pub use model::service::VirtualService;
pub use model::timeouts::Timeouts;
pub use model::tunnel::{Tunnel, TunnelFlags};
