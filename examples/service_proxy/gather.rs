//! When to apply what the inputs said. Pure but for the clock.

use std::time::{Duration, Instant};

/// Gathers changes for a moment, so that many are applied as one.
///
/// The first time it waits longer, and until every input has said what there is: what none has
/// named yet would be taken for gone.
#[derive(Debug)]
pub struct Gather {
    inputs: Vec<Input>,
    /// When the first and the last of the changes came that are not applied yet.
    changes: Option<(Instant, Instant)>,
    /// Whether nothing was applied yet.
    is_first: bool,
    /// Whether to wait for the end of all inputs.
    until_end: bool,
    /// When a person asked for an application.
    asked: Option<Instant>,
}

/// How far an input is.
#[derive(Debug, Clone, Default)]
struct Input {
    /// Whether it has named an object, or ended a list.
    has_spoken: bool,
    /// Whether a list has begun that has not ended.
    is_in_list: bool,
    has_failed: bool,
    has_ended: bool,
}

impl Input {
    fn is_whole(&self) -> bool {
        self.has_spoken && !self.is_in_list && !self.has_failed
    }
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
            inputs: vec![Input::default(); inputs],
            changes: None,
            is_first: true,
            until_end,
            asked: None,
        }
    }

    /// Takes note of an object that came, changed or went.
    pub fn hear(&mut self, input: usize) {
        self.inputs[input].has_spoken = true;
        self.wait();
    }

    /// Takes note of a list that begins.
    pub fn list_begins(&mut self, input: usize) {
        self.inputs[input].is_in_list = true;
        self.wait();
    }

    /// Takes note of a list that is complete.
    pub fn list_ends(&mut self, input: usize) {
        self.inputs[input].is_in_list = false;
        self.hear(input);
    }

    /// Takes note of the end of an input, or of its failure.
    pub fn end(&mut self, input: usize, has_failed: bool) {
        self.inputs[input].has_ended = true;
        self.inputs[input].has_failed = has_failed;
        self.wait();
    }

    /// Takes note of something that may be followed by more.
    fn wait(&mut self) {
        let now = Instant::now();
        let first = self.changes.map_or(now, |(first, _)| first);
        self.changes = Some((first, now));
    }

    pub fn has_ended(&self) -> bool {
        self.inputs.iter().all(|it| it.has_ended)
    }

    /// Returns the inputs that have to say more before anything can be applied.
    pub fn missing(&self) -> impl Iterator<Item = usize> {
        let missing = |(input, it): (usize, &Input)| (!it.is_whole()).then_some(input);
        let inputs = self.inputs.iter().enumerate().filter_map(missing);
        inputs.filter(|_| self.is_first)
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
        if self.until_end || self.missing().next().is_some() {
            return None;
        }
        let due = match self.is_first {
            true => last + FIRST_QUIET,
            false => (last + QUIET).min(first + LONGEST),
        };
        Some(asked.map_or(due, |asked| asked.min(due)))
    }

    /// Takes note that everything is applied.
    pub fn done(&mut self) {
        self.is_first = false;
        self.skip();
    }

    /// Takes note that what came so far is not applied.
    pub fn skip(&mut self) {
        self.changes = None;
        self.asked = None;
    }
}
