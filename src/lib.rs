#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs)]
#![warn(unreachable_pub)]

#[cfg(test)]
mod captured;
mod error;
mod family;
pub mod guide;
pub mod ipset;
pub mod ipvs;
mod names;
mod namespace;
mod netlink;
mod on_failure;
mod outcome;
mod protocol;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "tokio")]
pub mod tokio;
mod wire;

pub use error::{Error, ErrorKind, Missing, Result};
pub use family::Family;
/// The crate whose networks this crate's types hold.
pub use ipnet;
pub use names::Names;
pub use namespace::Namespace;
pub use netlink::ExtendedAck;
pub use on_failure::OnFailure;
pub use outcome::{FailedChange, Outcome};
pub use protocol::Protocol;
