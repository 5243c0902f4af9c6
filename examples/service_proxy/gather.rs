//! When to apply what the inputs said. Pure but for the clock.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Gathers changes for a moment, so that many are applied as one.
///
/// At first it waits longer: what no input has named yet would be taken for gone.
#[derive(Debug)]
pub struct Gather {
    inputs: usize,
    heard: BTreeSet<usize>,
    ended: BTreeSet<usize>,
    /// When the first and the last of the changes came that are not applied yet.
    changes: Option<(Instant, Instant)>,
    /// Whether nothing was applied yet.
    is_first: bool,
    /// Whether to wait for the end of all inputs.
    until_end: bool,
    /// When a person asked for an application.
    asked: Option<Instant>,
}

/// How long no change may have come before those that came are applied.
const QUIET: Duration = Duration::from_millis(50);
/// The longest time that a change waits for others.
const LONGEST: Duration = Duration::from_secs(1);
/// How long the inputs must have been quiet before the first application.
const FIRST_QUIET: Duration = Duration::from_secs(1);

impl Gather {
    pub fn new(inputs: usize, until_end: bool) -> Self {
        Self {
            inputs,
            heard: BTreeSet::new(),
            ended: BTreeSet::new(),
            changes: None,
            is_first: true,
            until_end,
            asked: None,
        }
    }

    /// Takes note of a change.
    pub fn hear(&mut self, input: usize) {
        let now = Instant::now();
        let first = self.changes.map_or(now, |(first, _)| first);
        self.changes = Some((first, now));
        self.heard.insert(input);
    }

    /// Takes note of the end of an input.
    pub fn end(&mut self, input: usize) {
        self.hear(input);
        self.ended.insert(input);
    }

    pub fn has_ended(&self) -> bool {
        self.ended.len() == self.inputs
    }

    /// Makes the next application due at once, unless the first one waits for inputs.
    pub fn hurry(&mut self) {
        self.asked = Some(Instant::now());
    }

    /// Returns when the changes are to be applied.
    pub fn due(&self) -> Option<Instant> {
        let asked = self.asked.filter(|_| !self.is_first);
        let Some((first, last)) = self.changes else {
            return asked;
        };
        if self.has_ended() {
            return Some(last);
        }
        if self.until_end || (self.is_first && self.heard.len() < self.inputs) {
            return None;
        }
        let due = match self.is_first {
            true => last + FIRST_QUIET,
            false => (last + QUIET).min(first + LONGEST),
        };
        Some(asked.map_or(due, |asked| asked.min(due)))
    }

    /// Takes note that everything was applied.
    pub fn done(&mut self) {
        self.changes = None;
        self.is_first = false;
        self.asked = None;
    }
}
