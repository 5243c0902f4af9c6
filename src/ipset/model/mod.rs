//! The data types of ipset: names, sets with their types and options, entries with their elements,
//! and what the kernel reports about sets.

pub(crate) mod element;
pub(crate) mod entry;
pub(crate) mod info;
pub(crate) mod name;
pub(crate) mod options;
pub(crate) mod revision;
pub(crate) mod set;
pub(crate) mod stored;
pub(crate) mod types;
pub(crate) mod value;
