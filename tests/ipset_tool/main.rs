//! The example `ipset` beside the real tool, on a kernel that has all types of sets.

mod common;
mod tool;

use std::process::ExitCode;

fn main() -> ExitCode {
    let types: Vec<_> = ipvset::ipset::AnyType::all().map(|it| it.name()).collect();
    lab::test::main(&lab::Needs::sets(&types), tool::tests(&types))
}
