//! The example `ipset` beside the real tool, with the types of sets that the running kernel is
//! likely to have.

mod common;
mod tool;

use std::process::ExitCode;

/// The types of sets that most kernels have; the running one has to do for tests of these.
const COMMON: &[&str] = &[
    "bitmap:ip",
    "bitmap:ip,mac",
    "bitmap:port",
    "hash:ip",
    "hash:ip,port",
    "hash:ip,port,ip",
    "hash:ip,port,net",
    "hash:net",
    "hash:net,port",
    "hash:net,iface",
    "list:set",
];

fn main() -> ExitCode {
    lab::test::main(&lab::Needs::sets(COMMON), tool::tests(COMMON))
}
