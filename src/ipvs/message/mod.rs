//! The messages of IPVS's generic netlink family: their numbers, encoding and decoding, the meaning
//! of error numbers, and the message type for programs that have their own netlink connection.

pub(super) mod decode;
pub(super) mod encode;
pub(super) mod ipvs_message;
#[cfg(feature = "netlink-packet")]
mod netlink_packet;
pub(super) mod reason;
mod request;
pub(super) mod sockopt;
pub(super) mod uapi;
