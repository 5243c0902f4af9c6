//! The checks before a change is merged.

use crate::shell::{Outcome, cargo, cargo_with, is_installed, root};
use crate::{api, package, setup, test};

/// Runs everything that continuous integration runs, the quick checks first.
pub(crate) fn all() -> Outcome {
    cargo(&["fmt", "--all", "--check"])?;
    let deny_warnings = ["--", "--deny", "warnings"];
    cargo(
        &[
            &["clippy", "--workspace", "--all-targets", "--all-features"][..],
            &deny_warnings,
        ]
        .concat(),
    )?;
    for feature in features()? {
        let selection = ["clippy", "--no-default-features", "--features", &feature];
        cargo(&[&selection[..], &deny_warnings].concat())?;
    }
    let strict = [("RUSTDOCFLAGS", "-D warnings")];
    // Without features too, because docs may link only what is there.
    cargo_with(&["doc", "--no-deps"], &strict)?;
    cargo_with(
        &["doc", "--workspace", "--all-features", "--no-deps"],
        &strict,
    )?;
    api::check()?;
    if is_installed("cargo-deny") {
        cargo(&["deny", "check", "bans", "licenses", "sources"])?;
    } else {
        eprintln!("cargo-deny is not installed: bans, licences and sources are not checked");
    }
    package::build()?;
    setup::run()?;
    test::run(&[])
}

/// Returns the crate's features, and an empty name for no features.
fn features() -> Result<Vec<String>, String> {
    let manifest = root().join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)
        .map_err(|error| format!("{}: {error}", manifest.display()))?;
    let lines = text
        .lines()
        .skip_while(|line| *line != "[features]")
        .skip(1);
    let names = lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().to_owned());
    Ok(std::iter::once(String::new()).chain(names).collect())
}
