//! The example `ipset` beside the real tool, with the types of sets that the running kernel is
//! likely to have.

mod common;
mod tool;
mod tool_files;

use std::process::ExitCode;

use lab::Needs;

fn main() -> ExitCode {
    let types = Needs::COMMON_SETS;
    let common = |needed: &[&str]| needed.iter().all(|kind| types.contains(kind));
    let mut tests = tool::tests(common);
    tests.extend(tool_files::tests());
    lab::test::main(&Needs::sets(types), tests)
}
