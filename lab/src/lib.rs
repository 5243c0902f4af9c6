//! The kernel, namespaces and devices that the examples, tests and benchmarks of ipvset stand on.
//!
//! [`main`] puts a program on a kernel that has what it [`Needs`]: the running one, or User Mode Linux. There, everything else acts in network
//! namespaces: [`Namespace`] makes them, and the functions of [`link`], [`sysctl`] and [`tool()`] act in that of the calling
//! thread, so that `namespace.run(|| ...)` says where.

mod error;
pub mod kernel;
pub mod link;
pub mod module;
mod namespace;
mod rtnetlink;
pub mod sysctl;
pub mod test;
pub mod tool;

pub use error::{Error, Result};
pub use kernel::{Needs, main};
pub use namespace::Namespace;
pub use tool::{tool, tool_with_input};
