//! Says which lines no test runs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::mutants::module;
use crate::shell::{Outcome, cargo, cargo_output, is_installed};

/// The file with the lines that were not run.
const LINES: &str = "target/coverage.txt";

/// Runs tests with cargo-llvm-cov, and prints by module how many lines they run. The arguments select tests as for `cargo test`;
/// without any, the unit tests run.
///
/// cargo-llvm-cov needs llvm-profdata and llvm-cov of a version that reads what the compiler writes: rustup's component llvm-tools, or
/// others that the variables LLVM_PROFDATA and LLVM_COV name.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if !is_installed("cargo-llvm-cov") {
        return Err("cargo-llvm-cov is missing; `cargo install cargo-llvm-cov` installs it".into());
    }
    let selected: Vec<&str> = match arguments {
        [] => vec!["--lib"],
        some => some.iter().map(String::as_str).collect(),
    };
    let test = [
        "llvm-cov",
        "--package=ipvset",
        "--all-features",
        "--no-report",
    ];
    cargo(&[&test[..], &selected].concat())?;
    cargo(&["llvm-cov", "report", "--text", "--output-path", LINES])?;
    let report = cargo_output(&["llvm-cov", "report", "--json", "--summary-only"])?;
    let report = serde_json::from_str(&report).map_err(|error| format!("the report: {error}"))?;
    print!("{}", by_module(&report));
    println!("{LINES} shows the lines that no test ran");
    Ok(())
}

/// Returns a table of the lines in each module: how many there are, and how many of them were run.
fn by_module(report: &Value) -> String {
    let mut modules = BTreeMap::<String, (u64, u64)>::new();
    for file in report["data"][0]["files"].as_array().into_iter().flatten() {
        let lines = |what| file["summary"]["lines"][what].as_u64().unwrap_or_default();
        let name = file["filename"].as_str().unwrap_or_default();
        let Some((_, name)) = name.rsplit_once("/src/") else {
            continue;
        };
        for module in ["all".to_owned(), module(name)] {
            let score = modules.entry(module).or_default();
            *score = (score.0 + lines("covered"), score.1 + lines("count"));
        }
    }
    let line = |(module, (run, all)): (&String, &(u64, u64))| {
        format!(
            "{module:30} {run:6} of {all:6} lines run ({} %)\n",
            100 * run / all.max(&1)
        )
    };
    modules.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_added_up_by_module() {
        let of = |name: &str, covered: u32, count: u32| json!({"filename": name, "summary": {"lines": {"covered": covered, "count": count}}});
        let report = json!({"data": [{"files": [
            of("/a/src/wire/reader.rs", 3, 4),
            of("/a/src/wire/writer.rs", 6, 6),
            of("/a/src/error.rs", 0, 5),
        ]}]});
        let table = by_module(&report);
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let lines: Vec<_> = table.lines().map(words).collect();
        assert_eq!(lines[0], words("all 9 of 15 lines run (60 %)"));
        assert_eq!(lines[1], words("error.rs 0 of 5 lines run (0 %)"));
        assert_eq!(lines[2], words("wire 9 of 10 lines run (90 %)"));
    }
}
