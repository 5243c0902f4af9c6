//! The example `ipset` beside the real tool, with the types of sets that the running kernel is
//! likely to have.

mod common;
mod tool;
mod tool_files;

use std::process::ExitCode;

fn main() -> ExitCode {
    let common = |needed: &[&str]| needed.iter().all(|kind| common::COMMON.contains(kind));
    let mut tests = tool::tests(common);
    tests.extend(tool_files::tests());
    lab::test::main(&lab::Needs::sets(common::COMMON), tests)
}
