//! Plants faults in the code and says which of them no test notices.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::shell::{Outcome, is_installed, root, run};

/// Runs cargo-mutants on the files of a module, such as `netlink` or `ipset/message`, or on all, and prints the score of each module.
/// `.cargo/mutants.toml` says which tests run, and which mutants are equivalent to the code.
pub(crate) fn run_in(module: Option<&str>) -> Outcome {
    if !is_installed("cargo-mutants") {
        return Err("cargo-mutants is missing; `cargo install cargo-mutants` installs it".into());
    }
    let files = module.map(|it| {
        format!(
            "--file=src/{it}{}",
            if it.ends_with(".rs") { "" } else { "/**" }
        )
    });
    let mut arguments = vec![
        "mutants",
        "--package=ipvset",
        "--output=target",
        "--timeout=300",
    ];
    arguments.extend(files.as_deref());
    // Its status says whether a mutant survived, which the scores say too.
    let status = run("cargo", "cargo", &arguments, &[]);
    let path = root().join("target/mutants.out/outcomes.json");
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let outcomes: Value =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    print!("{}", scores(&outcomes));
    status
}

/// Returns a table of the mutants of each module: how many there are, and how many of them were caught.
fn scores(outcomes: &Value) -> String {
    let mut modules = BTreeMap::<String, (u32, u32)>::new();
    for outcome in outcomes["outcomes"].as_array().into_iter().flatten() {
        let Some(file) = outcome["scenario"]["Mutant"]["file"].as_str() else {
            continue; // the tests of the code without mutants
        };
        let caught = match outcome["summary"].as_str() {
            Some("CaughtMutant" | "Timeout") => 1,
            Some("MissedMutant") => 0,
            _ => continue, // it does not compile
        };
        let score = modules.entry(module(file)).or_default();
        *score = (score.0 + caught, score.1 + 1);
    }
    let line = |(module, (caught, all)): (&String, &(u32, u32))| {
        format!(
            "{module:30} {caught:5} of {all:5} caught ({} %)\n",
            100 * caught / all
        )
    };
    modules.iter().map(line).collect()
}

/// Returns the module of a file: its folder, or its name if it lies in `src`.
pub(crate) fn module(file: &str) -> String {
    let file = file.strip_prefix("src/").unwrap_or(file);
    let folder = file.rsplit_once('/').map(|(folder, _)| folder);
    let parts = folder.unwrap_or(file).split('/').take(2);
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_score_counts_the_mutants_that_compile() {
        let of = |file: &str, summary: &str| json!({"summary": summary, "scenario": {"Mutant": {"file": file}}});
        let outcomes = json!({"outcomes": [
            {"summary": "Success", "scenario": "Baseline"},
            of("src/netlink/inbox.rs", "CaughtMutant"),
            of("src/netlink/inbox.rs", "Timeout"),
            of("src/netlink/message.rs", "MissedMutant"),
            of("src/netlink/message.rs", "Unviable"),
            of("src/ipset/model/types/any.rs", "CaughtMutant"),
            of("src/error.rs", "MissedMutant"),
        ]});
        let scores = scores(&outcomes);
        let lines: Vec<Vec<&str>> = scores
            .lines()
            .map(|it| it.split_whitespace().collect())
            .collect();
        let line = |text: &'static str| text.split(' ').collect::<Vec<_>>();
        assert_eq!(lines[0], line("error.rs 0 of 1 caught (0 %)"));
        assert_eq!(lines[1], line("ipset/model 1 of 1 caught (100 %)"));
        assert_eq!(lines[2], line("netlink 2 of 3 caught (66 %)"));
    }
}
