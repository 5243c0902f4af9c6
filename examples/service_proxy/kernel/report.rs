use std::fmt;
use std::time::Duration;

/// What an application changed.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Virtual services that were added, updated or removed.
    pub services: usize,
    /// Servers that were added, updated or removed.
    pub servers: usize,
    /// Servers that drain.
    pub draining: usize,
    /// Servers that had connections when the time of their drain was up.
    pub cut: usize,
    /// Entries of sets that were added or removed.
    pub entries: usize,
    /// Addresses that were added or removed.
    pub addresses: usize,
    /// Services and servers that another program had changed.
    pub drifted: usize,
    pub time: Duration,
    /// How long each step took.
    pub steps: Vec<(&'static str, Duration)>,
    pub failures: Vec<String>,
}

impl Report {
    /// Returns true if nothing was changed, and nothing went wrong.
    pub fn is_unchanged(&self) -> bool {
        self.services + self.servers + self.entries + self.addresses == 0
            && self.failures.is_empty()
    }

    /// Enters what became of something, and returns it if it was a success.
    pub fn enter<T, E: fmt::Display>(&mut self, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.failures.push(error.to_string());
                None
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "changed: {} virtual services, {} servers, {} set entries, {} addresses",
            self.services, self.servers, self.entries, self.addresses
        )?;
        if self.draining > 0 {
            write!(f, "; {} servers drain", self.draining)?;
        }
        if self.cut > 0 {
            write!(
                f,
                "; {} servers still had connections when their time was up",
                self.cut
            )?;
        }
        if self.drifted > 0 {
            write!(f, "; {} were changed by another program", self.drifted)?;
        }
        write!(
            f,
            "; took {:.3} s; failures: {}",
            self.time.as_secs_f64(),
            self.failures.len()
        )
    }
}
