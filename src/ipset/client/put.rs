//! Puts entries into a set with counters: adds the missing ones and updates the others.
//!
//! If a request has no counters, the kernel keeps those of an entry that exists. But a new entry
//! may then inherit the counters of a dead entry whose memory it takes. So a new entry has to be
//! sent with zeros and an existing one without counters, which one request cannot do.
//!
//! Entries are first sent as new ones. The kernel stops at the first entry that exists. That entry
//! is set aside for a message that updates, and adding goes on with the next entry. If many
//! entries exist, this would take a message for each. So the next entries are then looked up,
//! hundreds in a datagram: those that are found are set aside, and the others are added. The
//! number of lookups depends on how many of them find an entry.

use std::mem::{replace, swap};
use std::ops::Range;

use nix::libc;

use super::change_all::{Change, LEAST_WINDOW, Run, Stop};
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
use crate::ipset::{Entry, IpSet, SetType, Stored};
use crate::netlink::{Failure, Rejection, Transport, flag};
use crate::wire::Attributes;
use crate::{OnFailure, Outcome};

/// Entries are not looked up as long as at least this many in a row are new.
const NEW_IN_A_ROW: usize = 8;

/// The maximum number of entries that are looked up at once.
const MOST_LOOKUPS: usize = 2048;

/// How entries are sent.
pub(in crate::ipset) struct Tries {
    pub(in crate::ipset) purpose: Purpose,
    pub(in crate::ipset) exclusive: bool,
    /// Whether entries are sent as new ones first, then without counters if they exist.
    pub(in crate::ipset) twice: bool,
}

impl Tries {
    pub(in crate::ipset) fn of<K: SetType>(set: &IpSet<K>, change: Change) -> Self {
        let twice = change == Change::Put && set.options().counters;
        Self {
            purpose: match change {
                Change::Put if !twice => Purpose::Put,
                Change::Update => Purpose::Put,
                Change::Add | Change::Put => Purpose::Add,
                Change::Remove | Change::RemoveIfPresent => Purpose::Remove,
            },
            exclusive: twice || change.is_exclusive(),
            twice,
        }
    }
}

/// The state that [`Run::put`] keeps from one batch to the next.
pub(in crate::ipset) struct Aside {
    protocol: u8,
    /// Entries that are in the set.
    there: Batch,
    /// Whether these may not be in the order in which they were given.
    disordered: bool,
    /// Entries that were looked up and not found.
    missing: Batch,
    /// Whether the next entries are looked up before they are added.
    looking: bool,
    /// How many entries the next datagram looks up.
    lookups: usize,
    /// The maximum number of entries in the next message that adds.
    window: usize,
    /// An entry without its counters.
    scratch: Vec<u8>,
}

impl Aside {
    pub(in crate::ipset) fn new(batch: &Batch, protocol: u8) -> Self {
        let mut there = batch.beside();
        there.set_exclusive(false);
        Self {
            protocol,
            there,
            disordered: false,
            missing: batch.beside(),
            looking: false,
            lookups: LEAST_WINDOW,
            window: usize::MAX,
            scratch: Vec::new(),
        }
    }
}

/// How the kernel sees an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One element. A test shows whether it is in the set.
    Exact,
    /// One element for which only adding shows whether it is in the set, since a test of an
    /// address also finds the networks around it.
    Covered,
    /// Several elements.
    Several,
}

impl Shape {
    /// Returns the shape of an entry with these attributes.
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

impl<T: Transport, K: SetType> Run<'_, T, K> {
    /// Puts the entries of the batch into the set, and empties the batch.
    pub(in crate::ipset) async fn put(&mut self, mut aside: Aside) -> Result<(), Stop> {
        let done = self.put_batch(&mut aside).await;
        self.batch.clear();
        self.aside = Some(aside);
        done
    }

    async fn put_batch(&mut self, aside: &mut Aside) -> Result<(), Stop> {
        if !self.batch.lacks_counters() {
            // All counters are given, so the same request serves new and existing entries.
            self.batch.set_exclusive(false);
            let sent = self.send().await;
            self.batch.set_exclusive(true);
            return sent;
        }
        let entries = self.batch.entries();
        let mut at = entries.start;
        while at < entries.end {
            let several = self.put_singles(&mut at, aside).await;
            self.update(at, aside).await?;
            if let Some(culprit) = several? {
                self.put_elements(culprit, aside).await?;
            }
        }
        Ok(())
    }

    /// Adds entries from a place on, or sets them aside. Stops at an entry with several elements
    /// of which one is in the set, and returns it.
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

    /// Returns true if the entry at a place has several elements. A range may be a single network.
    fn is_several(&self, place: &Range<usize>) -> bool {
        let definition = self.set.definition();
        let shape = Shape::of(definition, self.batch.attributes(place.clone()));
        let several = |entry: Entry<K>| entry.is_several(definition.dimensions);
        let entry = || self.batch.read(self.set.kind(), place.clone());
        shape == Shape::Several && entry().is_some_and(several)
    }

    /// Sends one message that adds entries from a place on. Returns the first one that is already
    /// in the set.
    async fn add_new(
        &mut self,
        at: &mut usize,
        aside: &mut Aside,
    ) -> Result<Option<Culprit>, Stop> {
        let (end, count) = self.batch.window(*at, aside.window);
        let message = self.batch.message(*at..end);
        let failure = match self.connection.send_ready(message).await {
            Ok(()) => {
                self.outcome.applied += count;
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
                self.outcome.applied += culprit.before;
                (culprit, true)
            }
            None => (self.refused(*at..end, count, failure).await?, false),
        };
        *at = culprit.place.end;
        aside.window = (culprit.before * 2).max(LEAST_WINDOW);
        Ok(there.then_some(culprit))
    }

    /// Looks up entries from a place on, sets aside those in the set, and adds the others.
    /// Returns false if the next entry cannot be looked up.
    async fn look_up(&mut self, at: &mut usize, aside: &mut Aside) -> Result<bool, Stop> {
        let mut packet = self.connection.packet();
        let mut lookups = Vec::new();
        for (_, place) in self.batch.walk(*at).take(aside.lookups) {
            let entry = self.batch.attributes(place.clone());
            let shape = Shape::of(self.set.definition(), entry);
            let (command, flags, entry) = match shape {
                Shape::Several => break,
                // The kernel carries out all requests of a datagram, also those behind a refused
                // one.
                Shape::Covered if self.on_failure == OnFailure::Stop => break,
                Shape::Covered => (Command::Add, flag::EXCL, entry),
                Shape::Exact => {
                    // The kernel would add the given counters to those of an entry that it finds.
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
            // An entry that is too large for a packet gets its error from a message of its own.
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
            Err(failure) => return Err(self.broken(places, failure)),
        };
        let found = self.sort_out(&lookups, &failures, aside);
        aside.lookups = match found * 4 < lookups.len() {
            true => LEAST_WINDOW,
            false => (aside.lookups * 2).min(MOST_LOOKUPS),
        };
        aside.looking = found * 4 >= lookups.len();
        let tried = self.batch.index_from(*at);
        self.add_missing(tried, aside).await?;
        Ok(true)
    }

    /// Sets entries aside after they were looked up, and returns how many are in the set.
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
                // It is tried again in its turn, to get the error.
                (_, Some(_)) => aside.missing.append(&self.batch, place.clone()),
            }
        }
        found
    }

    /// Adds the entries that were looked up and not found. Those before the index `tried` were
    /// looked up.
    async fn add_missing(&mut self, tried: usize, aside: &mut Aside) -> Result<(), Stop> {
        swap(&mut self.batch, &mut aside.missing);
        let entries = self.batch.entries();
        let mut at = entries.start;
        let mut added = Ok(());
        aside.window = usize::MAX;
        while at < entries.end {
            match self.add_new(&mut at, aside).await {
                // It was given twice, or another program added it, or it differs from the one in
                // the set in a way that a test takes for another entry: in its MAC address, or in
                // `nomatch`.
                Ok(Some(it)) => {
                    aside.there.append_without_counters(&self.batch, it.place);
                    aside.disordered = true;
                }
                Ok(None) => {}
                Err(stop) => {
                    self.leave_in_doubt(tried);
                    added = Err(stop);
                    break;
                }
            }
        }
        self.batch.clear();
        swap(&mut self.batch, &mut aside.missing);
        added
    }

    /// Records that the rest of the batch is in doubt too if replies are missing, because entries
    /// after it were tried already: those before the index `tried`.
    fn leave_in_doubt(&mut self, tried: usize) {
        let failure = match &self.broken {
            Some(Failure::Rejected(it)) if it.code != libc::ENOMEM => return,
            None | Some(Failure::Gone(_)) => return,
            Some(failure) => failure.again(),
        };
        let Some(untried) = self.outcome.untried_from.filter(|it| *it < tried) else {
            return;
        };
        let entries = self.batch.entries();
        let places = self.batch.walk(entries.start).map(|(_, place)| place.start);
        let rest = { places }.find(|start| self.batch.index(*start) >= untried);
        if let Some(start) = rest {
            self.in_doubt(start..entries.end, &failure);
        }
        self.outcome.untried_from = Some(tried);
    }

    /// Updates the entries that were set aside, up to the entry that ended the operation. The
    /// entries of the batch before the place `at` were tried.
    async fn update(&mut self, at: usize, aside: &mut Aside) -> Result<(), Stop> {
        if let Some(untried) = self.outcome.untried_from {
            aside.there.drop_from(untried);
        }
        if aside.there.is_empty() {
            return Ok(());
        }
        // Of an entry that was given twice, the last one counts.
        if replace(&mut aside.disordered, false) {
            aside.there.sort();
        }
        if let Some(failure) = self.broken.as_ref().map(Failure::again) {
            swap(&mut self.batch, &mut aside.there);
            self.in_doubt(self.batch.entries(), &failure);
            self.batch.clear();
            swap(&mut self.batch, &mut aside.there);
            return Err(Stop);
        }
        let tried = self.batch.index_from(at);
        swap(&mut self.batch, &mut aside.there);
        let sent = self.send().await;
        if sent.is_err() {
            self.leave_in_doubt(tried);
        }
        self.batch.clear();
        swap(&mut self.batch, &mut aside.there);
        sent
    }

    /// Puts each element of an entry with several elements, one of which is in the set.
    async fn put_elements(&mut self, several: Culprit, aside: &mut Aside) -> Result<(), Stop> {
        let Culprit { index, place, .. } = several;
        let Some(entry) = self.batch.read(self.set.kind(), place.clone()) else {
            return Ok(());
        };
        let without = self.batch.counters_not_given(place);
        let entry = entry.without(without);
        let mut singles = Stored::unmasked(entry.clone(), self.set);
        let mut batch = self.batch.beside();
        swap(&mut self.batch, &mut batch);
        let outer = replace(&mut self.outcome, Outcome::new());
        let on_failure = replace(&mut self.on_failure, OnFailure::Stop);
        self.put_all(&mut singles, aside).await;
        self.on_failure = on_failure;
        let inner = replace(&mut self.outcome, outer);
        swap(&mut self.batch, &mut batch);
        self.count_as_one(index, entry, inner)
    }

    /// Records the outcome of the elements of an entry as the outcome of the entry.
    fn count_as_one(
        &mut self,
        index: usize,
        entry: Entry<K>,
        elements: Outcome<Entry<K>>,
    ) -> Result<(), Stop> {
        if elements.is_complete() {
            self.outcome.applied += 1;
            return Ok(());
        }
        let full = |code| code::is_of_full_set(about(self.set), code);
        let in_doubt = elements.in_doubt().next().is_some();
        let first = elements.failures.into_iter().next();
        let full = first
            .as_ref()
            .and_then(|it| it.error.ipset_code())
            .is_some_and(full);
        let ends = elements.stopped.is_some() || full || self.on_failure == OnFailure::Stop;
        if let Some(failed) = first {
            self.failed_for(index, entry, failed.error, in_doubt);
        }
        self.outcome.stopped = elements.stopped;
        if !ends {
            return Ok(());
        }
        self.outcome.untried_from = Some(index + 1);
        Err(Stop)
    }

    async fn put_all(&mut self, singles: &mut Stored<K>, aside: &mut Aside) {
        let mut index = 0;
        loop {
            let filled = self.batch.fill(self.set, Purpose::Add, &mut index, singles);
            if let Filled::Refused(index, entry, refusal) = filled {
                self.failed(index, entry, Cause::Refused(refusal.0));
                return;
            }
            let mut at = self.batch.entries().start;
            let added = self.put_singles(&mut at, aside).await;
            let updated = self.update(at, aside).await;
            self.batch.clear();
            if added.is_err() || updated.is_err() || matches!(filled, Filled::End) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipset::AnySet;
    use crate::wire::Writer;

    /// Returns the shape of an entry in a set of a type.
    fn shape(kind: &str, entry: &str) -> Shape {
        let set: AnySet = format!("web {kind}").parse().unwrap();
        let entry = set.parse_entry(entry).unwrap();
        let mut writer = Writer::default();
        entry.write(&set, Purpose::Add, &mut writer).unwrap();
        Shape::of(set.definition(), writer.bytes())
    }

    #[test]
    fn an_entry_has_the_shape_of_its_elements() {
        for (kind, entry, expected) in [
            ("hash:ip", "10.0.0.1", Shape::Exact),
            ("hash:ip", "10.0.0.0/24", Shape::Several),
            ("hash:ip", "10.0.0.1-10.0.0.4", Shape::Several),
            ("hash:ip,port", "10.0.0.1,80-90", Shape::Several),
            ("hash:net", "10.0.0.0/24", Shape::Exact),
            ("hash:net", "10.0.0.1", Shape::Covered),
            ("hash:net,net", "10.0.0.1,10.0.1.0/24", Shape::Exact),
            ("hash:net,net", "10.0.0.1,10.0.1.1-10.0.1.9", Shape::Several),
            ("hash:ip,port,net", "10.0.0.1,80,10.0.1.0/24", Shape::Exact),
            ("hash:ip,port,net", "10.0.0.1,80,10.0.1.1", Shape::Covered),
            ("list:set", "other", Shape::Covered),
        ] {
            assert_eq!(shape(kind, entry), expected, "{entry} in {kind}");
        }
    }
}
