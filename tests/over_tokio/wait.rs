//! Waits for a future of a tokio handle on the test's thread.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use nix::sched::{CloneFlags, unshare};
use tokio::runtime::{Builder, Runtime};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end.
///
/// It does not use tokio's `block_on`, which cannot be called inside itself, because an iterator of
/// added entries may use another handle. The future stays on this thread, which is in the test's
/// network namespace. The runtime's own thread watches the sockets.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        let builder = builder.worker_threads(1).enable_io();
        // Otherwise they would keep the namespace of the first test for ever.
        let builder = builder.on_thread_start(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a namespace of its own");
        });
        builder.build().expect("a runtime")
    });
    let _entered = runtime.enter();
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
