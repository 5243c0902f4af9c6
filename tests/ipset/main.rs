//! All kernel tests of ipset, on a kernel that has all sixteen types of set.

mod suite;

use std::process::ExitCode;

use lab::Needs;

fn main() -> ExitCode {
    suite::die_if_told();
    lab::test::main(&Needs::sets(suite::ALL), suite::tests(suite::ALL, true))
}
