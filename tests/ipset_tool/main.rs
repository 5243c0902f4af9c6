//! Compares the example `ipset` with the real tool for the set types that `ipset_tool_running` leaves
//! out, on a kernel that has all types.

mod common;
mod grammar;
mod initval;
mod random;
mod tool;

use std::process::ExitCode;

use lab::Needs;

fn main() -> ExitCode {
    let types: Vec<_> = ipvset::ipset::types::AnyType::all()
        .map(|it| it.name())
        .collect();
    let uncommon = |needed: &[&str]| needed.iter().any(|kind| !Needs::COMMON_SETS.contains(kind));
    lab::test::main(&Needs::sets(&types), {
        let mut tests = tool::tests(uncommon);
        tests.extend(grammar::tests(uncommon));
        tests
    })
}
