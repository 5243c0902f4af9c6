//! Kernel tests: test binaries with `harness = false` whose tests all run on one kernel, which boots once.

mod lack;

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

pub use lack::{has, need};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::{Namespace, Needs};

/// The longest duration of a test. Otherwise a hanging test would stop the whole run.
const LIMIT: Duration = Duration::from_secs(120);

/// The return type of a test: nothing, or a `Result` whose error fails it.
pub trait Outcome {
    /// Returns the message of a failure as an error.
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

/// A test with its name.
pub struct Test {
    name: String,
    run: Box<dyn FnOnce() -> Result<(), String> + Send>,
    limit: Duration,
    ignored: bool,
}

impl Test {
    /// Creates a test. [`crate::tests`] creates tests from functions.
    pub fn new<T: Outcome>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Test {
        Test {
            name: name.to_owned(),
            run: Box::new(move || run().outcome()),
            limit: LIMIT,
            ignored: false,
        }
    }

    /// Sets the longest duration of the test, instead of 120 s.
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

    /// Calls `prepare` before the test, on the same thread.
    fn trial(self, prepare: fn() -> crate::Result<()>) -> Trial {
        let Test {
            name,
            run,
            limit,
            ignored,
        } = self;
        Trial::ignorable_test(name.clone(), move || apart(&name, limit, prepare, run))
            .with_ignored_flag(ignored)
    }
}

/// Runs the tests, as the `main` of a test binary.
///
/// It accepts the usual arguments: filters, `--exact`, `--skip`, `--ignored`, `--list` (which needs no kernel) and so on. Each test runs in a new
/// network namespace, one at a time unless `--test-threads` says otherwise. A test fails if it panics or takes too long. The binary fails if
/// there is no kernel to run on. At the end it prints what the kernel lacks for some tests ([`need`], [`has`]).
pub fn main(needs: &Needs, tests: Vec<Test>) -> ExitCode {
    let arguments = arguments();
    let trials = trials(tests);
    if arguments.list {
        return run(&arguments, trials);
    }
    crate::main(needs, || run(&arguments, trials))
}

/// Like [`main`], but the tests run as an ordinary user: see [`crate::rootless()`]. What they need is checked as root.
pub fn rootless(needs: &Needs, tests: Vec<Test>) -> ExitCode {
    let arguments = arguments();
    let trials = trials(tests);
    if arguments.list {
        return run(&arguments, trials);
    }
    crate::main(needs, || crate::rootless(|| run(&arguments, trials)))
}

fn arguments() -> Arguments {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(1));
    arguments
}

fn trials(tests: Vec<Test>) -> Vec<Trial> {
    let trials = tests.into_iter().map(|test| test.trial(own_namespace));
    trials.collect()
}

/// Like [`main`], for tests of programs that the lab starts. They run on the machine itself, not in a namespace.
pub fn on_the_machine(tests: Vec<Test>) -> ExitCode {
    // Such a test may boot several kernels, and a hanging one stops nothing else.
    let limit = Duration::from_secs(1800);
    let trials = tests
        .into_iter()
        .map(|test| test.limit(limit).trial(|| Ok(())));
    run(&Arguments::from_args(), trials.collect())
}

fn run(arguments: &Arguments, trials: Vec<Trial>) -> ExitCode {
    let conclusion = libtest_mimic::run(arguments, trials);
    print!("{}", lack::summary());
    conclusion.exit_code()
}

fn own_namespace() -> crate::Result<()> {
    Namespace::new()?.enter()
}

/// Runs a test on a new thread, until its limit.
fn apart(
    name: &str,
    limit: Duration,
    prepare: fn() -> crate::Result<()>,
    run: Box<dyn FnOnce() -> Result<(), String> + Send>,
) -> Result<Completion, Failed> {
    let (sender, ended) = channel();
    let test = move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            prepare().map_err(|error| error.to_string())?;
            run().map(|()| Completion::Completed)
        }));
        let outcome = outcome.unwrap_or_else(|panic| match lack::reason(&*panic) {
            Some(reason) => Ok(Completion::ignored_with(format!(
                "the kernel lacks {reason}"
            ))),
            None => Err(message(&*panic)),
        });
        let _ = sender.send(outcome);
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

/// Repeats an attempt until it succeeds. Returns the last error after a minute, which is long enough for any busy machine.
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

/// Returns the number in an environment variable, such as a seed, or `default` if the variable is not set.
///
/// # Panics
///
/// If the variable is set to something else.
#[must_use]
pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|error| panic!("{variable}={text}: {error}"))
    })
}

/// Returns the message of a panic.
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

/// Defines the `main` of a test binary: what it needs from the kernel (`on_the_machine` for [`on_the_machine`](crate::test::on_the_machine)), and its tests, which are
/// functions that return nothing or a `Result`.
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
    (on_the_machine; $($test:ident),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::test::on_the_machine(vec![$($crate::test::Test::new(stringify!($test), $test)),+])
        }
    };
    ($needs:expr; $($test:ident),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::test::main(&$needs, vec![$($crate::test::Test::new(stringify!($test), $test)),+])
        }
    };
}
