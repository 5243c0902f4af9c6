//! Objects and a node in; wanted table, sets, addresses and health checks out. Pure.
//!
//! [`endpoints`] chooses the endpoints of a port, [`frontends`] says at which addresses clients
//! find it, [`share`] puts both together for one Service, [`wanted`] does so for all Services,
//! and [`sets`] says what firewall rules have to know of it.

mod counted;
mod endpoints;
mod frontends;
mod node;
pub mod sets;
mod share;
mod wanted;

pub use counted::Counted;
pub use frontends::{Frontend, Role};
pub use node::{Node, Settings};
pub use share::{HealthCheck, Share};
pub use wanted::Wanted;
