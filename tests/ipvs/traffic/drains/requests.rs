//! Short requests that clients make all the time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ipvset::Family;

use crate::support::Result;
use crate::traffic::network::{Network, Resetting};

#[derive(Default)]
pub(super) struct Requests {
    answered: AtomicUsize,
    failures: Mutex<Vec<String>>,
    done: AtomicBool,
}

/// Does something while each client makes one request after the other over each family. `patience` is how long a
/// client waits for an answer.
pub(super) fn during(
    network: &Network,
    families: &[Family],
    patience: Duration,
    act: impl FnOnce(&Requests) -> Result,
) -> Result<Requests> {
    let requests = Requests::default();
    thread::scope(|scope| {
        let done = Done(&requests.done);
        for client in network.client_namespaces() {
            for family in families {
                let ask = || requests.ask(*family, patience);
                scope.spawn(move || client.run(ask));
            }
        }
        let outcome = act(&requests);
        drop(done);
        outcome
    })?;
    Ok(requests)
}

/// Ends the requests when it is dropped, in a panic too.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Requests {
    fn ask(&self, family: Family, patience: Duration) {
        while !self.done.load(Ordering::Relaxed) {
            let answer = Resetting::here(family, patience).and_then(|mut it| it.ask());
            match answer {
                Ok(_) => drop(self.answered.fetch_add(1, Ordering::Relaxed)),
                Err(error) => self.failures().push(error.to_string()),
            }
        }
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Returns the errors of the requests that failed.
    pub(super) fn failed(&self) -> Vec<String> {
        self.failures().clone()
    }

    /// Waits until so many more requests are answered.
    pub(super) fn wait_for_answers(&self, count: usize) {
        let goal = self.answered() + count;
        wait_until(|| self.answered() >= goal);
    }

    /// Waits until a request has failed.
    pub(super) fn wait_for_a_failure(&self) {
        wait_until(|| !self.failures().is_empty());
    }
}

/// Waits as long as the test may take.
fn wait_until(is_true: impl Fn() -> bool) {
    while !is_true() {
        thread::sleep(Duration::from_millis(5));
    }
}
