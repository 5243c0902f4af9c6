//! IPVS: the kernel's layer-4 load balancer.

#[cfg(test)]
mod arbitrary;
mod batch;
#[cfg(all(test, target_endian = "little"))]
mod captured;
pub(crate) mod client;
mod daemon;
mod decode;
mod encode;
mod handle;
mod key;
mod message;
mod name;
mod operation;
mod operations;
mod outcome;
mod persistence;
pub mod proc;
#[cfg(test)]
mod properties;
mod query;
mod reason;
mod report;
mod request;
mod road;
mod scheduler;
mod server;
mod service;
mod table;
pub mod text;
mod timeouts;
mod tunnel;
mod uapi;

pub use batch::Batch;
pub use daemon::{SyncDaemon, SyncRole};
pub use handle::Ipvs;
pub use key::{Family, Protocol, ServiceKey};
pub use message::{IpvsMessage, Report};
pub use operation::Operation;
pub use operations::Operations;
pub use outcome::{BatchFailure, OnFailure, Outcome};
pub use persistence::Persistence;
pub use query::Query;
pub use report::{Info, Rates, Server, Service, Statistics, TableEntry, Version};
pub use scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
pub use server::{ForwardingMethod, RealServer};
pub use service::VirtualService;
pub use table::Entries;
pub use timeouts::Timeouts;
pub use tunnel::{Tunnel, TunnelFlags};
