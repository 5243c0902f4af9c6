//! The messages of IPVS's generic netlink family: numbers, encode, decode, what an error number means, and messages for a connection of one's own.

pub(super) mod decode;
pub(super) mod encode;
pub(super) mod ipvs_message;
pub(super) mod reason;
mod request;
pub(super) mod uapi;
