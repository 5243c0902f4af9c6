//! Step 0 of the walkthrough: two pods, as network namespaces on a bridge.

mod walkthrough;

use std::process::ExitCode;

fn main() -> ExitCode {
    let about = "Step 0 of the walkthrough: two pods, as network namespaces on a bridge.";
    walkthrough::main(walkthrough::Step::Environment, about)
}
