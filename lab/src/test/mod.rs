//! Kernel tests: a `harness = false` test binary whose tests all run on one kernel, booted once.

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

    /// `prepare` is called on the test's own thread, before it.
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

/// Runs the tests: `main` of a test binary. Arguments are those of any test binary: filters, `--exact`, `--skip`, `--ignored`, `--list` (which
/// needs no kernel) and so on. Tests run one at a time if `--test-threads` does not say otherwise, each in a network namespace of its own. A
/// panic fails a test, and so does taking too long. Where there is no kernel to run on, the binary fails. What the kernel lacks for some of them
/// ([`need`], [`has`]) is printed at the end.
pub fn main(needs: &Needs, tests: Vec<Test>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(1));
    let trials = tests.into_iter().map(|test| test.trial(own_namespace));
    let trials = trials.collect();
    if arguments.list {
        return run(&arguments, trials);
    }
    crate::main(needs, || run(&arguments, trials))
}

/// As [`main`], for tests that look at programs which the lab starts: they run on the machine itself, and in no namespace.
pub fn on_the_machine(tests: Vec<Test>) -> ExitCode {
    // Such a test may boot several kernels, and a hanging one hangs nothing but itself.
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

/// Runs a test on a thread of its own, for as long as it may take.
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
