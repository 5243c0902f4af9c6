//! `cargo xtask bench`: times the crate on real kernels, prints the tables, and stores the figures
//! and their plot in benches/. The figures of each part are stored when it ends.

mod bytes;
mod plot;
mod table;

use std::fs;

use serde_json::Value;

use crate::shell::{self, Outcome, root};

/// The files of the figures and the plot.
const FIGURES: &str = "benches/figures.json";
const PLOT: &str = "benches/figures.svg";

/// The parts that run on a kernel. Those of IPVS run on a kernel that the lab finds, and those of
/// sets on the running kernel. If the kernels differ, the parts cannot be compared.
const ON_KERNELS: [&str; 5] = ["ipvs", "sockopt", "wanted", "ipset", "wanted_sets"];
/// The part that runs without a kernel.
const BYTES: &str = "bytes";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["again"] => write(PLOT, &show(&stored()?)?),
        ["quick", ref chosen @ ..] => {
            let mut figures = Value::default();
            for part in parts(chosen)? {
                figures[part] = measure(part, true)?;
            }
            show(&figures).map(drop)
        }
        ref chosen => {
            let parts = parts(chosen)?;
            let mut figures = stored()?;
            for part in parts {
                figures[part] = measure(part, false)?;
                write(FIGURES, &format!("{figures:#}\n"))?;
            }
            write(PLOT, &show(&figures)?)
        }
    }
}

/// Returns the chosen parts, or all if none is chosen.
fn parts<'a>(chosen: &[&'a str]) -> Result<Vec<&'a str>, String> {
    let all = || ON_KERNELS.into_iter().chain([BYTES]);
    if let Some(unknown) = chosen.iter().find(|it| !all().any(|part| part == **it)) {
        let all: Vec<_> = all().collect();
        let all = all.join(", ");
        return Err(format!(
            "bench has no part `{unknown}`; it takes `quick`, `again`, and these parts: {all}"
        ));
    }
    match chosen {
        [] => Ok(all().collect()),
        chosen => Ok(chosen.to_vec()),
    }
}

/// Runs the benchmarks of a part.
fn measure(part: &str, quick: bool) -> Result<Value, String> {
    match part {
        BYTES => bytes::run(quick).map(Value::from),
        _ => times(part, quick),
    }
}

/// Returns the stored figures, by part.
fn stored() -> Result<Value, String> {
    let path = root().join(FIGURES);
    let text = fs::read(&path).map_err(|error| format!("{FIGURES}: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("{FIGURES}: {error}"))
}

/// Prints the tables of the parts that were measured, and returns the plot.
fn show(figures: &Value) -> Result<String, String> {
    let groups = match figures.get(BYTES) {
        Some(_) => bytes::read(list(figures, BYTES)?)?,
        None => Vec::new(),
    };
    let jobs = Figures::read(figures)?;
    print!("{}", table::jobs(&jobs));
    if !groups.is_empty() {
        print!("{}", table::groups(&groups));
    }
    Ok(plot::svg(&jobs))
}

fn write(path: &str, text: &str) -> Outcome {
    fs::write(root().join(path), text).map_err(|error| format!("{path}: {error}"))
}

/// Runs benches/kernel and returns its document.
fn times(part: &str, quick: bool) -> Result<Value, String> {
    let mut arguments = vec![
        "bench",
        "--features",
        "netlink-packet",
        "--bench",
        "kernel",
        "--",
        part,
    ];
    arguments.extend(quick.then_some("quick"));
    let text = shell::cargo_output(&arguments)?;
    serde_json::from_str(&text)
        .map_err(|error| format!("cannot parse the output of the benchmark: {error}"))
}

/// The figures of all jobs in the order in which they ran.
pub(super) struct Figures {
    pub(super) jobs: Vec<Job>,
}

pub(super) struct Job {
    /// The kernel and the machine.
    pub(super) place: String,
    pub(super) name: String,
    pub(super) what: String,
    pub(super) count: u64,
    pub(super) contenders: Vec<Contender>,
}

pub(super) struct Contender {
    pub(super) name: String,
    /// The median over the runs. It is processor time, which other programs disturb least, except
    /// in User Mode Linux, where it is elapsed time, because processor time has a resolution of 10
    /// ms there.
    pub(super) seconds: f64,
    /// The median over the runs, in KiB.
    pub(super) peak: f64,
}

impl Job {
    pub(super) fn contender(&self, name: &str) -> Option<&Contender> {
        self.contenders.iter().find(|it| it.name == name)
    }
}

pub(super) const CRATE: &str = "ipvset";
pub(super) const FLOOR: &str = "floor";

impl Figures {
    fn read(parts: &Value) -> Result<Self, String> {
        let measured = ON_KERNELS.iter().filter_map(|part| parts.get(part));
        let mut jobs = Vec::new();
        for part in measured {
            let list = part
                .as_array()
                .ok_or("the output of the benchmark is not a list")?;
            for job in list {
                jobs.push(Job::read(job)?);
            }
        }
        Ok(Self { jobs })
    }
}

impl Job {
    fn read(job: &Value) -> Result<Self, String> {
        let place = text(job, "place")?;
        let seconds = if place.ends_with("UML") {
            "seconds"
        } else {
            "cpu_seconds"
        };
        let contenders = list(job, "contenders")?.iter();
        let contenders = contenders.map(|it| Contender::read(it, seconds));
        Ok(Self {
            place: place.to_owned(),
            name: text(job, "name")?.to_owned(),
            what: text(job, "what")?.to_owned(),
            count: number(job, "count")?,
            contenders: contenders.collect::<Result<_, _>>()?,
        })
    }
}

impl Contender {
    fn read(contender: &Value, seconds: &str) -> Result<Self, String> {
        let runs = list(contender, "runs")?;
        let median = |key: &str| {
            let mut values: Vec<f64> = runs.iter().filter_map(|run| run[key].as_f64()).collect();
            values.sort_by(f64::total_cmp);
            let middle = values.get(values.len() / 2).copied();
            middle.ok_or_else(|| format!("no run has its {key}"))
        };
        Ok(Self {
            name: text(contender, "name")?.to_owned(),
            seconds: median(seconds)?,
            peak: median("peak_kib")?,
        })
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value[key]
        .as_str()
        .ok_or_else(|| format!("{key} is missing"))
}

fn number(value: &Value, key: &str) -> Result<u64, String> {
    value[key]
        .as_u64()
        .ok_or_else(|| format!("{key} is missing"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value], String> {
    let list = value[key]
        .as_array()
        .ok_or_else(|| format!("{key} is missing"))?;
    Ok(list)
}
