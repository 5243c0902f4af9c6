#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs)]
#![warn(unreachable_pub)]

#[cfg(test)]
mod captured;
mod error;
pub mod guide;
pub mod ipset;
pub mod ipvs;
mod namespace;
mod netlink;
mod on_failure;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "tokio")]
pub mod tokio;
mod wire;

pub use error::{Error, ErrorKind, Missing, Result};
/// The crate whose networks this crate's types hold.
pub use ipnet;
pub use namespace::Namespace;
pub use netlink::ExtendedAck;
pub use on_failure::OnFailure;
