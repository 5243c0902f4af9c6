//! The example `ipset` beside the real tool, with the types of sets that the running kernel is
//! likely to have.

#[path = "ipset/mod.rs"]
mod common;
#[path = "ipset/tool.rs"]
mod tool;

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::test::main(
        &lab::Needs::sets(common::COMMON),
        tool::tests(common::COMMON),
    )
}
