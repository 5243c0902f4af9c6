//! The commands of the ipvset project. `cargo xtask help` lists them.

mod api;
mod bench;
mod check;
mod coverage;
mod fuzz;
mod kernels;
mod mutants;
mod package;
mod setup;
mod shell;
mod test;

use std::process::ExitCode;

use shell::Outcome;

const HELP: &str = "\
cargo xtask COMMAND

  setup           install what tests and examples need (as root; otherwise print the command)
  hairpin [ARG…]  set up, then run the example `hairpin` with the arguments
  proxy           set up, then run the scenario of the service proxy: requests from each place, with what is expected
  test [ARG…]     set up, then run every test and doc test; with arguments, only what they select for `cargo test`
  test --kernel NAME [ARG…]
                  the same on another kernel of User Mode Linux: 5.10, 6.1, 6.12 or 7.2
  kernels         fetch these kernels from Debian (needs patchelf, which root can install)
  bench           compare the crate with the kernel's own time and the tools; print tables, and draw a plot in benches/
  bench PART ...  the same for some parts: ipvs, sockopt, wanted, ipset, wanted_sets, bytes
  bench quick     the same for small sizes, in a few minutes; stores nothing
  bench again     print the tables and draw the plot of the stored figures
  mutants [MODULE]
                  plant faults in a module such as `netlink`, or in all, and print how many are caught (needs cargo-mutants)
  soak MINUTES    work on everything at once for so long, and check that nothing fails and nothing grows
  coverage [ARG…] print how many lines of each module the unit tests run, or the tests that the arguments select for
                  `cargo test` (needs cargo-llvm-cov)
  fuzz [SECONDS [TARGET]]
                  run each fuzz target, or one, for 60 seconds or as many as given (needs nightly Rust and cargo-fuzz)
  package         pack the crate and build its examples, tests and docs away from the workspace
  api             update public-api.txt, the list of the public API
  ci              run what continuous integration runs: format, lints, features, docs, public API, licences, package, tests
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let outcome = match command.as_deref() {
        Some("setup") if rest.is_empty() => setup::run(),
        Some("hairpin") => setup::run().and_then(|()| hairpin(&rest)),
        Some("proxy") if rest.is_empty() => setup::run().and_then(|()| proxy()),
        Some("test") => setup::run().and_then(|()| test::run(&rest)),
        Some("soak") => match &rest[..] {
            [minutes] => setup::run().and_then(|()| test::soak(minutes)),
            _ => Err("soak takes a number of minutes".into()),
        },
        Some("kernels") if rest.is_empty() => kernels::fetch_all(),
        Some("bench") => setup::run().and_then(|()| bench::run(&rest)),
        Some("mutants") if rest.len() <= 1 => mutants::run_in(rest.first().map(String::as_str)),
        Some("coverage") => coverage::run(&rest),
        Some("fuzz") if rest.len() <= 2 => fuzz::run_all(&rest),
        Some("api") if rest.is_empty() => api::write(),
        Some("package") if rest.is_empty() => package::build(),
        Some("ci") if rest.is_empty() => check::all(),
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(())
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn hairpin(arguments: &[String]) -> Outcome {
    let mut command = vec!["run", "--quiet", "--example", "hairpin", "--"];
    command.extend(arguments.iter().map(String::as_str));
    shell::cargo(&command)
}

fn proxy() -> Outcome {
    shell::cargo(&["build", "--quiet", "--features", "serde", "--examples"])?;
    let test = [
        "test",
        "--quiet",
        "--features",
        "serde",
        "--test",
        "service_proxy",
    ];
    shell::cargo(&[&test[..], &["--", "show"]].concat())
}
