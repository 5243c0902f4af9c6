//! Up to step 6 of the walkthrough: a second server, taken in turn.

mod walkthrough;

use std::process::ExitCode;

fn main() -> ExitCode {
    let about = "Up to step 6 of the walkthrough: a second server, taken in turn.";
    walkthrough::main(walkthrough::Step::RoundRobin, about)
}
