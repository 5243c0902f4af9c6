//! The types of sets that the running kernel is likely to have.

#[path = "ipset/mod.rs"]
mod common;
#[path = "ipset/types.rs"]
mod types;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = types::tests().into_iter();
    let tests = tests.filter(|(kind, _)| common::COMMON.contains(kind));
    let tests = tests.map(|(_, test)| test).collect();
    lab::test::main(&lab::Needs::sets(common::COMMON), tests)
}
