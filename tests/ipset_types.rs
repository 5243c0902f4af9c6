//! All types of sets, on a kernel that has them.

#[path = "ipset/mod.rs"]
mod common;
#[path = "ipset/types.rs"]
mod types;

use std::process::ExitCode;

fn main() -> ExitCode {
    let needs = lab::Needs::sets(common::COMMON).and_sets(&[
        "hash:mac",
        "hash:ip,mac",
        "hash:ip,mark",
        "hash:net,net",
        "hash:net,port,net",
    ]);
    let tests = types::tests().into_iter();
    lab::test::main(&needs, tests.map(|(_, test)| test).collect())
}
