//! Times the crate on a real kernel, in turns with the floor (the time of the kernel itself) and
//! the command-line tools.
//!
//! `cargo xtask bench` runs it, prints the table and draws the plot. On its own, it reports its
//! progress on standard error and writes one JSON document to standard output. Arguments: `ipvs`,
//! `sockopt`, `wanted`, `ipset` or `wanted_sets` (only these parts; otherwise all), `quick` (small
//! sizes, few rounds).

mod contender;
mod floor;
mod generic;
mod ipset;
mod ipvs;
mod job;
mod keepalived;
mod measure;
mod memory;
mod sockopt;
mod wanted;
mod wanted_sets;

use std::process::ExitCode;

use serde_json::Value;

/// The result of a step. The benchmark stops at the first error, because an incomplete table is
/// useless.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The first argument of the processes that run contenders.
pub(crate) const CONTENDER: &str = "contender";

/// Returns the jobs of a part. The argument says whether only small sizes are to be timed.
type Jobs = fn(bool) -> Vec<job::Job>;

/// The parts that can be chosen.
const PARTS: [(&str, Jobs); 5] = [
    ("ipvs", ipvs::jobs),
    ("sockopt", sockopt::jobs),
    ("wanted", wanted::jobs),
    ("ipset", ipset::jobs),
    ("wanted_sets", wanted_sets::jobs),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let contender = arguments.first().is_some_and(|first| first == CONTENDER);
    // The lab may boot a kernel for a contender. The init of that kernel is also this program,
    // without arguments.
    if contender || std::process::id() == 1 {
        let rest = arguments.get(1..).unwrap_or_default();
        return lab::main(&contender::needs(rest), || report(contender::run(rest)));
    }
    report(run(&arguments))
}

fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Outcome {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let all = !PARTS.iter().any(|(name, _)| has(name));
    let chosen = PARTS.iter().filter(|(name, _)| all || has(name));
    let quick = has("quick");
    let jobs = chosen.flat_map(|(_, jobs)| jobs(quick));
    let results: Outcome<Vec<_>> = jobs.map(|job| job.run(quick)).collect();
    println!("{}", Value::from(results?));
    Ok(())
}
