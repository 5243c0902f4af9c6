//! Handles for programs that run on [tokio](https://docs.rs/tokio) (feature `tokio`).
//!
//! They have the same methods as the blocking handles, with the same errors, and send the same
//! requests to the kernel. Parameters and results are the types of [`ipvs`](crate::ipvs) and
//! [`ipset`](crate::ipset). A future is `Send` if the arguments of its method are.
//!
//! The handles need no reactor, since the kernel answers a request while it is being sent.
//!
//! # Cancellation
//!
//! The handle stays usable if a future is dropped before it is done. A reply that arrives later is
//! discarded. The kernel still carries out what was sent by then, but the result is lost. A dropped
//! [`replace`](IpSets::replace) leaves the set with either its old or its new content, and destroys
//! its temporary set.
//!
//! A listing that is dropped early ends, so that its set can be destroyed. If much of it is left, a
//! task of the runtime receives and discards the rest. Until that is done, the set is still being
//! listed, and the next method of the handle waits.
//!
//! # What blocks
//!
//! The kernel carries out a request on the thread that sends it, while it is being sent. Long
//! operations and listings let other tasks run after each millisecond or 32 datagrams. So a method
//! holds its thread for a few milliseconds at most, unless a single request takes the kernel longer
//! or many entries are planned. A full message of a bulk operation takes about a millisecond or less. To destroy or
//! flush a set of a million entries, or to begin listing it, takes 10 to 30 ms.
//!
//! [`IpSets::plan`], [`plan_all`](IpSets::plan_all), [`apply`](IpSets::apply) and
//! [`apply_all`](IpSets::apply_all) collect the wanted entries of a set without letting other tasks
//! run. With a million of them, that holds the thread for about 70 ms.
//!
//! Opening a handle in another namespace starts a thread, and blocks until that thread has opened a
//! socket there.
//!
//! # Forking
//!
//! Two processes that share a handle receive each other's replies. After a fork, open another
//! handle in the new process.

mod ipset;
mod ipvs;
#[cfg(feature = "stream")]
mod stream;

pub use ipset::{Entries, IpSets, SetsAndEntries};
pub use ipvs::{Ipvs, TableEntries};

#[cfg(test)]
mod tests;
