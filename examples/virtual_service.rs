//! Up to step 2 of the walkthrough: a Service, with its first server.

mod walkthrough;

use std::process::ExitCode;

fn main() -> ExitCode {
    let about = "Up to step 2 of the walkthrough: a Service, with its first server.";
    walkthrough::main(walkthrough::Step::VirtualService, about)
}
