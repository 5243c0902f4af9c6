//! Puts entries into a set with counters: adds those that are not there, and updates the others.
//!
//! The kernel keeps the counters of an entry that is there where a request gives none, but lets a
//! new entry go on with those of a dead one whose place it takes. So a new entry needs zeros, one
//! that is there needs to be sent without, and no request can do both.
//!
//! Entries are added as new ones first. That ends at the first entry that is there; it is set
//! aside for a message that updates, and adding goes on behind it. Where many are there, this
//! would be a message for each. So the next entries are looked up, hundreds in a datagram: those
//! that are found are set aside, the others are added. How many are looked up follows from how
//! many are found.

use std::mem::{replace, swap};
use std::ops::Range;

use super::bulk::{Bulk, LEAST_WINDOW, Outcome, Run, Stop};
use crate::error::Cause;
use crate::ipset::client::about;
use crate::ipset::message::attr::data;
use crate::ipset::message::batch::{Batch, Culprit, Filled};
use crate::ipset::message::body;
use crate::ipset::message::code::{self, Command};
use crate::ipset::message::counters::Counters;
use crate::ipset::message::encode::Purpose;
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};
use crate::ipset::model::types::Definition;
use crate::ipset::{Entry, IpSet, SetType};
use crate::netlink::{Failure, Rejection, Transport, flag};
use crate::wire::Attributes;

/// Adding goes on without looking entries up while so many in a row are new.
const NEW_IN_A_ROW: usize = 8;

/// The most entries that are looked up at once.
const MOST_LOOKUPS: usize = 2048;

/// How entries are sent.
pub(in crate::ipset) struct Tries {
    pub(in crate::ipset) purpose: Purpose,
    pub(in crate::ipset) exclusive: bool,
    /// First as new ones, then, if they are there, without counters.
    pub(in crate::ipset) twice: bool,
}

impl Tries {
    pub(in crate::ipset) fn of<K: SetType>(set: &IpSet<K>, purpose: Purpose, how: Bulk) -> Self {
        let puts = purpose == Purpose::Add && how.is_tolerant();
        let twice = puts && set.options().counters;
        Self {
            purpose: if puts && !twice {
                Purpose::Put
            } else {
                purpose
            },
            exclusive: twice || !how.is_tolerant(),
            twice,
        }
    }
}

/// What [`Run::put`] keeps from one batch to the next.
pub(in crate::ipset) struct Aside {
    protocol: u8,
    /// Entries that are there.
    there: Batch,
    /// Entries that were looked up and not found.
    missing: Batch,
    /// Whether the next entries are looked up before they are added, and how many.
    looking: bool,
    lookups: usize,
    /// The most entries of the next message that adds.
    window: usize,
    /// An entry without the counters.
    scratch: Vec<u8>,
}

impl Aside {
    pub(in crate::ipset) fn new(batch: &Batch, protocol: u8) -> Self {
        let mut there = batch.beside();
        there.set_exclusive(false);
        Self {
            protocol,
            there,
            missing: batch.beside(),
            looking: false,
            lookups: LEAST_WINDOW,
            window: usize::MAX,
            scratch: Vec::new(),
        }
    }
}

/// What an entry is for the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One element, and to test it tells whether it is there.
    Exact,
    /// One element that has to be added to learn it: to test an address tells of the networks
    /// around it too.
    Covered,
    /// Several elements.
    Several,
}

impl Shape {
    /// Of an entry's attributes.
    fn of(definition: &Definition, entry: &[u8]) -> Self {
        let (mut first, mut second) = (false, false);
        for attribute in Attributes::new(entry).flatten() {
            match attribute.kind() {
                data::IP_TO | data::IP2_TO | data::PORT_TO => return Self::Several,
                data::CIDR => first = true,
                data::CIDR2 => second = true,
                _ => {}
            }
        }
        let (mut networks, mut wide) = (false, false);
        for dimension in definition.dimensions {
            let Dimension::Ip(Ip { slot, span, .. }) = dimension else {
                continue;
            };
            let prefix = match slot {
                Slot::First => first,
                Slot::Second => second,
            };
            match span {
                Span::Network { .. } => (networks, wide) = (true, wide || prefix),
                _ if prefix => return Self::Several,
                _ => {}
            }
        }
        if networks && !wide || definition.has_members() {
            return Self::Covered;
        }
        Self::Exact
    }
}

/// The single entries of one that stands for several.
struct Singles<K: SetType> {
    dimensions: &'static [Dimension],
    left: Vec<Entry<K>>,
}

impl<K: SetType> Iterator for Singles<K> {
    type Item = Entry<K>;

    fn next(&mut self) -> Option<Entry<K>> {
        loop {
            let entry = self.left.pop()?;
            match entry.halves(self.dimensions) {
                Some((low, high)) => self.left.extend([high, low]),
                None => return Some(entry),
            }
        }
    }
}

impl<T: Transport, K: SetType> Run<'_, T, K> {
    /// Puts the entries of the batch into the set, and empties it.
    pub(in crate::ipset) async fn put(&mut self, mut aside: Aside) -> Result<(), Stop> {
        let done = self.put_batch(&mut aside).await;
        self.batch.clear();
        self.aside = Some(aside);
        done
    }

    async fn put_batch(&mut self, aside: &mut Aside) -> Result<(), Stop> {
        if !self.batch.lacks_counters() {
            // Nothing is left to the kernel, whether or not they are there.
            self.batch.set_exclusive(false);
            let sent = self.send().await;
            self.batch.set_exclusive(true);
            return sent;
        }
        let entries = self.batch.entries();
        let mut at = entries.start;
        while at < entries.end {
            let several = self.put_singles(&mut at, aside).await;
            self.update(aside).await?;
            if let Some(culprit) = several? {
                self.put_elements(culprit, aside).await?;
            }
        }
        Ok(())
    }

    /// Adds entries from a place on, or sets them aside; up to one that stands for several and of
    /// which one is there.
    async fn put_singles(
        &mut self,
        at: &mut usize,
        aside: &mut Aside,
    ) -> Result<Option<Culprit>, Stop> {
        let end = self.batch.entries().end;
        while *at < end {
            if aside.looking && self.look_up(at, aside).await? {
                continue;
            }
            let Some(culprit) = self.add_new(at, aside).await? else {
                continue;
            };
            if self.is_several(&culprit.place) {
                return Ok(Some(culprit));
            }
            aside.looking = culprit.before < NEW_IN_A_ROW;
            aside
                .there
                .append_without_counters(&self.batch, culprit.place);
        }
        Ok(None)
    }

    /// Whether the entry at a place stands for several. A range may be a single network.
    fn is_several(&self, place: &Range<usize>) -> bool {
        let definition = self.set.definition();
        let shape = Shape::of(definition, self.batch.attributes(place.clone()));
        let several = |entry: Entry<K>| entry.halves(definition.dimensions).is_some();
        let entry = || self.batch.read(self.set.kind(), place.clone());
        shape == Shape::Several && entry().is_some_and(several)
    }

    /// Sends one message that adds entries from a place on. If one of them is there: which.
    async fn add_new(
        &mut self,
        at: &mut usize,
        aside: &mut Aside,
    ) -> Result<Option<Culprit>, Stop> {
        let (end, count) = self.batch.window(*at, aside.window);
        let message = self.batch.message(*at..end);
        let failure = match self.connection.send_ready(message).await {
            Ok(()) => {
                self.outcome.applied += count as u64;
                *at = end;
                aside.window = aside.window.saturating_mul(2);
                return Ok(None);
            }
            Err(failure) => failure,
        };
        let there = match &failure {
            Failure::Rejected(it) if it.code == code::EXIST => self.batch.culprit(*at, it),
            _ => None,
        };
        let (culprit, there) = match there {
            Some(culprit) => {
                self.outcome.applied += culprit.before as u64;
                (culprit, true)
            }
            None => (self.refused(*at..end, count, failure).await?, false),
        };
        *at = culprit.place.end;
        aside.window = (culprit.before * 2).max(LEAST_WINDOW);
        Ok(there.then_some(culprit))
    }

    /// Looks entries up from a place on, sets those aside that are there, and adds the others.
    /// False if the next entry is one that cannot be looked up.
    async fn look_up(&mut self, at: &mut usize, aside: &mut Aside) -> Result<bool, Stop> {
        let mut packet = self.connection.packet();
        let mut lookups = Vec::new();
        for (_, place) in self.batch.walk(*at).take(aside.lookups) {
            let entry = self.batch.attributes(place.clone());
            let shape = Shape::of(self.set.definition(), entry);
            let (command, flags, entry) = match shape {
                Shape::Several => break,
                Shape::Covered => (Command::Add, flag::EXCL, entry),
                Shape::Exact => {
                    // The kernel would add counters that are given to those that it finds.
                    aside.scratch.clear();
                    aside.scratch.extend_from_slice(entry);
                    Counters::BOTH.leave(&mut aside.scratch);
                    (Command::Test, 0, &aside.scratch[..])
                }
            };
            let pushed =
                self.connection
                    .push_with(&mut packet, command.message(), flags, |writer| {
                        body::entry(writer, aside.protocol, self.set.name(), entry);
                    });
            // One that is too large for a packet is for a message of its own to refuse.
            if !pushed.unwrap_or(false) {
                break;
            }
            lookups.push((place, shape));
        }
        let Some((last, _)) = lookups.last() else {
            self.connection.keep(packet);
            aside.looking = false;
            return Ok(false);
        };
        let places = *at..last.end;
        *at = places.end;
        let sent = self.connection.send_packet(&mut packet).await;
        self.connection.keep(packet);
        let failures = match sent {
            Ok(outcome) if outcome.is_replies_lost => Err(Failure::RepliesLost),
            Ok(outcome) => Ok(outcome.failures),
            Err(failure) => Err(failure),
        };
        let failures = match failures {
            Ok(failures) => failures,
            Err(failure) => return Err(self.broken(self.batch.indices(places), failure)),
        };
        let found = self.sort_out(&lookups, &failures, aside);
        aside.lookups = match found * 4 < lookups.len() {
            true => LEAST_WINDOW,
            false => (aside.lookups * 2).min(MOST_LOOKUPS),
        };
        aside.looking = found * 4 >= lookups.len();
        self.add_missing(aside).await?;
        Ok(true)
    }

    /// Sets entries aside after they were looked up, and tells how many are there.
    fn sort_out(
        &mut self,
        lookups: &[(Range<usize>, Shape)],
        failures: &[(u32, Rejection)],
        aside: &mut Aside,
    ) -> usize {
        let mut failures = failures.iter().peekable();
        let mut found = 0;
        for (index, (place, shape)) in lookups.iter().enumerate() {
            let failed = failures.next_if(|(failed, _)| *failed as usize == index);
            let code = failed.map(|(_, rejection)| rejection.code);
            match (shape, code) {
                (Shape::Exact, None) | (Shape::Covered, Some(code::EXIST)) => {
                    let place = place.clone();
                    aside.there.append_without_counters(&self.batch, place);
                    found += 1;
                }
                (Shape::Exact, Some(_)) => aside.missing.append(&self.batch, place.clone()),
                (_, None) => self.outcome.applied += 1,
                // It is tried again, in its turn, to tell why.
                (_, Some(_)) => aside.missing.append(&self.batch, place.clone()),
            }
        }
        found
    }

    /// Adds the entries that were looked up and not found.
    async fn add_missing(&mut self, aside: &mut Aside) -> Result<(), Stop> {
        swap(&mut self.batch, &mut aside.missing);
        let entries = self.batch.entries();
        let mut at = entries.start;
        let mut added = Ok(());
        aside.window = usize::MAX;
        while at < entries.end {
            match self.add_new(&mut at, aside).await {
                // It came twice, or somebody else added it.
                Ok(Some(it)) => aside.there.append_without_counters(&self.batch, it.place),
                Ok(None) => {}
                Err(stop) => {
                    added = Err(stop);
                    break;
                }
            }
        }
        self.batch.clear();
        swap(&mut self.batch, &mut aside.missing);
        added
    }

    /// Updates the entries that were set aside, but for those behind one that ended it.
    async fn update(&mut self, aside: &mut Aside) -> Result<(), Stop> {
        let untried = self.outcome.untried;
        if let Some(untried) = untried {
            aside.there.drop_from(untried);
        }
        if aside.there.is_empty() {
            return Ok(());
        }
        if self.outcome.stopped.is_some() {
            // The connection is broken or the set is gone.
            let first = aside.there.index(aside.there.entries().start);
            let end = self.outcome.in_doubt.end.max(untried.unwrap_or(first));
            self.outcome.in_doubt = first..end;
            aside.there.clear();
            return Err(Stop);
        }
        swap(&mut self.batch, &mut aside.there);
        let sent = self.send().await;
        self.batch.clear();
        swap(&mut self.batch, &mut aside.there);
        sent
    }

    /// Puts each element of an entry that stands for several, of which one is there.
    async fn put_elements(&mut self, several: Culprit, aside: &mut Aside) -> Result<(), Stop> {
        let Culprit { index, place, .. } = several;
        let Some(entry) = self.batch.read(self.set.kind(), place.clone()) else {
            return Ok(());
        };
        let without = self.batch.counters_not_given(place);
        let entry = entry.without(without);
        let mut singles = Singles {
            dimensions: self.set.definition().dimensions,
            left: vec![entry.clone()],
        };
        let mut batch = self.batch.beside();
        swap(&mut self.batch, &mut batch);
        let outer = replace(&mut self.outcome, Outcome::new());
        let how = replace(&mut self.how, Bulk::new());
        self.put_all(&mut singles, aside).await;
        self.how = how;
        let inner = replace(&mut self.outcome, outer);
        swap(&mut self.batch, &mut batch);
        self.count_as_one(index, entry, inner)
    }

    /// Takes what became of the elements of an entry for what became of it.
    fn count_as_one(
        &mut self,
        index: u64,
        entry: Entry<K>,
        elements: Outcome<K>,
    ) -> Result<(), Stop> {
        let stopped = elements.stopped.is_some();
        let Err(error) = elements.into_result() else {
            self.outcome.applied += 1;
            return Ok(());
        };
        let full = |code| code::is_of_full_set(about(self.set), code);
        let full = error.ipset_code().is_some_and(full);
        let ends = stopped || full || !self.how.keeps_going();
        if stopped {
            self.outcome.in_doubt = index..index + 1;
            self.outcome.stopped = Some(error);
        } else {
            self.failed_for(index, entry, error);
        }
        if !ends {
            return Ok(());
        }
        self.outcome.untried = Some(index + 1);
        Err(Stop)
    }

    async fn put_all(&mut self, singles: &mut Singles<K>, aside: &mut Aside) {
        let mut index = 0;
        loop {
            let filled = self.batch.fill(self.set, Purpose::Add, &mut index, singles);
            if let Filled::Refused(index, entry, refusal) = filled {
                self.failed(index, entry, Cause::Refused(refusal.0));
                return;
            }
            let mut at = self.batch.entries().start;
            let added = self.put_singles(&mut at, aside).await;
            let updated = self.update(aside).await;
            self.batch.clear();
            if added.is_err() || updated.is_err() || matches!(filled, Filled::End) {
                return;
            }
        }
    }
}
