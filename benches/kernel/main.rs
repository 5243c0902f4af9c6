//! Times the crate on a real kernel, beside the floor (what the kernel itself takes) and beside
//! the command-line tools, in turns.
//!
//! `cargo xtask bench` runs it, prints the table and draws the plot. By itself it says on
//! standard error what it does and writes one JSON document to standard output. Arguments:
//! `ipvs` or `ipset` (what to time; both if neither is there), `quick` (small sizes, few rounds).

mod contender;
mod floor;
mod ipset;
mod ipvs;
mod job;
mod measure;

use std::process::ExitCode;

use serde_json::json;

/// The benchmark gives up on the first thing that goes wrong: half a table helps nobody.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The first argument of the processes that this program starts to be contenders.
pub(crate) const CONTENDER: &str = "contender";

/// What to time.
#[derive(Debug, Clone, Copy)]
struct Choice {
    ipvs: bool,
    ipset: bool,
    quick: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = arguments.split_first()
        && first == CONTENDER
    {
        return report(contender::run(rest));
    }
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let both = has("ipvs") == has("ipset");
    let choice = Choice {
        ipvs: both || has("ipvs"),
        ipset: both || has("ipset"),
        quick: has("quick"),
    };
    let types: &[&str] = if choice.ipset { &ipset::TYPES } else { &[] };
    let needs = if choice.ipvs {
        lab::Needs::ipvs().and_sets(types)
    } else {
        lab::Needs::sets(types)
    };
    lab::main(&needs, || report(run(choice)))
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

fn run(choice: Choice) -> Outcome {
    let mut jobs = Vec::new();
    if choice.ipvs {
        jobs.extend(ipvs::jobs(choice.quick));
    }
    if choice.ipset {
        jobs.extend(ipset::jobs(choice.quick));
    }
    let mut results = Vec::new();
    for job in &jobs {
        results.push(job.run()?);
    }
    let document = json!({
        "kernel": std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
        "machine": machine()?,
        "jobs": results,
    });
    println!("{document}");
    Ok(())
}

/// The kind of machine, as /proc/cpuinfo has it.
fn machine() -> Outcome<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo")?;
    let models = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim())
    });
    let models: Vec<_> = models.collect();
    let model = models.first().copied().unwrap_or("unknown");
    Ok(format!("{} x {model}", models.len().max(1)))
}
