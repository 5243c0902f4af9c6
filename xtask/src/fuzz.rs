//! Runs the fuzz targets of `fuzz/`.

use std::process::{Command, Stdio};

use crate::shell::{Outcome, is_installed, root, run};

/// Seconds for each target, if no number is given.
const SECONDS: u32 = 60;
/// The limits of libFuzzer. What takes more than linear time needs more than the timeout for the longest inputs.
const LIMITS: [&str; 4] = [
    "-max_len=16384",
    "-timeout=20",
    "-rss_limit_mb=1024",
    "-print_final_stats=1",
];

/// Runs every target for a number of seconds. A name as the second argument selects one target.
pub(crate) fn run_all(arguments: &[String]) -> Outcome {
    let seconds = match arguments.first() {
        None => SECONDS,
        Some(argument) => argument
            .parse()
            .map_err(|_| format!("{argument}: not a number of seconds"))?,
    };
    let only = arguments.get(1);
    let targets = targets()?.into_iter();
    let targets: Vec<_> = targets
        .filter(|it| only.is_none_or(|only| only == it))
        .collect();
    if targets.is_empty() {
        return Err("there is no such target".into());
    }
    check()?;
    let seeds = [
        "run",
        "--manifest-path=fuzz/Cargo.toml",
        "--target-dir=fuzz/target/seeds",
        "--example=seeds",
    ];
    nightly(&seeds, &[("RUSTFLAGS", "--cfg fuzzing")])?;
    let time = format!("-max_total_time={seconds}");
    for target in targets {
        let fuzz = ["fuzz", "run", "--sanitizer=none", &target, "--", &time];
        nightly(&[&fuzz[..], &LIMITS].concat(), &[])?;
    }
    Ok(())
}

/// Returns the names of the targets: those of their files.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/targets");
    let failed = |error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for file in std::fs::read_dir(&folder).map_err(failed)? {
        let name = file.map_err(failed)?.file_name();
        names.extend(
            name.to_string_lossy()
                .strip_suffix(".rs")
                .map(str::to_owned),
        );
    }
    names.retain(|it| it != "limits");
    names.sort();
    Ok(names)
}

/// Runs the nightly toolchain's cargo.
fn nightly(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let arguments = [&["+nightly"], arguments].concat();
    run("cargo", "cargo", &arguments, environment)
}

/// Fails where the targets cannot be built, and says what is missing.
fn check() -> Outcome {
    let version = Command::new("cargo")
        .args(["+nightly", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !version.is_ok_and(|status| status.success()) {
        return Err("no nightly toolchain; `rustup toolchain install nightly` installs it".into());
    }
    if !is_installed("cargo-fuzz") {
        return Err("cargo-fuzz is missing; `cargo install cargo-fuzz` installs it".into());
    }
    Ok(())
}
