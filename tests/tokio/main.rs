//! Tests the tokio handles on a real kernel: tasks, cancellation, and that each method has the same
//! effect as the blocking one.

mod cancellation;
mod ipset;
mod ipvs;
mod streams;
mod support;
mod turns;

use std::process::ExitCode;

fn main() -> ExitCode {
    let needs = lab::Needs::ipvs()
        .and_sets(&["hash:ip", "hash:net", "list:set"])
        .and_devices(&["dummy"]);
    let tests = [
        ipvs::tests(),
        ipset::tests(),
        cancellation::tests(),
        streams::tests(),
        turns::tests(),
    ];
    lab::test::main(&needs, tests.into_iter().flatten().collect())
}
