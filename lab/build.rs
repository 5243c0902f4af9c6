//! Compiles `xstate/ptrace.rs` to a shared library, which the lab carries in itself and preloads into User Mode Linux.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = "xstate/ptrace.rs";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let library = Path::new(&env::var("OUT_DIR")?).join("ptrace.so");
    println!("cargo::rustc-env=PTRACE_LIBRARY={}", library.display());
    let target = env::var("TARGET")?;
    if !(target.starts_with("x86_64-") && target.ends_with("-linux-gnu")) {
        // Debian's kernels are linked to glibc, and only x86-64 has AMX. An empty file is no library.
        fs::write(library, "")?;
        return Ok(());
    }
    let mut command = Command::new(env::var("RUSTC")?);
    command
        .args([
            "--edition=2024",
            "--crate-type=cdylib",
            "--crate-name=ptrace",
        ])
        .args(["-Copt-level=2", "-Cpanic=abort", "-Cstrip=symbols"])
        .args(["--target", &target])
        .arg("-o")
        .arg(&library)
        .arg(SOURCE);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        command.arg(format!("-Clinker={linker}"));
    }
    let status = command.status()?;
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(())
}
