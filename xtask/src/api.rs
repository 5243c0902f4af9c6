//! The crate's public API as a list in the repository, so that no change of it goes unnoticed.

use std::fs;

use crate::shell::{Outcome, cargo_output, cargo_with, root};

/// The list: an item a line, for all features.
const LIST: &str = "public-api.txt";

/// Where rustdoc writes. A folder of its own, since cargo would build everything anew for the variable below, and again without it.
const TARGET: &str = "target/api";

/// Fails if the public API is not what the list says.
pub(crate) fn check() -> Outcome {
    let (old, new) = (read()?, list()?);
    if old == new {
        return Ok(());
    }
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let removed = old.iter().filter(|line| !new.contains(line));
    let added = new.iter().filter(|line| !old.contains(line));
    for (sign, line) in removed
        .map(|line| ('-', line))
        .chain(added.map(|line| ('+', line)))
    {
        eprintln!("{sign} {line}");
    }
    Err(format!(
        "the public API changed: if that is meant, say so in CHANGELOG.md and run `cargo xtask api`, which writes {LIST} anew"
    ))
}

/// Writes the list anew.
pub(crate) fn write() -> Outcome {
    fs::write(root().join(LIST), list()?).map_err(|error| format!("{LIST}: {error}"))
}

fn read() -> Result<String, String> {
    fs::read_to_string(root().join(LIST)).map_err(|error| format!("{LIST}: {error}"))
}

/// The API as it is. JSON is not a stable output of rustdoc yet, so a stable compiler has to be told to write it.
fn list() -> Result<String, String> {
    cargo_with(
        &[
            "rustdoc",
            "--all-features",
            "--target-dir",
            TARGET,
            "--",
            "-Z",
            "unstable-options",
            "--output-format",
            "json",
        ],
        &[("RUSTC_BOOTSTRAP", "1")],
    )?;
    let json = format!("{TARGET}/doc/ipvset.json");
    cargo_output(&["run", "--quiet", "--package", "list-api", "--", &json])
}
