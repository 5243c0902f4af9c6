//! Those kernel tests of ipset that do with the types of set that most kernels have, so that they
//! can run on the running one: as root, or as an ordinary user in a user namespace.

mod suite;

use std::process::ExitCode;

use lab::Needs;

fn main() -> ExitCode {
    suite::die_if_told();
    let types = Needs::COMMON_SETS;
    lab::test::main(&Needs::sets(types), suite::tests(types, false))
}
