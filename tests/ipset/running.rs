//! Runs the kernel tests of ipset that need only common set types. They can use the running kernel,
//! as root or as an ordinary user in a user namespace.

mod suite;

use std::process::ExitCode;

use lab::Needs;

fn main() -> ExitCode {
    suite::die_if_asked();
    let types = Needs::COMMON_SETS;
    lab::test::main(&Needs::sets(types), suite::tests(types, false))
}
