//! What a user builds and what the kernel reports, as plain data: values, their validation, and operations and queries on them. No bytes.

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
