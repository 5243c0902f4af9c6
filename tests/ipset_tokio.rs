//! Repeats the kernel tests of ipset with the tokio handle.

// The tests use this crate as `ipvset`. It contains everything of the library, with a different
// handle.
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
    suite::die_if_asked();
    lab::test::main(&Needs::sets(suite::ALL), suite::tests(suite::ALL, true))
}
