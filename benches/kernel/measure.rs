//! Measures a run of a contender in a separate process, so that its peak memory is measured too.

use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::{Value, json};

use crate::Outcome;
use crate::contender::is_about_sets;

/// The measurements of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// The processor time, which other programs on the machine disturb less.
    pub(crate) cpu_seconds: f64,
    /// The most memory that was resident while the clock ran, in KiB.
    pub(crate) peak: u64,
    /// The number of memory pages that were touched for the first time, or again after they were
    /// returned.
    pub(crate) page_faults: i64,
}

impl Run {
    pub(crate) fn to_json(self) -> Value {
        json!({
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "peak_kib": self.peak,
            "page_faults": self.page_faults,
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            seconds: value.get("seconds")?.as_f64()?,
            cpu_seconds: value.get("cpu_seconds")?.as_f64()?,
            peak: value.get("peak_kib")?.as_u64()?,
            page_faults: value.get("page_faults")?.as_i64()?,
        })
    }
}

/// Runs this program again as the contender that the arguments describe. Returns its run, and the
/// kernel and the machine.
pub(crate) fn in_child(arguments: &[&str]) -> Outcome<(Run, String)> {
    let mut command = Command::new("/proc/self/exe");
    command.arg(crate::CONTENDER).args(arguments);
    if arguments.iter().any(|it| is_about_sets(it)) {
        // In User Mode Linux, where system calls are slow, the tools would take a hundred times as
        // long.
        command.env_remove("IPVSET_UML");
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", arguments.join(" "), output.status).into());
    }
    let value: Value = serde_json::from_slice(&output.stdout)?;
    let place = value["place"].as_str().unwrap_or_default().to_owned();
    let run = Run::from_json(&value).ok_or_else(|| format!("no run: {value}"))?;
    Ok((run, place))
}

/// Times `work` in this process.
pub(crate) fn time<R>(work: impl FnOnce() -> Outcome<R>) -> Outcome<Run> {
    // Resets the peak of the preparation (proc(5), `clear_refs`).
    fs::write("/proc/self/clear_refs", "5")?;
    let before = Usage::of(UsageWho::RUSAGE_SELF)?;
    let start = Instant::now();
    let result = work()?;
    let seconds = start.elapsed().as_secs_f64();
    let (cpu_seconds, page_faults) = Usage::of(UsageWho::RUSAGE_SELF)?.since(&before);
    let peak = peak()?;
    drop(result);
    Ok(Run {
        seconds,
        cpu_seconds,
        peak,
        page_faults,
    })
}

/// Times a tool from its start to its end. The tool reads the file `input`. Its output is dropped.
pub(crate) fn time_tool(line: &[&str], input: &str) -> Outcome<Run> {
    let (program, arguments) = line.split_first().ok_or("no tool")?;
    let input = fs::File::open(input)?;
    let before = Usage::of(UsageWho::RUSAGE_CHILDREN)?;
    let start = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdin(input)
        .stdout(Stdio::null())
        .status()?;
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{} ended with {status}", line.join(" ")).into());
    }
    let (cpu_seconds, page_faults) = Usage::of(UsageWho::RUSAGE_CHILDREN)?.since(&before);
    // The maximum over all child processes of this one. The others had less to do.
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    Ok(Run {
        seconds,
        cpu_seconds,
        peak: u64::try_from(peak)?,
        page_faults,
    })
}

/// The kernel's counters for this process, or for its ended children.
struct Usage(nix::sys::resource::Usage);

impl Usage {
    fn of(who: UsageWho) -> Outcome<Self> {
        Ok(Self(getrusage(who)?))
    }

    /// Returns the processor time in seconds and the page faults since `before`.
    fn since(&self, before: &Self) -> (f64, i64) {
        (
            self.cpu_seconds() - before.cpu_seconds(),
            self.0.minor_page_faults() - before.0.minor_page_faults(),
        )
    }

    fn cpu_seconds(&self) -> f64 {
        let micros = [self.0.user_time(), self.0.system_time()].map(|it| it.num_microseconds());
        micros.iter().sum::<i64>() as f64 / 1e6
    }
}

fn peak() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let value = line.and_then(|line| line.split_whitespace().next());
    let value = value.ok_or_else(|| io::Error::other("/proc/self/status has no VmHWM"))?;
    Ok(value.parse()?)
}
