//! Desired state: what brings a set to the wanted entries, calculated without asking the kernel.
//!
//! [`SetPlan`] compares the wanted entries of a set with those that are there. What is compared is
//! what the kernel stores ([`IpSet::stored`](crate::ipset::IpSet::stored)), so a plan for a set
//! that is as it is wanted is empty. [`Policy`] says how the set is brought there.
//!
//! [`WantedSets`] are all sets of a program, and [`SetsPlan`] is the plan for them. [`Scope`] says
//! which other sets belong to the program and are destroyed.
//!
//! [`networks`] and [`merge`] are for lists of networks: the fewest that cover a range, or two
//! lists.

mod counts;
mod difference;
mod index;
mod interfaces;
mod networks;
mod policy;
#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
mod report;
mod scope;
mod set_plan;
mod sets_plan;
mod sets_report;
#[cfg(test)]
mod tests;
mod wanted;
mod wanted_sets;
mod way;

pub use counts::Counts;
pub use networks::{Merged, Networks, merge, networks};
pub use policy::{Duplicates, Overflow, Policy};
pub use report::SetReport;
pub use scope::Scope;
pub(super) use set_plan::Planning;
pub use set_plan::SetPlan;
pub use sets_plan::SetsPlan;
pub(super) use sets_plan::SetsPlanning;
pub use sets_report::SetsReport;
pub(super) use wanted::Wanted;
pub use wanted_sets::WantedSets;
pub use way::Way;
pub(super) use way::described;
