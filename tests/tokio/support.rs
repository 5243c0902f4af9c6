//! What the tests of this binary share.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::runtime::Builder;
use tokio::task::{coop, yield_now};

pub(crate) type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> =
    std::result::Result<T, E>;

/// Runs a test on a runtime whose threads are in the test's network namespace: they inherit it
/// from the thread that starts them.
pub(crate) fn on_threads<F: Future<Output = Result>>(test: impl FnOnce() -> F) -> Result {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(3).enable_all().build()?;
    runtime.block_on(test())
}

/// Runs a test on a runtime that has only the test's thread.
pub(crate) fn on_one_thread<F: Future<Output = Result>>(test: impl FnOnce() -> F) -> Result {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(test())
}

/// The tests of a module: async functions, and what runs them.
macro_rules! tests {
    ($run:ident: $($test:ident),+ $(,)?) => {
        pub(crate) fn tests() -> Vec<lab::test::Test> {
            vec![$(lab::test::Test::new(
                concat!(module_path!(), "::", stringify!($test)).trim_start_matches("tokio::"),
                || crate::support::$run($test),
            )),+]
        }
    };
}
pub(crate) use tests;

pub(crate) fn at(address: &str) -> SocketAddr {
    address.parse().unwrap_or_else(|_| panic!("{address}"))
}

/// What tokio lets a task do until it has to let others run (`Budget::initial` in
/// tokio/src/task/coop/mod.rs).
const BUDGET: usize = 128;

/// Drives a future in the smallest steps there are, and drops it after some of them; `None` if
/// it was not done by then.
///
/// No operation is left of tokio's budget for the first step, and one for each that follows, so
/// that every await of the future is left waiting once, even though the kernel has already
/// answered.
pub(crate) async fn dropped_after<F: Future>(steps: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for number in 0..steps {
        let left = number.min(1);
        if let Poll::Ready(output) = step(left, future.as_mut()).await {
            return Some(output);
        }
    }
    None
}

/// Polls a future once while no operation is left of tokio's budget, and drops it; `None` if it
/// was left waiting.
pub(crate) async fn dropped_at_once<F: Future>(future: F) -> Option<F::Output> {
    match step(0, pin!(future)).await {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Polls a future once while so many operations are left of tokio's budget.
async fn step<F: Future>(left: usize, mut future: Pin<&mut F>) -> Poll<F::Output> {
    // Begins with a whole budget.
    yield_now().await;
    poll_fn(|context| {
        for _ in left..BUDGET {
            let spent = pin!(coop::consume_budget()).poll(context);
            assert!(spent.is_ready(), "tokio's budget is smaller than thought");
        }
        assert_eq!(coop::has_budget_remaining(), left > 0);
        Poll::Ready(future.as_mut().poll(context))
    })
    .await
}
