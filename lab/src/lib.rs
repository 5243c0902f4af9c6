//! The kernel, namespaces and devices that the examples, tests and benchmarks of ipvset stand on.
//!
//! [`main`] puts a program on a kernel that has what it [`Needs`]: the running one, or User Mode Linux. There, everything else acts in network
//! namespaces: [`Namespace`] makes them, and the functions of [`link`], [`sysctl`] and [`tool()`] act in that of the calling
//! thread, so that `namespace.run(|| ...)` says where.

pub mod address;
mod answer;
mod error;
pub mod http;
pub mod iptables;
pub mod kernel;
pub mod link;
pub mod module;
mod namespace;
pub mod net;
pub mod route;
mod rtnetlink;
mod shell;
pub mod sysctl;
pub mod test;
pub mod tool;

pub use answer::{Answer, Unanswered};
pub use error::{Error, Result};
pub use iptables::Iptables;
pub use kernel::{Needs, main};
pub use namespace::Namespace;
pub use shell::shell;
pub use tool::{tool, tool_with_input};
