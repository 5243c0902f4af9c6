//! Repeats the kernel tests of IPVS with the tokio handle.

// The tests use this crate as `ipvset`. It contains everything of the library, with a different
// handle.
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

// The modules and `main`.
include!("ipvs/main.rs");
