//! Kernel tests: a `harness = false` test binary whose tests all run on one kernel, booted once.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{Namespace, Needs};

/// How long a test may take. A hanging one would otherwise hang the guest, and with it the whole run.
const LIMIT: Duration = Duration::from_secs(120);

/// What a test gives back: nothing, or a `Result` whose error fails it.
pub trait Outcome {
    /// The message of a failure.
    fn outcome(self) -> Result<(), String>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// One test: its name and what it does.
pub struct Test {
    name: String,
    run: Box<dyn FnOnce() -> Result<(), String> + Send>,
    limit: Duration,
    ignored: bool,
}

impl Test {
    /// A test; [`crate::tests`] makes them from functions.
    pub fn new<T: Outcome>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Test {
        Test {
            name: name.to_owned(),
            run: Box::new(move || run().outcome()),
            limit: LIMIT,
            ignored: false,
        }
    }

    /// Lets the test take longer, or makes it fail earlier, than after 120 s.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Test {
        self.limit = limit;
        self
    }

    /// Runs the test only when `--ignored` or `--include-ignored` asks for it.
    #[must_use]
    pub fn ignored(mut self) -> Test {
        self.ignored = true;
        self
    }

    fn trial(self) -> Trial {
        let Test {
            name,
            run,
            limit,
            ignored,
        } = self;
        Trial::test(name.clone(), move || apart(&name, limit, run)).with_ignored_flag(ignored)
    }
}

/// Runs the tests: `main` of a test binary. Arguments are those of any test binary: filters, `--exact`, `--skip`, `--ignored`, `--list` (which
/// needs no kernel) and so on. Tests run one at a time if `--test-threads` does not say otherwise, each in a network namespace of its own. A
/// panic fails a test, and so does taking too long. Where there is no kernel to run on, the binary fails.
pub fn main(needs: &Needs, tests: Vec<Test>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(1));
    let trials = tests.into_iter().map(Test::trial).collect();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    crate::main(needs, || libtest_mimic::run(&arguments, trials).exit_code())
}

/// Runs a test on a thread of its own, in a namespace of its own, for as long as it may take.
fn apart(
    name: &str,
    limit: Duration,
    run: Box<dyn FnOnce() -> Result<(), String> + Send>,
) -> Result<(), Failed> {
    let (sender, ended) = channel();
    let test = move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let namespace = Namespace::new().map_err(|error| error.to_string())?;
            namespace.enter().map_err(|error| error.to_string())?;
            run()
        }));
        let _ = sender.send(outcome.unwrap_or_else(|panic| Err(message(&*panic))));
    };
    thread::Builder::new().name(name.to_owned()).spawn(test)?;
    match ended.recv_timeout(limit) {
        Ok(outcome) => outcome.map_err(Failed::from),
        Err(RecvTimeoutError::Timeout) => {
            Err(format!("took longer than {} s", limit.as_secs_f32()).into())
        }
        Err(RecvTimeoutError::Disconnected) => Err("its thread ended without an outcome".into()),
    }
}

/// Waits for what comes in its own time: tries until it gives no error, and gives the last one after a minute, which is long enough for the
/// busiest of machines.
pub fn eventually<T, E>(mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let outcome = attempt();
        if outcome.is_ok() || Instant::now() > deadline {
            return outcome;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!(
        "panicked: {}",
        text.unwrap_or("with something other than a text")
    )
}

/// The `main` of a test binary: what it needs from the kernel, and its tests, which are functions that give nothing or a `Result`.
///
/// ```no_run
/// fn a_service_is_added() -> Result<(), lab::Error> {
///     lab::tool("ipvsadm", ["-A", "-t", "10.0.0.1:80"])?;
///     Ok(())
/// }
///
/// lab::tests![lab::Needs::ipvs(); a_service_is_added];
/// ```
#[macro_export]
macro_rules! tests {
    ($needs:expr; $($test:ident),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::test::main(&$needs, vec![$($crate::test::Test::new(stringify!($test), $test)),+])
        }
    };
}
