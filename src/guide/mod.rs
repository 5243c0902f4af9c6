//! Guides: how to do with this crate what programs do with IPVS and ipset.
//!
//! | to | read |
//! |--|--|
//! | keep a block list that is refreshed | [`block_list`] |
//! | make a set larger, or change another of its options | [`resize`] |
//! | keep the IPVS table as a program wants it | [`desired_state`] |
//! | take a server out of service without cutting its clients off | [`drain`] |
//! | make many changes at once, and learn what failed | [`many_changes`] |
//! | decide what to do about an error | [`errors`] |
//! | work beside other programs that change the same tables | [`beside_others`] |
//! | work in network namespaces and containers | [`namespaces`] |
//! | do without root, in rootless containers too | [`rootless`] |
//! | know what depends on the version of the kernel | [`kernels`] |
//! | use the crate on tokio | [`on_tokio`] |
//! | find the method for a command of `ipvsadm` or `ipset` | [`commands`] |

#[doc = include_str!("block_list.md")]
#[doc(alias = "refresh")]
#[doc(alias = "renew timeout")]
pub mod block_list {}

#[doc = include_str!("resize.md")]
#[doc(alias = "maxelem")]
#[doc(alias = "grow")]
pub mod resize {}

#[doc = include_str!("desired_state.md")]
#[doc(alias = "reconcile")]
#[doc(alias = "declarative")]
#[doc(alias = "drift")]
pub mod desired_state {}

#[doc = include_str!("drain.md")]
#[doc(alias = "quiesce")]
#[doc(alias = "graceful")]
pub mod drain {}

#[doc = include_str!("many_changes.md")]
#[doc(alias = "batch")]
#[doc(alias = "bulk")]
pub mod many_changes {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("beside_others.md")]
pub mod beside_others {}

#[doc = include_str!("namespaces.md")]
#[doc(alias = "container")]
#[doc(alias = "netns")]
pub mod namespaces {}

#[doc = include_str!("rootless.md")]
#[doc(alias = "podman")]
#[doc(alias = "unshare")]
#[doc(alias = "user namespace")]
pub mod rootless {}

#[doc = include_str!("kernels.md")]
#[doc(alias = "version")]
#[doc(alias = "minimum")]
pub mod kernels {}

#[cfg_attr(feature = "tokio", doc = include_str!("on_tokio.md"))]
#[cfg_attr(
    not(feature = "tokio"),
    doc = "Uses the crate on tokio: these docs were built without the feature `tokio`."
)]
#[doc(alias = "async")]
pub mod on_tokio {}

#[doc = include_str!("commands.md")]
#[doc(alias = "ipvsadm")]
#[doc(alias = "iptables")]
pub mod commands {}
