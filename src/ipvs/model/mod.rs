//! Plain data: the values that a user builds and the kernel reports, their validation, and the
//! operations and queries on them. Nothing here handles bytes of messages.

pub(crate) mod control_interface;
pub(crate) mod daemon;
pub(crate) mod key;
pub(crate) mod name;
pub(crate) mod operation;
pub(crate) mod operations;
pub(crate) mod persistence;
pub(crate) mod query;
pub(crate) mod report;
pub(crate) mod scheduler;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod timeouts;
pub(crate) mod tunnel;
