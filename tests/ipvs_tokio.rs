//! The kernel tests of IPVS once more, over the handle for tokio.

// To the tests, the crate under test is this one: all of the library but for the handle.
extern crate ipvset as library;
extern crate self as ipvset;

pub use library::*;

pub mod ipvs {
    pub use crate::over_tokio::Ipvs;
    pub use library::ipvs::*;
}

#[path = "over_tokio/ipvs.rs"]
mod over_tokio;
#[path = "over_tokio/wait.rs"]
mod wait;

// Its modules and its main.
include!("ipvs/main.rs");
