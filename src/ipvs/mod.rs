//! IPVS: the kernel's layer-4 load balancer.

mod client;
mod daemon;
mod decode;
mod encode;
mod handle;
mod key;
mod message;
mod name;
mod operation;
mod persistence;
mod query;
mod reason;
mod report;
mod road;
mod scheduler;
mod server;
mod service;
mod table;
pub mod text;
mod timeouts;
mod tunnel;
mod uapi;

pub use daemon::{SyncDaemon, SyncRole};
pub use handle::Ipvs;
pub use key::{Family, Protocol, ServiceKey};
pub use message::Report;
pub use operation::Operation;
pub use persistence::Persistence;
pub use query::Query;
pub use report::{Info, Rates, Server, Service, Statistics, TableEntry, Version};
pub use scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
pub use server::{ForwardingMethod, RealServer};
pub use service::VirtualService;
pub use timeouts::Timeouts;
pub use tunnel::{Tunnel, TunnelFlags};
