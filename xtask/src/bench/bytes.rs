//! The measurements of writing and reading without a kernel, by criterion in benches/encode.rs and
//! benches/decode.rs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{list, number, text};
use crate::shell::{self, root};

/// The folder of criterion's estimates.
const HOME: &str = "target/xtask-criterion";

/// A group of benchmarks, with its contenders in the order of their names.
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
}

/// Reads the result of [`run`].
pub(super) fn read(groups: &[Value]) -> Result<Vec<Group>, String> {
    let group = |group: &Value| {
        let contenders = list(group, "contenders")?.iter().map(|it| {
            Ok(Contender {
                name: text(it, "name")?.to_owned(),
                nanoseconds: it["nanoseconds"].as_f64().ok_or("a median is missing")?,
            })
        });
        Ok(Group {
            name: text(group, "name")?.to_owned(),
            elements: number(group, "elements")?,
            bytes: number(group, "bytes")?,
            contenders: contenders.collect::<Result<_, String>>()?,
        })
    };
    groups.iter().map(group).collect()
}

/// Runs the benchmarks, with less precision if `quick`, and returns their groups as they are
/// stored.
pub(super) fn run(quick: bool) -> Result<Vec<Value>, String> {
    let home = root().join(HOME);
    // Removes the results of an earlier run.
    let _ = fs::remove_dir_all(&home);
    let mut arguments = vec![
        "bench",
        "--features",
        "netlink-packet",
        "--bench",
        "encode",
        "--bench",
        "decode",
    ];
    if quick {
        arguments.extend(["--", "--quick"]);
    }
    let place = [(
        "CRITERION_HOME",
        home.to_str().ok_or("the path is not UTF-8")?,
    )];
    shell::cargo_with(&arguments, &place)?;
    // The groups by name.
    let mut groups: BTreeMap<String, Value> = BTreeMap::new();
    for folder in folders(&home)? {
        for benchmark in folders(&folder)? {
            add(&mut groups, &benchmark.join("new"))?;
        }
    }
    Ok(groups.into_values().collect())
}

fn add(groups: &mut BTreeMap<String, Value>, folder: &Path) -> Result<(), String> {
    // Some folders, such as `report`, contain no estimates.
    if !folder.is_dir() {
        return Ok(());
    }
    let benchmark = parse(&folder.join("benchmark.json"))?;
    let estimates = parse(&folder.join("estimates.json"))?;
    let throughput = &benchmark["throughput"]["ElementsAndBytes"];
    let name = text(&benchmark, "group_id")?;
    let elements = number(throughput, "elements")?;
    let median = estimates["median"]["point_estimate"].as_f64();
    let contender = json!({
        "name": text(&benchmark, "function_id")?,
        "nanoseconds": median.ok_or("an estimate has no median")? / elements as f64,
    });
    let bytes = number(throughput, "bytes")?;
    let group = groups.entry(name.to_owned()).or_insert_with(
        || json!({ "name": name, "elements": elements, "bytes": bytes, "contenders": [] }),
    );
    if let Some(contenders) = group["contenders"].as_array_mut() {
        contenders.push(contender);
    }
    Ok(())
}

/// Returns the folders in a folder, sorted by name.
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

fn parse(path: &Path) -> Result<Value, String> {
    let error = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(path).map_err(|it| error(&it))?;
    serde_json::from_slice(&bytes).map_err(|it| error(&it))
}
