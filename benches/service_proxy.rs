//! Times the example service_proxy on a real kernel: Services with 10 endpoints of each family, from
//! the JSON to the kernel, and the kernel's own time for the same. The arguments are numbers of
//! Services (1,000 without one). Prints the figures as a table in Markdown.
//!
//! ```text
//! cargo bench --all-features --bench service_proxy -- 1000 10000
//! ```

#![allow(dead_code, reason = "the program uses the rest")]

#[path = "../examples/service_proxy/cluster.rs"]
mod cluster;
#[path = "../examples/service_proxy/input/mod.rs"]
mod input;
#[path = "../examples/service_proxy/kernel/mod.rs"]
mod kernel;
#[path = "../examples/service_proxy/objects/mod.rs"]
mod objects;
#[path = "../examples/service_proxy/translate/mod.rs"]
mod translate;

#[path = "service_proxy/creating.rs"]
mod creating;
#[path = "service_proxy/figures.rs"]
mod figures;
#[path = "kernel/floor.rs"]
mod floor;
#[path = "service_proxy/floors.rs"]
mod floors;
#[path = "kernel/generic.rs"]
mod generic;
#[path = "kernel/memory.rs"]
mod memory;
#[path = "service_proxy/parts.rs"]
mod parts;
#[path = "service_proxy/proxy.rs"]
mod proxy;
#[path = "service_proxy/objects.rs"]
mod text;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use lab::Needs;

use figures::Table;
use parts::Part;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Part::of(&words) {
        Some(part) if !part.begins_anew() => end(part.run()),
        // Cargo's own argument. The kernel's first process, which is this program, has none.
        None if words.iter().any(|it| it == "--bench") => end(all(&words)),
        part => lab::main(&needs(), || match part {
            Some(part) => end(part.run()),
            None => end(Err("to be run by cargo bench".into())),
        }),
    }
}

fn needs() -> Needs {
    Needs::ipvs()
        .and_sets(&[
            "bitmap:port",
            "hash:ip",
            "hash:ip,port",
            "hash:ip,port,ip",
            "hash:ip,port,net",
        ])
        .and_devices(&["dummy"])
        .and_rules()
        .memory(2048)
}

fn end(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures each part in a process of its own, on a kernel that has done nothing yet, so that none
/// finds memory or services of another one.
fn all(words: &[String]) -> Outcome {
    let counts = words.iter().filter_map(|it| it.parse().ok());
    let mut counts: Vec<u32> = counts.collect();
    if counts.is_empty() {
        counts.push(1_000);
    }
    let mut table = Table::new(counts.clone());
    for (column, count) in counts.into_iter().enumerate() {
        for part in Part::all(count) {
            run(part, |line| {
                eprintln!("{count}: {}", line.replace('\t', ": "));
                table.enter(column, line);
            })?;
        }
    }
    print!("{table}");
    Ok(())
}

/// Runs a part in a process of its own.
fn run(part: Part, line: impl FnMut(&str)) -> Outcome {
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.args(part.words()).stdout(Stdio::piped()).spawn()?;
    let output = BufReader::new(child.stdout.take().ok_or("no output")?);
    let lines: Vec<String> = output.lines().collect::<Result<_, _>>()?;
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("{part:?}: {status}").into());
    }
    lines.iter().map(String::as_str).for_each(line);
    Ok(())
}
