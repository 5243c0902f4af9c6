//! Up to step 4 of the walkthrough: a pod that reaches itself through the Service.

mod walkthrough;

use std::process::ExitCode;

fn main() -> ExitCode {
    let about = "Up to step 4 of the walkthrough: a pod that reaches itself through the Service.";
    walkthrough::main(walkthrough::Step::Hairpin, about)
}
