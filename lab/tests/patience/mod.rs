//! Waiting for what comes in its own time.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Long enough for the busiest of machines: what takes so long will not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tries until there is something to give; gives nothing if that takes far too long.
pub fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = attempt();
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
        sleep(Duration::from_millis(10));
    }
}
