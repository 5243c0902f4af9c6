//! The list of the crate's public API in the repository, so that no change goes unnoticed.

use std::fs;

use crate::shell::{Outcome, cargo_output, cargo_with, root};

/// The list, with one item in each line, for all features.
const LIST: &str = "public-api.txt";

/// The folder that rustdoc writes to. It is separate, because the variable below would make cargo rebuild everything, now and in
/// the next build without it.
const TARGET: &str = "target/api";

/// Fails if the public API differs from the list.
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
        "the public API changed: if this is intended, add it to CHANGELOG.md and run `cargo xtask api`, which updates {LIST}"
    ))
}

/// Updates the list.
pub(crate) fn write() -> Outcome {
    fs::write(root().join(LIST), list()?).map_err(|error| format!("{LIST}: {error}"))
}

fn read() -> Result<String, String> {
    fs::read_to_string(root().join(LIST)).map_err(|error| format!("{LIST}: {error}"))
}

/// Returns the current API. The JSON output of rustdoc is not stable yet, so a stable compiler needs a variable
/// to allow it.
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
