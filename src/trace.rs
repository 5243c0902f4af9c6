//! Events for subscribers of the crate `tracing` (feature `tracing`): one for each call with many
//! changes, listing and retry, and none for a single change or entry. Without the feature, all of this is empty.

#![cfg_attr(
    not(feature = "tracing"),
    expect(unused_variables, reason = "nothing is reported without the feature")
)]

use std::fmt::Display;
#[cfg(feature = "tracing")]
use std::time::Instant;

use crate::Outcome;

/// The set of an operation on services.
pub(crate) const NO_SET: Option<&str> = None;

/// The time at which something began that an event reports when it is done.
#[derive(Debug)]
pub(crate) struct Began(#[cfg(feature = "tracing")] Instant);

impl Began {
    #[inline]
    pub(crate) fn now() -> Self {
        Self(
            #[cfg(feature = "tracing")]
            Instant::now(),
        )
    }

    #[cfg(feature = "tracing")]
    fn microseconds(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Reports many changes, at level `WARN` if it is unknown of some whether they were carried
    /// out.
    pub(crate) fn changed<T>(
        &self,
        operation: &'static str,
        set: Option<impl Display>,
        outcome: &Outcome<T>,
    ) {
        #[cfg(feature = "tracing")]
        {
            let set = set.map(tracing::field::display);
            let (applied, failed) = (outcome.applied(), outcome.failures().len());
            let (in_doubt, untried_from) = (outcome.in_doubt().count(), outcome.untried_from());
            let elapsed_us = self.microseconds();
            if in_doubt == 0 {
                tracing::debug!(
                    operation,
                    set,
                    applied,
                    failed,
                    untried_from,
                    elapsed_us,
                    "changed"
                );
            } else {
                tracing::warn!(
                    operation,
                    set,
                    applied,
                    failed,
                    in_doubt,
                    untried_from,
                    elapsed_us,
                    "changes are in doubt"
                );
            }
        }
    }

    /// Reports that `count` things were handled.
    pub(crate) fn done(&self, operation: &'static str, set: Option<impl Display>, count: usize) {
        #[cfg(feature = "tracing")]
        {
            let set = set.map(tracing::field::display);
            let elapsed_us = self.microseconds();
            tracing::debug!(operation, set, count, elapsed_us, "done");
        }
    }

    /// Reports that more than one attempt was made.
    pub(crate) fn tried(
        &self,
        operation: &'static str,
        set: Option<impl Display>,
        attempts: usize,
    ) {
        #[cfg(feature = "tracing")]
        if attempts > 1 {
            let set = set.map(tracing::field::display);
            let elapsed_us = self.microseconds();
            tracing::warn!(operation, set, attempts, elapsed_us, "tried again");
        }
    }
}

/// Counts what a listing yields.
#[derive(Debug)]
pub(crate) struct Listing {
    #[cfg(feature = "tracing")]
    began: Began,
    #[cfg(feature = "tracing")]
    sets: usize,
    #[cfg(feature = "tracing")]
    entries: usize,
}

impl Listing {
    pub(crate) fn begin() -> Self {
        Self {
            #[cfg(feature = "tracing")]
            began: Began::now(),
            #[cfg(feature = "tracing")]
            sets: 0,
            #[cfg(feature = "tracing")]
            entries: 0,
        }
    }

    #[inline]
    pub(crate) fn set(&mut self) {
        #[cfg(feature = "tracing")]
        {
            self.sets += 1;
        }
    }

    #[inline]
    pub(crate) fn entry(&mut self) {
        #[cfg(feature = "tracing")]
        {
            self.entries += 1;
        }
    }

    /// Reports the listing. `complete` is false if it was dropped early or failed.
    pub(crate) fn end(&self, operation: &'static str, set: Option<impl Display>, complete: bool) {
        #[cfg(feature = "tracing")]
        {
            let set = set.map(tracing::field::display);
            let (sets, entries) = (self.sets, self.entries);
            let elapsed_us = self.began.microseconds();
            tracing::debug!(
                operation, set, sets, entries, complete, elapsed_us, "listed"
            );
        }
    }
}

/// Reports that the kernel dropped replies.
#[cold]
pub(crate) fn replies_lost() {
    #[cfg(feature = "tracing")]
    tracing::warn!("the kernel dropped replies");
}
