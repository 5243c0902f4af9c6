//! Those kernel tests of ipset that do with the types of set that most kernels have, so that they
//! can run on the running one: as root, or as an ordinary user in a user namespace.

mod cases;
mod common;
mod elements;
mod options;
mod suite;

use std::process::ExitCode;

use lab::Needs;

fn main() -> ExitCode {
    lab::test::main(
        &Needs::sets(suite::COMMON),
        suite::tests(suite::COMMON, false),
    )
}
