//! The kernel tests of IPVS once more, over its socket options, as an ordinary user in a user namespace.

// To the tests, the crate under test is this one: all of the library but for the handle.
extern crate ipvset as library;
extern crate self as ipvset;

pub use library::*;

pub mod ipvs {
    pub use crate::over_sockopt::Ipvs;
    pub use library::ipvs::*;
}

#[path = "over_sockopt/ipvs.rs"]
mod over_sockopt;

// Its modules and its main.
include!("ipvs/main.rs");
