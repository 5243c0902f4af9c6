//! One run of one contender, in a process of its own, so that its peak memory is its own too.

use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

use crate::Outcome;

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// The most memory that was resident while the clock ran, in KiB.
    pub(crate) peak: u64,
}

impl Run {
    pub(crate) fn to_json(self) -> Value {
        json!({ "seconds": self.seconds, "peak_kib": self.peak })
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            seconds: value.get("seconds")?.as_f64()?,
            peak: value.get("peak_kib")?.as_u64()?,
        })
    }
}

/// Runs this program again as a contender: `arguments` say which, for which job. Gives the
/// place too, which is the kernel and the machine.
pub(crate) fn in_child(arguments: &[&str]) -> Outcome<(Run, String)> {
    let output = Command::new("/proc/self/exe")
        .arg(crate::CONTENDER)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
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
    // Forgets the peak that preparing had (proc(5), `clear_refs`).
    fs::write("/proc/self/clear_refs", "5")?;
    let start = Instant::now();
    let result = work()?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = peak()?;
    drop(result);
    Ok(Run { seconds, peak })
}

/// Times a tool from its start to its end. It reads the file `input` and its output is dropped.
pub(crate) fn time_tool(line: &[&str], input: &str) -> Outcome<Run> {
    let (program, arguments) = line.split_first().ok_or("no tool")?;
    let input = fs::File::open(input)?;
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
    // The largest of this process' children, and this is the only one.
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    Ok(Run {
        seconds,
        peak: u64::try_from(peak)?,
    })
}

fn peak() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let value = line.and_then(|line| line.split_whitespace().next());
    let value = value.ok_or_else(|| io::Error::other("/proc/self/status has no VmHWM"))?;
    Ok(value.parse()?)
}
