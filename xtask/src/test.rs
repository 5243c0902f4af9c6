//! Runs the tests of the workspace, several programs at a time.
//!
//! `cargo test` runs one test program after another. Most of these wait for a guest that has a single processor and waits itself, so
//! the machine would be idle most of the time.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kernels;
use crate::shell::{Outcome, cargo, cargo_output, cargo_with, root};

/// Selects every package and feature.
const ALL: [&str; 2] = ["--workspace", "--all-features"];

/// The programs that take longest. They start first, so that none of them runs alone at the end.
const LONG: [&str; 11] = [
    "ipvs",
    "ipvs_rootless",
    "ipvsadm",
    "ipset_tokio",
    "ipset",
    "ipvs_tokio",
    "reconcile",
    "ipvs_sockopt",
    "service_proxy",
    "faults",
    "soak",
];

/// The environment variables of the tests.
type Environment = [(&'static str, String)];

/// Runs every test and doc test. `--kernel NAME` as the first arguments selects the kernel. If there are other arguments, `cargo test`
/// runs what they select.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (environment, arguments) = match arguments {
        [option, name, rest @ ..] if option == "--kernel" => {
            (kernels::fetch(name)?.variables().to_vec(), rest)
        }
        all => (Vec::new(), all),
    };
    if arguments.is_empty() {
        return run_all(&environment);
    }
    let words = arguments.iter().map(String::as_str);
    let command: Vec<_> = ["test"].into_iter().chain(ALL).chain(words).collect();
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    cargo_with(&command, &environment)
}

/// Runs the soak test for a number of minutes.
pub(crate) fn soak(minutes: &str) -> Outcome {
    if minutes.parse::<u64>().is_err() {
        return Err(format!("{minutes} is not a number of minutes"));
    }
    cargo_with(
        &["test", "--all-features", "--test", "soak"],
        &[("IPVSET_SOAK", minutes)],
    )
}

fn run_all(environment: &Environment) -> Outcome {
    let results = run_programs(build()?, environment)?;
    print!("{}", table(&results));
    let failed = results.iter().filter(|result| result.failures.is_some());
    let failed: Vec<_> = failed.map(|result| result.name.as_str()).collect();
    let documented = cargo(&[&["test", "--doc"][..], &ALL].concat());
    // At the end, where nobody has to search for it in the output of two thousand tests.
    for result in &results {
        if let Some(failures) = &result.failures {
            println!("\nWhat failed in {}:\n{failures}", result.name);
        }
    }
    if failed.is_empty() {
        documented
    } else {
        Err(format!("tests failed in {}", failed.join(", ")))
    }
}

/// A program that contains tests.
struct Program {
    name: String,
    /// The source file, by which cargo announces the program.
    source: PathBuf,
    executable: PathBuf,
    /// The package's folder, in which cargo runs the program.
    package: PathBuf,
}

/// What a program's run ended with.
struct Ended {
    name: String,
    time: Duration,
    /// The numbers of tests that passed, failed and did not run.
    counts: [usize; 3],
    /// What the program wrote about its failures, if it failed.
    failures: Option<String>,
}

/// Builds the programs and returns them, the longest first.
fn build() -> Result<VecDeque<Program>, String> {
    let command = [
        &["test"][..],
        &ALL,
        &["--no-run", "--message-format=json-render-diagnostics"],
    ];
    let messages = cargo_output(&command.concat())?;
    let mut programs: Vec<_> = messages.lines().filter_map(program).collect();
    let rank = |name: &str| LONG.iter().position(|long| *long == name);
    programs.sort_by_key(|program| rank(&program.name).unwrap_or(LONG.len()));
    if programs.is_empty() {
        return Err("cargo built no test".into());
    }
    Ok(programs.into())
}

/// Returns the program that a line of cargo's messages announces.
fn program(line: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(line).ok()?;
    if !message["profile"]["test"].as_bool()? {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some(Program {
        name: message["target"]["name"].as_str()?.to_owned(),
        source: message["target"]["src_path"].as_str()?.into(),
        executable: message["executable"].as_str()?.into(),
        package: manifest.parent()?.to_owned(),
    })
}

/// Runs the programs. Prints the output of each when it has ended.
fn run_programs(
    programs: VecDeque<Program>,
    environment: &Environment,
) -> Result<Vec<Ended>, String> {
    let at_once = 2 * thread::available_parallelism().map_or(1, usize::from);
    let waiting = Mutex::new(programs);
    let results = Mutex::new(Vec::new());
    let worker = || -> Outcome {
        while let Some(program) = next(&waiting) {
            let ended = program.run(environment)?;
            results.lock().map_err(|_| "a worker panicked")?.push(ended);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err("a worker panicked".into()))
        })
    })?;
    results.into_inner().map_err(|error| error.to_string())
}

fn next(waiting: &Mutex<VecDeque<Program>>) -> Option<Program> {
    waiting.lock().ok()?.pop_front()
}

impl Program {
    fn run(&self, environment: &Environment) -> Result<Ended, String> {
        let name = &self.name;
        let failure = |error: io::Error| format!("{name}: {error}");
        let mut output = tempfile::tempfile().map_err(failure)?;
        let begin = Instant::now();
        let status = Command::new(&self.executable)
            .current_dir(&self.package)
            .env("CARGO_MANIFEST_DIR", &self.package)
            .env("CARGO", env!("CARGO"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(failure)?)
            .stderr(output.try_clone().map_err(failure)?)
            .status()
            .map_err(failure)?;
        let time = begin.elapsed();
        let mut text = Vec::new();
        output.rewind().map_err(failure)?;
        output.read_to_end(&mut text).map_err(failure)?;
        let text = String::from_utf8_lossy(&text);
        self.print(&text, time).map_err(failure)?;
        Ok(Ended {
            name: name.clone(),
            time,
            counts: counts(&text),
            failures: (!status.success()).then(|| failures(&text).to_owned()),
        })
    }

    /// Prints the output under a line like that of `cargo test`.
    fn print(&self, output: &str, time: Duration) -> io::Result<()> {
        let source = self.source.strip_prefix(root()).unwrap_or(&self.source);
        let mut stdout = io::stdout().lock();
        writeln!(
            stdout,
            "     Running {} ({}), which took {} s",
            source.display(),
            self.name,
            time.as_secs()
        )?;
        stdout.write_all(output.as_bytes())
    }
}

/// Returns the numbers of tests that passed, failed and did not run, from the lines "test result: ok. 3 passed; 0 failed; 1 ignored; …".
fn counts(output: &str) -> [usize; 3] {
    let mut counts = [0; 3];
    let results = output
        .lines()
        .filter_map(|line| line.strip_prefix("test result: "));
    for part in results.flat_map(|line| line.split(['.', ';'])) {
        let Some((number, what)) = part.trim().split_once(' ') else {
            continue;
        };
        let index = ["passed", "failed", "ignored"]
            .iter()
            .position(|word| *word == what);
        if let (Some(index), Ok(number)) = (index, number.parse::<usize>()) {
            counts[index] += number;
        }
    }
    counts
}

/// Returns the part of a program's output that describes its failures: all from the line "failures:", or the last lines of a program that
/// did not come so far.
fn failures(output: &str) -> &str {
    if let Some(at) = output.find("\nfailures:\n") {
        return &output[at + 1..];
    }
    let mut ends = output.rmatch_indices('\n');
    ends.nth(40).map_or(output, |(at, _)| &output[at + 1..])
}

/// Returns a table of all programs with tests, and the sums.
fn table(results: &[Ended]) -> String {
    let row = |name: &str, time: Duration, [passed, failed, ignored]: [usize; 3], end: &str| {
        let seconds = time.as_secs();
        format!("{name:32}{seconds:>8} s{passed:>8}{failed:>8}{ignored:>8}{end}\n")
    };
    let mut table = format!(
        "{:32}{:>10}{:>8}{:>8}{:>8}\n",
        "tests", "time", "passed", "failed", "not run"
    );
    let (mut time, mut sums) = (Duration::ZERO, [0; 3]);
    for result in results {
        let empty = result.counts == [0; 3];
        let passed = result.failures.is_none();
        if empty && passed {
            continue;
        }
        let end = if passed { "" } else { "  FAILED" };
        table += &row(&result.name, result.time, result.counts, end);
        time += result.time;
        sums = [0, 1, 2].map(|index| sums[index] + result.counts[index]);
    }
    table + &row("all", time, sums, "")
}

#[cfg(test)]
mod tests {
    use super::{counts, failures, program};

    #[test]
    fn results_are_counted() {
        let output = "running 3 tests\n\
            test a ... ok\n\
            test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 9 filtered out; finished in 0.01s\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(counts(output), [13, 2, 2]);
        assert_eq!(counts("12 passed; 3 failed"), [0; 3]);
    }

    #[test]
    fn failures_are_found() {
        let output = "running 2 tests\n\nfailures:\n\n---- a ----\nno\n\nfailures:\n    a\n";
        assert_eq!(failures(output), &output[17..]);
        let killed = |lines: usize| "a line\n".repeat(lines);
        assert_eq!(failures(&killed(3)), killed(3));
        assert_eq!(failures(&killed(300)), killed(40));
    }

    #[test]
    fn programs_with_tests_are_told_from_others() {
        let message = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{{"name":"ipvs","src_path":"/p/tests/ipvs/main.rs"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let ipvs = program(&message(true, r#""/t/ipvs-1""#)).expect("a program with tests");
        assert_eq!(ipvs.name, "ipvs");
        assert_eq!(ipvs.package.to_str(), Some("/p"));
        assert!(program(&message(false, r#""/t/ipvs-1""#)).is_none());
        assert!(program(&message(true, "null")).is_none());
        assert!(program(r#"{"reason":"build-finished","success":true}"#).is_none());
    }
}
