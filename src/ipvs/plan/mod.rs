//! Desired state: what a program wants, compared with what is there.
//!
//! A program rarely wants to add a service. It wants the table to look like this from now on,
//! whatever is there, without a client noticing. [`Ipvs::apply`](crate::ipvs::Ipvs::apply) does
//! that. This module is the pure part of it: it has no I/O and no clock.
//!
//! - A [`WantedTable`] says what is wanted. A [`Scope`] says which services belong to the
//!   program, and a [`Policy`] how servers leave.
//! - A [`Planner`] compares it with the table that is there. The [`Plan`] has the [`Step`]s that
//!   lead from one to the other, in an order in which no client is refused, and [`Warning`]s.
//! - A [`Record`] has what was applied, and ends the drains of servers that are no longer wanted.
//! - An [`ApplyReport`] says what became of each service and server.
//! - A [`Keeper`] holds all of these from call to call, for
//!   [`Ipvs::keep`](crate::ipvs::Ipvs::keep).
//!
//! ```no_run
//! use ipvset::ipvs::plan::{Planner, Record, WantedTable};
//! use ipvset::ipvs::Ipvs;
//!
//! let wanted: WantedTable = std::fs::read_to_string("table").unwrap().parse()?;
//! let mut ipvs = Ipvs::connect()?;
//! let (planner, mut record) = (Planner::new(), Record::new());
//! let plan = ipvs.plan(&planner, &wanted, &record)?;
//! print!("{plan}"); // like a diff, after the warnings
//! let report = ipvs.apply(&planner, &wanted, &mut record)?;
//! print!("{report}"); // what became of each service and server
//! # Ok::<(), ipvset::Error>(())
//! ```

mod addresses;
mod begun;
mod draft;
mod drains;
mod drift;
mod expected;
mod index;
mod keeper;
mod last;
mod normal;
mod object;
mod overlaps;
#[expect(
    clippy::module_inception,
    reason = "the module is named after its main type"
)]
mod plan;
mod planner;
mod policy;
mod print;
mod record;
mod recorded;
mod replacement;
mod report;
mod save;
mod scope;
mod scope_text;
mod service;
mod step;
mod step_result;
mod tables;
#[cfg(any(test, fuzzing))]
pub(crate) mod tests;
mod times;
mod wanted;
mod wanted_text;
mod warning;

pub use drains::{Cut, Drains, Look, Reading};
pub use keeper::{Keeper, Kept};
pub use object::Object;
pub use plan::{Counts, DrainingServer, DrainingService, LeftAlone, LeftAloneReason, Plan};
pub use planner::Planner;
pub use policy::{Policy, WaitFor};
pub use record::Record;
pub use recorded::RecordedService;
pub use report::{ApplyReport, ObjectReport, ObjectState};
pub use scope::{AddressRange, Scope};
pub use step::{AtOnce, Before, Reason, Step};
pub use step_result::StepResult;
pub use wanted::{WantedServer, WantedService, WantedTable};
pub use warning::Warning;

pub(in crate::ipvs) use drift::{Before as BeforeDrift, drifted};
pub(in crate::ipvs) use last::{Last, Seen};
pub(in crate::ipvs) use recorded::Changes;
