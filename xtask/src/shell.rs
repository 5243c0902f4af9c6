//! Runs other programs, and prints the command line of each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The result of a command. The error is a message for the user.
pub(crate) type Outcome = Result<(), String>;

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// Runs cargo in the workspace's root folder.
pub(crate) fn cargo(arguments: &[&str]) -> Outcome {
    cargo_with(arguments, &[])
}

/// Runs cargo with additional environment variables.
pub(crate) fn cargo_with(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    run("cargo", &cargo_path(), arguments, environment)
}

/// Runs cargo and returns the standard output of cargo and the program that it runs.
pub(crate) fn cargo_output(arguments: &[&str]) -> Result<String, String> {
    let line = format!("cargo {}", arguments.join(" "));
    eprintln!("$ {line}");
    let output = Command::new(cargo_path())
        .args(arguments)
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("what `{line}` wrote: {error}"))
}

/// Returns the cargo that runs this program.
pub(crate) fn cargo_path() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// Runs a program in the workspace's root folder. Fails if its exit status is not 0.
pub(crate) fn run(
    name: &str,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Outcome {
    run_in(&root(), name, program, arguments, environment)
}

/// Runs a program in a folder. Fails if its exit status is not 0.
pub(crate) fn run_in(
    folder: &Path,
    name: &str,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Outcome {
    let variables = environment
        .iter()
        .map(|(name, value)| format!("{name}={value:?} "));
    let line = format!(
        "{}{name} {}",
        variables.collect::<String>(),
        arguments.join(" ")
    );
    eprintln!("$ {line}");
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(folder)
        .status()
        .map_err(|error| format!("cannot run {name}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed: {status}", line.trim_end()))
    }
}

/// Whether a program is installed, in the search path or in the system's folders for root.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .any(|folder| folder.join(program).is_file())
}
