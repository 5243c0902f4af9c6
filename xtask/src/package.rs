//! Builds what `cargo publish` would publish, away from the workspace.

use std::path::Path;

use crate::shell::{self, Outcome, root};

/// Where cargo leaves the package.
const FOLDER: &str = "target/package";

/// The builds: what a user of the published crate may ask cargo for.
const BUILDS: [&[&str]; 3] = [
    &["build", "--examples", "--all-features"],
    &["test", "--lib", "--features", "serde", "--no-run"],
    &["doc", "--all-features", "--no-deps"],
];

/// Packs the crate, unpacks it in a temporary folder, and builds its examples, tests and docs there.
pub(crate) fn build() -> Outcome {
    // A change is checked before it is committed.
    shell::cargo(&["package", "--no-verify", "--allow-dirty"])?;
    let failure = |error: std::io::Error| format!("{FOLDER}: {error}");
    let folder = tempfile::tempdir().map_err(failure)?;
    let archive = newest(&root().join(FOLDER)).map_err(failure)?;
    let path = |path: &Path| path.display().to_string();
    let (archive, to) = (path(&archive), path(folder.path()));
    let unpack = [
        "--extract",
        "--strip-components=1",
        "--file",
        &archive,
        "--directory",
        &to,
    ];
    shell::run("tar", "tar", &unpack, &[])?;
    // The builds share the folder that earlier ones left.
    let target = path(&root().join(FOLDER).join("build"));
    let environment = [
        ("CARGO_TARGET_DIR", target.as_str()),
        ("RUSTDOCFLAGS", "-D warnings"),
    ];
    for build in BUILDS {
        let cargo = shell::cargo_path();
        shell::run_in(folder.path(), "cargo", &cargo, build, &environment)?;
    }
    Ok(())
}

/// Returns the package that was written last.
fn newest(folder: &Path) -> std::io::Result<std::path::PathBuf> {
    let mut packages = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|it| it == "crate") {
            packages.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    let newest = packages.into_iter().max();
    newest
        .map(|(_, path)| path)
        .ok_or_else(|| std::io::ErrorKind::NotFound.into())
}
