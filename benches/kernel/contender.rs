//! The process of a contender: prepares, does the job once, and prints the measurements.

use std::fs;
use std::time::Duration;

use crate::{Outcome, ipset, ipvs, sockopt, wanted, wanted_sets};

const SETTLE: Duration = Duration::from_millis(200);

/// Returns what the kernel must support.
pub(crate) fn needs(arguments: &[String]) -> lab::Needs {
    match arguments {
        [_, _, what, _] if is_about_sets(what) => {
            lab::Needs::sets(&[wanted_sets::type_of(what).unwrap_or(what)])
        }
        _ => lab::Needs::ipvs(),
    }
}

/// Returns true if a job is about sets of this kind, and not about IPVS.
pub(crate) fn is_about_sets(what: &str) -> bool {
    what.contains(':')
}

/// Runs a contender. The arguments are the contender, the job, the kind of object, and the count.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let [contender, job, what, count] = arguments else {
        return Err(
            "the arguments must be a contender, a job, a kind of object and a count".into(),
        );
    };
    let count = count.parse()?;
    let run = if wanted_sets::type_of(what).is_some_and(is_about_sets) {
        wanted_sets::contend(contender, job, what, count)
    } else if is_about_sets(what) {
        ipset::contend(contender, job, what, count)
    } else if what == wanted::TABLE {
        wanted::contend(contender, job, count)
    } else if what == sockopt::TABLE {
        sockopt::contend(contender, job, count)
    } else {
        ipvs::contend(contender, job, count)
    }?;
    // The kernel frees removed entries later. Without this, it would do so while the next contender
    // is timed.
    std::thread::sleep(SETTLE);
    let mut report = run.to_json();
    report["place"] = place()?.into();
    println!("{report}");
    Ok(())
}

/// Describes the kernel and the machine.
fn place() -> Outcome<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let models = processors.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim())
    });
    let models: Vec<_> = models.collect();
    let (count, model) = (models.len().max(1), models.first().unwrap_or(&"unknown"));
    Ok(format!("Linux {}, {count} x {model}", kernel.trim()))
}
