//! Prints the public API from a JSON file of rustdoc, one item in each line.
//!
//! It is a separate program, because its dependencies would slow down the build of every other command of the
//! project.

use std::process::ExitCode;

use public_api::Builder;

fn main() -> ExitCode {
    let Some(json) = std::env::args_os().nth(1) else {
        eprintln!("usage: list-api FILE.json");
        return ExitCode::from(2);
    };
    let listed = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build();
    match listed {
        Ok(api) => {
            print!("{api}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("list-api: {error}");
            ExitCode::FAILURE
        }
    }
}
