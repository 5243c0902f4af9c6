#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(unreachable_pub)]

#[cfg(test)]
mod captured;
mod error;
pub mod ipset;
pub mod ipvs;
mod netlink;
#[cfg(feature = "serde")]
mod serde;
#[cfg(feature = "tokio")]
pub mod tokio;
mod wire;

pub use error::{Error, ErrorKind, Result};
pub use netlink::{ExtendedAck, Namespace};
