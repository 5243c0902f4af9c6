//! Keeps two sets, one for each family, at the addresses and networks of a file. An entry vanishes
//! an hour after the program last saw it, so that a forgotten list blocks nobody.

mod blocking;
mod list;
mod on_tokio;

use std::error::Error;
use std::process::ExitCode;

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

const USAGE: &str = "usage: block-list [--tokio] FILE";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("block-list: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (on_tokio, file) = match &arguments[..] {
        [file] => (false, file),
        [option, file] if option == "--tokio" => (true, file),
        _ => return Err(USAGE.into()),
    };
    let list = list::read(&std::fs::read_to_string(file)?);
    let updates = if on_tokio {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(on_tokio::update(&list))?
    } else {
        blocking::update(&list)?
    };
    for update in updates {
        println!("{update}");
    }
    Ok(())
}
