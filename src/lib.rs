//! Programs two parts of the Linux kernel over netlink, in pure Rust: **IPVS**, the kernel's
//! layer-4 load balancer, and **ipset**, the sets of addresses, networks and ports that firewall
//! rules match on. There is no C library and no command-line tool behind it. It is for programs
//! that steer traffic, such as load balancers, Kubernetes service proxies, firewalls and intrusion
//! blockers.
//!
//! | to | read |
//! |--|--|
//! | balance connections: services, servers, schedulers | [`ipvs`], [`ipvs::Ipvs`] |
//! | keep the table as a program wants it: plan, apply, drain | [`guide::desired_state`], [`ipvs::plan`] |
//! | match packets against many addresses: sets, entries | [`ipset`], [`ipset::IpSets`] |
//! | use tokio | [`tokio`](guide::on_tokio) |
//! | make many changes at once | [`Outcome`], [`guide::many_changes`] |
//! | handle errors | [`Error`], [`guide::errors`] |
//! | work in another network namespace | [`Namespace`], [`guide::namespaces`] |
//! | do what a command of `ipvsadm` or `ipset` does | [`guide::commands`] |
//! | keep a block list, drain a server, resize a set | [`guide`] |
//!
//! # A load-balanced service
//!
//! ```no_run
//! use ipvset::ipvs::{Ipvs, RealServer, Scheduler, VirtualService};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut ipvs = Ipvs::connect()?;
//!     let web = VirtualService::tcp("10.100.100.100:8080".parse()?)
//!         .scheduler(Scheduler::RoundRobin);
//!     ipvs.put_service(&web)?; // added, or changed if it is there
//!     for server in ["10.0.0.11:8080", "10.0.0.21:8080"] {
//!         ipvs.put_server(&web, &RealServer::new(server.parse()?).masquerade())?;
//!     }
//!     for entry in ipvs.table()? {
//!         print!("{entry}"); // as `ipvsadm -S -n` does
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # A set
//!
//! ```no_run
//! use std::net::Ipv4Addr;
//!
//! use ipvset::OnFailure;
//! use ipvset::ipset::types::HashIp;
//! use ipvset::ipset::{IpSet, IpSets};
//!
//! fn main() -> ipvset::Result<()> {
//!     let mut sets = IpSets::connect()?;
//!     let blocked = IpSet::<HashIp>::new("blocked")?.maxelem(2_000_000);
//!     sets.create_if_absent(&blocked)?;
//!     // A million entries take a few hundred system calls.
//!     let addresses = (0..1_000_000).map(|number| Ipv4Addr::from_bits(0x0a00_0001 + number));
//!     let outcome = sets.put_all(&blocked, addresses, OnFailure::Continue);
//!     for failed in outcome.failures() {
//!         eprintln!("{}: {}", failed.input, failed.error);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | what it adds |
//! |--|--|
//! | `tokio` | the module `tokio`, with async handles that have the same methods |
//! | `stream` | the listings of the module `tokio` implement `futures_core::Stream` |
//! | `serde` | `Serialize` and `Deserialize` for the data types, for formats such as JSON and YAML |
//! | `netlink-packet` | the messages of both protocols implement the traits of the crates netlink-packet-core and netlink-packet-generic |
//! | `tracing` | events of the crate tracing for calls with many changes, listings and retries |
//!
//! # What it runs on
//!
//! Linux with the kernel modules `ip_vs` and `ip_set`. Both need `CAP_NET_ADMIN` in the user
//! namespace that owns the network namespace. IPVS's netlink interface needs it in the initial user
//! namespace. Elsewhere the crate uses the older socket options, which have IPv4 only: see
//! [`guide::rootless`]. The tests run on Linux 5.10, 6.1, 6.12 and 7.2, and [`guide::kernels`]
//! lists what depends on the version. The minimum supported Rust version is 1.85.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs)]
#![warn(unreachable_pub)]

#[cfg(any(test, fuzzing))]
mod captured;
mod error;
mod family;
#[cfg(any(test, fuzzing))]
#[allow(missing_docs)]
pub mod fuzzing;
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
mod trace;
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

/// Tests the examples in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
