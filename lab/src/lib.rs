//! Kernels, network namespaces and devices for the examples, tests and benchmarks of ipvset.
//!
//! [`main`] runs a program on a kernel that has what it [`Needs`]: the running one, or User Mode Linux. [`Namespace`] creates network namespaces.
//! Functions such as those of [`link`] and [`sysctl`], and [`tool()`], act in the namespace of the calling thread. `namespace.run(|| ...)` calls
//! them in another one.

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
mod rootless;
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
pub use rootless::rootless;
pub use shell::shell;
pub use tool::{tool, tool_with_input};
