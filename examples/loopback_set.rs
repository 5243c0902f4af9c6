//! Up to step 5 of the walkthrough: the masquerade narrowed to what a set lists.

mod walkthrough;

use std::process::ExitCode;

fn main() -> ExitCode {
    let about = "Up to step 5 of the walkthrough: the masquerade narrowed to what a set lists.";
    walkthrough::main(walkthrough::Step::LoopbackSet, about)
}
