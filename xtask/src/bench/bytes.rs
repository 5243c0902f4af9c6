//! Writing and reading alone, without a kernel: what criterion measured of benches/encode.rs and
//! benches/decode.rs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{number, text};
use crate::shell::{self, root};

/// Where criterion puts its estimates.
const HOME: &str = "target/xtask-criterion";

/// A group of benchmarks: the contenders, in the order of their names.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) elements: u64,
    pub(super) bytes: u64,
    pub(super) contenders: Vec<Contender>,
}

pub(super) struct Contender {
    pub(super) name: String,
    /// The median for one element.
    pub(super) nanoseconds: f64,
}

impl Group {
    pub(super) fn contender(&self, name: &str) -> Option<&Contender> {
        self.contenders.iter().find(|it| it.name == name)
    }

    fn to_json(&self) -> Value {
        let contenders = self.contenders.iter();
        let contenders =
            contenders.map(|it| json!({ "name": it.name, "nanoseconds": it.nanoseconds }));
        json!({
            "name": self.name,
            "elements": self.elements,
            "bytes": self.bytes,
            "contenders": contenders.collect::<Vec<_>>(),
        })
    }
}

pub(super) fn to_json(groups: &[Group]) -> Value {
    groups.iter().map(Group::to_json).collect()
}

/// Runs the benchmarks; `quick` is not exact.
pub(super) fn run(quick: bool) -> Result<Vec<Group>, String> {
    let home = root().join(HOME);
    // What an earlier run left would be taken for this one's.
    let _ = fs::remove_dir_all(&home);
    let mut arguments = vec!["bench", "--bench", "encode", "--bench", "decode"];
    if quick {
        arguments.extend(["--", "--quick"]);
    }
    let place = [(
        "CRITERION_HOME",
        home.to_str().ok_or("the path is not UTF-8")?,
    )];
    shell::cargo_with(&arguments, &place)?;
    let mut groups: Vec<Group> = Vec::new();
    for folder in folders(&home)? {
        for benchmark in folders(&folder)? {
            add(&mut groups, &benchmark.join("new"))?;
        }
    }
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(groups)
}

fn add(groups: &mut Vec<Group>, folder: &Path) -> Result<(), String> {
    // Folders such as `report` are of criterion's own.
    if !folder.is_dir() {
        return Ok(());
    }
    let benchmark = read(&folder.join("benchmark.json"))?;
    let estimates = read(&folder.join("estimates.json"))?;
    let throughput = &benchmark["throughput"]["ElementsAndBytes"];
    let name = text(&benchmark, "group_id")?;
    let elements = number(throughput, "elements")?;
    let median = estimates["median"]["point_estimate"].as_f64();
    let contender = Contender {
        name: text(&benchmark, "function_id")?.to_owned(),
        nanoseconds: median.ok_or("an estimate has no median")? / elements as f64,
    };
    match groups.iter_mut().find(|it| it.name == name) {
        Some(group) => group.contenders.push(contender),
        None => groups.push(Group {
            name: name.to_owned(),
            elements,
            bytes: number(throughput, "bytes")?,
            contenders: vec![contender],
        }),
    }
    Ok(())
}

/// The folders in a folder, by name.
fn folders(folder: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let error = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn read(path: &Path) -> Result<Value, String> {
    let error = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(path).map_err(|it| error(&it))?;
    serde_json::from_slice(&bytes).map_err(|it| error(&it))
}
