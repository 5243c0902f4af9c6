//! Helpers of the tests of this binary.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::runtime::Builder;
use tokio::task::{coop, yield_now};

pub(crate) type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> =
    std::result::Result<T, E>;

/// Runs a test on a runtime whose threads are in the test's network namespace. They inherit it from
/// the thread that starts them.
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

/// Lists the tests of a module: async functions, and the function that runs them.
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

/// The number of operations that tokio allows a task before it must yield (`Budget::initial` in
/// tokio/src/task/coop/mod.rs).
const BUDGET: usize = 128;

/// Drives a future in the smallest possible steps and drops it after some of them. Returns `None`
/// if it was not ready by then.
///
/// The first step has no operation left in tokio's budget, and each following step has one. So
/// every await of the future is pending once, even though the kernel has already answered.
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

/// Polls a future once without an operation left in tokio's budget, and drops it. Returns `None` if
/// it was pending.
pub(crate) async fn dropped_at_once<F: Future>(future: F) -> Option<F::Output> {
    match step(0, pin!(future)).await {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Polls a future once with this many operations left in tokio's budget.
async fn step<F: Future>(left: usize, mut future: Pin<&mut F>) -> Poll<F::Output> {
    // Starts with a full budget.
    yield_now().await;
    poll_fn(|context| {
        for _ in left..BUDGET {
            let spent = pin!(coop::consume_budget()).poll(context);
            assert!(spent.is_ready(), "tokio's budget is smaller than expected");
        }
        assert_eq!(coop::has_budget_remaining(), left > 0);
        Poll::Ready(future.as_mut().poll(context))
    })
    .await
}
