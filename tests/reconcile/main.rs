//! Runs the example `reconcile` beside `ipvsadm`.

mod apply;
mod arguments;
mod drains;
mod interrupted;
mod plan;
mod program;
mod running;
mod sets;
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
        sets::tests(),
    ];
    let needs = Needs::ipvs().and_sets(&["hash:ip", "hash:ip,port", "hash:net", "list:set"]);
    lab::test::main(&needs, tests.into_iter().flatten().collect())
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
