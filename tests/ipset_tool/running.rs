//! Compares the example `ipset` with the real tool for the set types that the running kernel is likely
//! to have.

mod backups;
mod bytes;
mod common;
mod grammar;
mod initval;
mod json;
mod output;
mod random;
mod tool;
mod tool_files;

use std::process::ExitCode;

use lab::Needs;

fn main() -> ExitCode {
    let types = Needs::COMMON_SETS;
    let common = |needed: &[&str]| needed.iter().all(|kind| types.contains(kind));
    let mut tests = tool::tests(common);
    tests.extend(grammar::tests(common));
    tests.extend(tool_files::tests());
    tests.extend(backups::tests());
    tests.extend(bytes::tests());
    tests.extend(json::tests());
    tests.extend(output::tests());
    lab::test::main(&Needs::sets(types), tests)
}
