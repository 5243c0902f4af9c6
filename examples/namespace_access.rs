//! Up to step 3 of the walkthrough: the Service, reached from a pod.

mod walkthrough;

use std::process::ExitCode;

fn main() -> ExitCode {
    let about = "Up to step 3 of the walkthrough: the Service, reached from a pod.";
    walkthrough::main(walkthrough::Step::NamespaceAccess, about)
}
