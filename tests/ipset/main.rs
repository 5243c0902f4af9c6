//! Runs all kernel tests of ipset, on a kernel with all sixteen set types.

mod suite;

use std::process::ExitCode;

use lab::Needs;

fn main() -> ExitCode {
    suite::die_if_asked();
    lab::test::main(&Needs::sets(suite::ALL), suite::tests(suite::ALL, true))
}
