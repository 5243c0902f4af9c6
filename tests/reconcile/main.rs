//! Runs the example `reconcile` beside `ipvsadm`.

mod apply;
mod arguments;
mod drains;
mod interrupted;
mod plan;
mod program;
mod running;
mod watch;

use std::process::ExitCode;

use lab::Needs;

const EXAMPLE: &str = "reconcile";

fn main() -> ExitCode {
    let tests = [
        arguments::tests(),
        plan::tests(),
        apply::tests(),
        drains::tests(),
        interrupted::tests(),
        watch::tests(),
    ];
    lab::test::main(&Needs::ipvs(), tests.into_iter().flatten().collect())
}

/// Lists the tests of a module.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        pub(crate) fn tests() -> Vec<lab::test::Test> {
            vec![$(lab::test::Test::new(
                concat!(module_path!(), "::", stringify!($test)).trim_start_matches("reconcile::"),
                $test,
            )),+]
        }
    };
}
pub(crate) use tests;
