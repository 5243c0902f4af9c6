//! Up to step 5 of the walkthrough: the masquerade restricted to the entries of a set.

mod walkthrough;

use std::process::ExitCode;

fn main() -> ExitCode {
    let about =
        "Up to step 5 of the walkthrough: the masquerade restricted to the entries of a set.";
    walkthrough::main(walkthrough::Step::LoopbackSet, about)
}
