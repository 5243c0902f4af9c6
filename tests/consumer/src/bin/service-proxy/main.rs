//! Balances the services of a file with IPVS, and keeps their addresses in sets that firewall rules
//! match on, as a Kubernetes service proxy does.

mod blocking;
mod on_tokio;
mod services;

use std::error::Error;
use std::process::ExitCode;

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

const USAGE: &str = "usage: service-proxy [--tokio] FILE";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("service-proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns true if all services are as wanted.
fn run() -> Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (on_tokio, file) = match &arguments[..] {
        [file] => (false, file),
        [option, file] if option == "--tokio" => (true, file),
        _ => return Err(USAGE.into()),
    };
    let wanted = services::read(&std::fs::read_to_string(file)?)?;
    let report = if on_tokio {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(on_tokio::apply(&wanted))?
    } else {
        blocking::apply(&wanted)?
    };
    for failed in report.failures() {
        eprintln!("{failed}");
    }
    Ok(report.is_success())
}
