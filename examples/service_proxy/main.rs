//! A service proxy: configures a Kubernetes node as its Services and EndpointSlices ask, as
//! kube-proxy does in IPVS mode. README.md beside this file says how to run it.
//!
//! [`input`] reads the objects, [`cluster`] holds them, [`translate`] says what they ask of the
//! node, and [`kernel`] brings the node there.

mod cluster;
mod gather;
mod health;
#[path = "../exporter/http.rs"]
mod http;
mod input;
mod kernel;
#[path = "../exporter/metrics/mod.rs"]
mod metrics;
mod monitor;
mod objects;
mod options;
mod run;
mod signals;
mod translate;

use std::process::ExitCode;

use options::Command;

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            print!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Ok(Command::Cleanup(setup)) => end(cleanup(setup)),
        Ok(Command::Run(run)) => end(run::run(*run)),
        Err(error) => {
            eprintln!("service_proxy: {error}; --help lists the options");
            ExitCode::from(2)
        }
    }
}

fn cleanup(setup: kernel::Setup) -> Result<bool, Box<dyn std::error::Error>> {
    let report = kernel::cleanup(&setup)?;
    println!("{report}");
    for failure in &report.failures {
        eprintln!("{failure}");
    }
    Ok(report.failures.is_empty())
}

fn end(outcome: Result<bool, Box<dyn std::error::Error>>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("service_proxy: {error}");
            ExitCode::FAILURE
        }
    }
}
