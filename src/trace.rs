//! Events for subscribers of the crate `tracing` (feature `tracing`): one for each call with many
//! changes, listing and retry, and none for a single change or entry. Without the feature, all of
//! this is empty.

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

#[cfg(test)]
#[cfg(feature = "tracing")]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tracing::field::{Field, Visit};
    use tracing::{Event, Level, Metadata, Subscriber, span};

    use super::*;
    use crate::{Error, FailedChange};

    /// The fields of an event as text, with its level.
    type Fields = BTreeMap<&'static str, String>;

    /// A subscriber that stores events.
    struct Recorder(Arc<Mutex<Vec<Fields>>>);

    struct Record<'a>(&'a mut Fields);

    impl Visit for Record<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.insert(field.name(), format!("{value:?}"));
        }
    }

    impl Subscriber for Recorder {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut fields = Fields::new();
            event.record(&mut Record(&mut fields));
            fields.insert("level", event.metadata().level().to_string());
            self.0.lock().unwrap().push(fields);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    /// Returns the events of what is done, without their durations, which have to be those of
    /// something that began a minute ago.
    fn events(work: impl FnOnce(Began)) -> Vec<Fields> {
        let events = Arc::new(Mutex::new(Vec::new()));
        let minute = Duration::from_secs(60);
        let began = Began(Instant::now().checked_sub(minute).unwrap());
        tracing::subscriber::with_default(Recorder(events.clone()), || work(began));
        let mut events = std::mem::take(&mut *events.lock().unwrap());
        for event in &mut events {
            if let Some(elapsed) = event.remove("elapsed_us") {
                let elapsed = Duration::from_micros(elapsed.parse().unwrap());
                assert!((minute..minute * 2).contains(&elapsed), "{elapsed:?}");
            }
        }
        events
    }

    fn event<const N: usize>(level: Level, fields: [(&'static str, &str); N]) -> Fields {
        let fields = fields.map(|(name, value)| (name, value.to_owned()));
        let level = ("level", level.to_string());
        fields.into_iter().chain([level]).collect()
    }

    #[test]
    fn changes_in_doubt_are_a_warning() {
        let failed = |in_doubt| FailedChange {
            index: 1,
            input: (),
            error: Error::refused("add entry", "no"),
            in_doubt,
        };
        let outcome = |in_doubt| Outcome {
            applied: 3,
            failures: vec![failed(false), failed(in_doubt)],
            stopped: None,
            untried_from: Some(5),
        };
        let events = events(|began| {
            began.changed("add entries to set", Some("web"), &outcome(false));
            began.changed("add entries to set", Some("web"), &outcome(true));
            began.done("list set", NO_SET, 7);
        });
        let fields = [
            ("operation", "\"add entries to set\""),
            ("set", "web"),
            ("applied", "3"),
            ("failed", "2"),
            ("untried_from", "5"),
        ];
        let mut changed = event(Level::DEBUG, fields);
        changed.insert("message", "changed".into());
        let mut doubtful = event(Level::WARN, fields);
        doubtful.insert("message", "changes are in doubt".into());
        doubtful.insert("in_doubt", "1".into());
        let done = event(
            Level::DEBUG,
            [
                ("message", "done"),
                ("operation", "\"list set\""),
                ("count", "7"),
            ],
        );
        assert_eq!(events, [changed, doubtful, done]);
    }

    #[test]
    fn only_a_second_attempt_is_reported() {
        let events = events(|began| {
            for attempts in 0..=2 {
                began.tried("swap sets", Some("web"), attempts);
            }
        });
        let expected = event(
            Level::WARN,
            [
                ("message", "tried again"),
                ("operation", "\"swap sets\""),
                ("set", "web"),
                ("attempts", "2"),
            ],
        );
        assert_eq!(events, [expected]);
    }

    #[test]
    fn what_a_listing_yields_is_counted() {
        let events = events(|began| {
            let mut listing = Listing {
                began,
                ..Listing::begin()
            };
            for _ in 0..2 {
                listing.set();
                listing.entry();
                listing.entry();
            }
            listing.end("list set", NO_SET, false);
        });
        let expected = event(
            Level::DEBUG,
            [
                ("message", "listed"),
                ("operation", "\"list set\""),
                ("sets", "2"),
                ("entries", "4"),
                ("complete", "false"),
            ],
        );
        assert_eq!(events, [expected]);
    }

    #[test]
    fn lost_replies_are_reported() {
        let events = events(|_| replies_lost());
        let message = ("message", "the kernel dropped replies");
        assert_eq!(events, [event(Level::WARN, [message])]);
    }
}
