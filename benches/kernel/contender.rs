//! A process that is a contender: prepares, does the job once, and says what it took.

use crate::{Outcome, ipset, ipvs};

/// The arguments are the contender, the job, what it is done to, and how many.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let [contender, job, what, count] = arguments else {
        return Err("a contender, a job, what it is done to, and how many are needed".into());
    };
    let count = count.parse()?;
    let run = if what.contains(':') {
        ipset::contend(contender, job, what, count)
    } else {
        ipvs::contend(contender, job, count)
    }?;
    println!("{}", run.to_json());
    Ok(())
}
