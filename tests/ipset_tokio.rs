//! The kernel tests of ipset once more, over the handle for tokio.

// To the tests, the crate under test is this one: all of the library but for the handle.
extern crate ipvset as library;
extern crate self as ipvset;

pub use library::*;

pub mod ipset {
    pub use crate::over_tokio::{Entries, IpSets, SetsAndEntries};
    pub use library::ipset::*;
}

#[path = "over_tokio/ipset.rs"]
mod over_tokio;
#[path = "ipset/suite/mod.rs"]
mod suite;
#[path = "over_tokio/wait.rs"]
mod wait;

use std::process::ExitCode;

use lab::Needs;

fn main() -> ExitCode {
    suite::die_if_told();
    lab::test::main(&Needs::sets(suite::ALL), suite::tests(suite::ALL, true))
}
