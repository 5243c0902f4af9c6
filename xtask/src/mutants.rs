//! Plants faults in the code and says which of them no test notices.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::shell::{Outcome, cargo_output, is_installed, root, run};

/// The list of the mutants that may survive.
const LIST: &str = ".cargo/mutants.txt";

/// Runs cargo-mutants on the files of a module, such as `netlink` or `ipset/message`, or on all, and prints the score of each module.
/// It fails if a mutant survives that [`LIST`] lacks, or if a line of the list names no mutant that the code has.
/// `.cargo/mutants.toml` says which tests run.
pub(crate) fn run_in(module: Option<&str>) -> Outcome {
    if !is_installed("cargo-mutants") {
        return Err("cargo-mutants is missing; `cargo install cargo-mutants` installs it".into());
    }
    let list = read(&root().join(LIST))?;
    let all = cargo_output(&["mutants", "--package=ipvset", "--list"])?;
    let unknown = unknown(&list, &all);
    if !unknown.is_empty() {
        let lines = unknown.join("\n");
        return Err(format!(
            "{LIST} names mutants that the code does not have:\n{lines}"
        ));
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
        "--minimum-test-timeout=60",
    ];
    arguments.extend(files.as_deref());
    // Its status also says that a listed mutant survived.
    let status = run("cargo", "cargo", &arguments, &[]);
    let path = root().join("target/mutants.out/outcomes.json");
    let outcomes: Value = serde_json::from_str(&read(&path)?)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let mutants = mutants(&outcomes);
    if mutants.is_empty() {
        return status; // the tests fail without mutants, or there is no such module
    }
    print!("{}", scores(&mutants));
    let (unlisted, stale) = compare(&mutants, &list);
    for name in &stale {
        println!("is in {LIST} and was caught: {name}");
    }
    for name in &unlisted {
        println!("survived: {name}");
    }
    match unlisted.len() {
        0 => Ok(()),
        count => Err(format!("{count} mutants survived that {LIST} lacks")),
    }
}

fn read(path: &std::path::Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns the entries of the list that stand for none of the mutants that `cargo mutants --list` prints.
fn unknown<'a>(list: &'a str, all: &str) -> Vec<&'a str> {
    let split = |line: &str| {
        let (place, change) = line.split_once(": ")?;
        let (file, _) = place.split_once(':')?;
        Some((file.to_owned(), format!("{file}: {change}")))
    };
    let mutants: Vec<_> = all.lines().filter_map(split).collect();
    let is_known = |entry: &str| match entry.contains(": ") {
        true => mutants.iter().any(|(_, name)| name == entry),
        false => mutants.iter().any(|(file, _)| file.starts_with(entry)),
    };
    entries(list).filter(|it| !is_known(it)).collect()
}

/// Returns the mutants, files and folders in the list, without the reasons.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    let lines = list.lines().filter(|it| !it.starts_with('#'));
    lines.filter_map(|it| Some(it.rsplit_once(" | ")?.0))
}

/// A mutant that compiles.
struct Mutant {
    file: String,
    /// The file and what was changed, without the line number.
    name: String,
    caught: bool,
}

/// Returns the mutants that compile.
fn mutants(outcomes: &Value) -> Vec<Mutant> {
    let outcomes = outcomes["outcomes"].as_array().into_iter().flatten();
    let mutant = |outcome: &Value| {
        let mutant = &outcome["scenario"]["Mutant"]; // none for the tests of the code without mutants
        let file = mutant["file"].as_str()?;
        let caught = match outcome["summary"].as_str() {
            Some("CaughtMutant" | "Timeout") => true,
            Some("MissedMutant") => false,
            _ => return None, // it does not compile
        };
        let (_, change) = mutant["name"].as_str()?.split_once(": ")?;
        let (file, name) = (file.to_owned(), format!("{file}: {change}"));
        Some(Mutant { file, name, caught })
    };
    outcomes.filter_map(mutant).collect()
}

/// Returns the survivors that the list lacks, and the mutants in the list of which fewer survived.
/// A mutant is listed as often as it may survive. A folder or file in the list stands for all its mutants, whether they are also
/// listed one by one or not.
fn compare<'a>(mutants: &'a [Mutant], list: &str) -> (Vec<&'a str>, Vec<&'a str>) {
    let (places, names): (Vec<_>, Vec<_>) = entries(list).partition(|it| !it.contains(": "));
    let mut left = BTreeMap::<&str, i32>::new();
    for name in names {
        *left.entry(name).or_default() += 1;
    }
    let mut unlisted = Vec::new();
    let in_place = |it: &Mutant| places.iter().any(|place| it.file.starts_with(place));
    for mutant in mutants.iter().filter(|it| !it.caught) {
        let left = left.entry(&mutant.name).or_default();
        *left -= 1;
        if *left < 0 && !in_place(mutant) {
            unlisted.push(mutant.name.as_str());
        }
    }
    let is_left = |it: &&Mutant| left.remove(it.name.as_str()).is_some_and(|left| left > 0);
    let stale = mutants.iter().filter(is_left).map(|it| it.name.as_str());
    (unlisted, stale.collect())
}

/// Returns a table of the mutants of each module: how many there are, and how many of them were caught.
fn scores(mutants: &[Mutant]) -> String {
    let mut modules = BTreeMap::<String, (u32, u32)>::new();
    for mutant in mutants {
        let score = modules.entry(module(&mutant.file)).or_default();
        *score = (score.0 + u32::from(mutant.caught), score.1 + 1);
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

    fn of(file: &str, change: &str, summary: &str) -> Value {
        let name = format!("{file}:1:2: {change}");
        json!({"summary": summary, "scenario": {"Mutant": {"file": file, "name": name}}})
    }

    #[test]
    fn a_score_counts_the_mutants_that_compile() {
        let outcomes = json!({"outcomes": [
            {"summary": "Success", "scenario": "Baseline"},
            of("src/netlink/inbox.rs", "a", "CaughtMutant"),
            of("src/netlink/inbox.rs", "b", "Timeout"),
            of("src/netlink/message.rs", "c", "MissedMutant"),
            of("src/netlink/message.rs", "d", "Unviable"),
            of("src/ipset/model/types/any.rs", "e", "CaughtMutant"),
            of("src/error.rs", "f", "MissedMutant"),
        ]});
        let scores = scores(&mutants(&outcomes));
        let lines: Vec<Vec<&str>> = scores
            .lines()
            .map(|it| it.split_whitespace().collect())
            .collect();
        let line = |text: &'static str| text.split(' ').collect::<Vec<_>>();
        assert_eq!(lines[0], line("error.rs 0 of 1 caught (0 %)"));
        assert_eq!(lines[1], line("ipset/model 1 of 1 caught (100 %)"));
        assert_eq!(lines[2], line("netlink 2 of 3 caught (66 %)"));
    }

    #[test]
    fn a_survivor_is_listed_as_often_as_it_survives() {
        let list = "# mutant | reason\n\
            src/a.rs: replace | with ^ in f | the bits differ\n\
            src/a.rs: replace == with != in g | it is the same\n\
            src/client/ | needs a kernel\n\
            src/client/mod.rs: replace wait with () | no test can tell\n\
            src/other.rs: replace h with () | did not run\n";
        let outcomes = json!({"outcomes": [
            of("src/a.rs", "replace | with ^ in f", "MissedMutant"),
            of("src/a.rs", "replace | with ^ in f", "MissedMutant"),
            of("src/a.rs", "replace == with != in g", "CaughtMutant"),
            of("src/client/mod.rs", "replace send with ()", "MissedMutant"),
            of("src/client/mod.rs", "replace wait with ()", "MissedMutant"),
        ]});
        let mutants = mutants(&outcomes);
        let (unlisted, stale) = compare(&mutants, list);
        assert_eq!(unlisted, ["src/a.rs: replace | with ^ in f"]);
        assert_eq!(stale, ["src/a.rs: replace == with != in g"]);
    }

    #[test]
    fn an_entry_of_the_list_that_names_no_mutant_is_found() {
        let all = "src/a.rs:7:9: replace f -> u8 with 1\n\
            src/client/mod.rs:3:5: replace send with ()\n";
        let list = "# src/no.rs: a comment | is none\n\
            src/a.rs: replace f -> u8 with 1 | it is 1\n\
            src/a.rs: replace f -> u8 with 0 | the type changed\n\
            src/b.rs: replace f -> u8 with 1 | the file moved\n\
            src/client/ | needs a kernel\n\
            src/handle.rs | the file moved\n";
        let gone = [
            "src/a.rs: replace f -> u8 with 0",
            "src/b.rs: replace f -> u8 with 1",
            "src/handle.rs",
        ];
        assert_eq!(unknown(list, all), gone);
    }
}
