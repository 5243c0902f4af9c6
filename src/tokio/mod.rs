//! The handles for programs that run on [tokio](https://docs.rs/tokio) (feature `tokio`).
//!
//! They have the methods of the blocking handles, under the same names and with the same errors,
//! and make the same exchanges with the kernel; what they are given and what they give are the
//! types of [`ipvs`](crate::ipvs) and [`ipset`](crate::ipset). Their futures are `Send` as far as
//! what they are given is.
//!
//! They need no reactor: the kernel answers while it is being asked. A task only lets others run
//! between the datagrams of a long answer.
//!
//! # Cancellation
//!
//! A future that is dropped before it is done leaves the handle usable: a reply that comes later
//! is passed over, and a listing is ended, so that its set can be destroyed. What the kernel was
//! asked for by then is done, and nobody is told how it went. A dropped
//! [`replace`](IpSets::replace) leaves the old content or the new one, and no other set.
//!
//! # What blocks
//!
//! The kernel carries a request out while it is being sent, on the sending thread: a full
//! message of a bulk operation takes it about a millisecond. Opening a handle in another
//! namespace starts a thread, and waits until it has opened a socket there.
//!
//! # Forking
//!
//! Two processes that share a handle receive each other's replies. After a fork, open one in the
//! new process.

mod ipset;
mod ipvs;

pub use ipset::{Entries, IpSets, SetsAndEntries};
pub use ipvs::{Batch, Ipvs, TableEntries};

#[cfg(test)]
mod tests;
