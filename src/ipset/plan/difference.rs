//! The wanted entries compared with those that are there.

use std::time::Duration;

use super::index::TOGETHER;
use super::policy::Policy;
use super::wanted::Wanted;
use crate::ipset::model::value::Elements;
use crate::ipset::{CreateOptions, Entry, EntryOptions, SetType};

/// How many entries a chunk has.
const CHUNK: usize = 512;

/// What is to become of a wanted entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is not in the set.
    Added,
    /// It is in the set as it is wanted.
    Kept,
    /// It is in the set with another comment, timeout or the like.
    Changed,
    /// It is in the set, and its time is running out.
    Renewed,
    /// It is a member of a list and not in its place. It is removed and added again.
    Moved,
    /// No set of the type takes it.
    Refused,
}

impl Fate {
    /// Returns true if the entry is not in the set when it is written.
    pub(super) fn is_written_anew(self) -> bool {
        matches!(self, Self::Added | Self::Moved)
    }
}

/// What an entry that stays brings along if it is written again.
#[derive(Debug, Clone, Copy, Default)]
struct Luggage {
    /// Packets and bytes.
    counters: Option<(u64, u64)>,
    /// Seconds.
    timeout: Option<u32>,
}

/// The wanted entries compared with those of a set, as far as these have been seen.
#[derive(Debug, Clone)]
pub(in crate::ipset) struct Difference<T: SetType> {
    wanted: Wanted<T>,
    fates: Vec<Fate>,
    /// Entries of the set that have not been compared yet.
    seen: Vec<Entry<T>>,
    /// For each wanted entry, or empty if no entry is written again.
    luggage: Vec<Luggage>,
    /// In chunks, since a vector that grows takes twice its size for a moment.
    removed: Vec<Vec<T::Value>>,
    /// The wanted members of a list in the order in which they are there.
    there: Vec<u32>,
    renew_below: u8,
    masked: bool,
    /// Whether there are entries that no request names, because the set's mask changes them.
    hidden: bool,
}

impl<T: SetType> Difference<T> {
    /// Begins a comparison with a set of which nothing has been seen yet. If `rewrites`, entries
    /// that stay may have to be written again.
    pub(in crate::ipset) fn new(wanted: Wanted<T>, policy: &Policy, rewrites: bool) -> Self {
        let count = wanted.count();
        let options = wanted.set().options();
        let masked = options.mask().is_some();
        let rewrites = rewrites || masked || wanted.set().definition().is_fickle();
        let rewrites = rewrites && (options.counters || options.timeout.is_some());
        Self {
            fates: vec![Fate::Added; count],
            seen: Vec::with_capacity(TOGETHER),
            luggage: vec![Luggage::default(); if rewrites { count } else { 0 }],
            removed: Vec::new(),
            there: Vec::new(),
            renew_below: policy.renewed_percent(),
            masked,
            hidden: false,
            wanted,
        }
    }

    /// Sees an entry that is in the set.
    #[inline]
    pub(super) fn see(&mut self, entry: Entry<T>) {
        self.seen.push(entry);
        if self.seen.len() == TOGETHER {
            self.compare_seen();
        }
    }

    /// Compares the entries that were seen last.
    pub(super) fn compare_seen(&mut self) {
        let mut seen = std::mem::take(&mut self.seen);
        let mut found = Vec::with_capacity(TOGETHER);
        self.wanted.find(&seen, &mut found);
        for (entry, position) in seen.iter().zip(found) {
            match position {
                Some(position) => self.see_wanted(entry, position),
                None => self.see_unwanted(entry.value()),
            }
        }
        seen.clear();
        self.seen = seen;
    }

    fn see_wanted(&mut self, entry: &Entry<T>, position: u32) {
        let place = position as usize;
        // A set that is changed while it is listed may list an entry twice.
        if self.fates[place] != Fate::Added {
            return;
        }
        let (value, there) = (entry.value(), entry.options());
        let set = self.wanted.set();
        let met = (self.wanted.value(position)).is_met_by(value, set.definition().dimensions);
        let wanted = self.wanted.options(position);
        self.fates[place] = match compare(wanted, set.options(), there, self.renew_below) {
            Fate::Kept | Fate::Renewed if !met => Fate::Changed,
            fate => fate,
        };
        if let Some(luggage) = self.luggage.get_mut(place) {
            *luggage = Luggage {
                counters: there.packets.zip(there.bytes),
                timeout: there.timeout.map(|left| left.as_secs() as u32),
            };
        }
        if met && set.definition().fills_in() {
            // With what the kernel has filled in.
            self.wanted.set_value(position, value.clone());
        }
        if self.wanted.order().is_some() {
            self.there.push(position);
        }
    }

    fn see_unwanted(&mut self, value: &T::Value) {
        if self.masked {
            let single = self.wanted.set().singles(value.clone()).next();
            self.hidden |= single.as_ref() != Some(value);
        }
        self.remove(value.clone());
    }

    fn remove(&mut self, value: T::Value) {
        match self.removed.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(value),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(value);
                self.removed.push(chunk);
            }
        }
    }

    /// Decides which members of a list have to move, after all entries were seen.
    pub(super) fn order_members(&mut self) {
        let Some(order) = self.wanted.order() else {
            return;
        };
        let mut ranks = vec![0; self.fates.len()];
        for (rank, position) in order.iter().enumerate() {
            ranks[*position as usize] = rank;
        }
        let there: Vec<_> = self.there.iter().map(|it| ranks[*it as usize]).collect();
        let mut stays = vec![false; self.there.len()];
        for index in longest_increasing(&there) {
            stays[index] = true;
        }
        for (position, stays) in self.there.iter().zip(stays) {
            let place = *position as usize;
            let fate = &mut self.fates[place];
            if stays || *fate == Fate::Refused {
                continue;
            }
            let other_time = *fate != Fate::Kept;
            *fate = Fate::Moved;
            if let (Some(luggage), true) = (self.luggage.get_mut(place), other_time) {
                luggage.timeout = None;
            }
        }
    }

    /// Sets the fate of a wanted entry.
    pub(super) fn decide(&mut self, position: u32, fate: Fate) {
        self.fates[position as usize] = fate;
    }

    /// Refuses a wanted entry, and removes it if it is in the set.
    pub(super) fn give_up(&mut self, position: u32) {
        if !matches!(self.fate(position), Fate::Added | Fate::Refused) {
            let value = self.wanted.value(position).clone();
            self.remove(value);
        }
        self.decide(position, Fate::Refused);
    }

    pub(super) fn into_wanted(self) -> Wanted<T> {
        self.wanted
    }

    pub(super) fn wanted(&self) -> &Wanted<T> {
        &self.wanted
    }

    pub(super) fn wanted_mut(&mut self) -> &mut Wanted<T> {
        &mut self.wanted
    }

    /// Returns the entries that are in the set and not wanted.
    pub(super) fn removed(&self) -> impl Iterator<Item = &T::Value> + Clone {
        self.removed.iter().flatten()
    }

    pub(super) fn removed_count(&self) -> usize {
        self.removed.iter().map(Vec::len).sum()
    }

    pub(super) fn has_hidden(&self) -> bool {
        self.hidden
    }

    pub(super) fn fate(&self, position: u32) -> Fate {
        self.fates[position as usize]
    }

    pub(super) fn count(&self, fate: Fate) -> usize {
        self.fates.iter().filter(|it| **it == fate).count()
    }

    /// Returns the positions of the wanted entries with one of these fates, in the order in which
    /// they are added.
    pub(super) fn positions(&self, fates: &'static [Fate]) -> impl Iterator<Item = u32> {
        let all = 0..self.wanted.count() as u32;
        let positions = all.map(|it| self.wanted.order().map_or(it, |order| order[it as usize]));
        positions.filter(|it| fates.contains(&self.fate(*it)))
    }

    /// Returns a wanted entry as it was given.
    pub(super) fn entry(&self, position: u32) -> Entry<T> {
        let options = self.wanted.options(position).cloned().unwrap_or_default();
        Entry::from_parts(self.wanted.value(position).clone(), options)
    }

    /// Returns the request for an entry that is in the set: the kernel keeps its counters.
    pub(super) fn update(&self, position: u32) -> Entry<T> {
        let mut entry = self.entry(position);
        let options = entry.options_mut();
        (options.packets, options.bytes) = (None, None);
        entry
    }

    /// Returns the request for an entry that is written to another set, with what it brings along
    /// if it is there already.
    pub(super) fn rewritten(&self, position: u32) -> Entry<T> {
        let mut entry = self.entry(position);
        let fate = self.fate(position);
        let options = entry.options_mut();
        if let (Some(luggage), true) = (self.luggage.get(position as usize), fate != Fate::Added) {
            let set = self.wanted.set().options();
            if let (Some((packets, bytes)), true) = (luggage.counters, set.counters) {
                (options.packets, options.bytes) = (Some(packets), Some(bytes));
            }
            let stays = matches!(fate, Fate::Kept | Fate::Moved);
            if set.timeout.is_some() && stays {
                let left = luggage.timeout.map(|left| Duration::from_secs(left.into()));
                options.timeout = left.or(options.timeout);
            }
        }
        entry
    }
}

/// Compares the options of an entry in a set with the wanted ones.
fn compare(
    wanted: Option<&EntryOptions>,
    set: &CreateOptions,
    there: &EntryOptions,
    renew_below: u8,
) -> Fate {
    let same = match wanted {
        Some(wanted) => {
            wanted.comment_bytes() == there.comment_bytes()
                && wanted.skbmark == there.skbmark
                && wanted.skbprio == there.skbprio
                && wanted.skbqueue == there.skbqueue
                && wanted.nomatch == there.nomatch
        }
        None => {
            there.comment_bytes().is_none()
                && (there.skbmark, there.skbprio, there.skbqueue) == (None, None, None)
                && !there.nomatch
        }
    };
    if !same {
        return Fate::Changed;
    }
    let wanted = wanted.and_then(|it| it.timeout).or(set.timeout);
    let seconds = |timeout: Option<Duration>| timeout.map(|it| it.as_secs());
    match (seconds(wanted), seconds(there.timeout)) {
        (None | Some(0), None | Some(0)) => Fate::Kept,
        // The set that exists has no timeouts, and its place is taken by one that has some, or
        // the kernel refuses the entry.
        (Some(_), None) => Fate::Changed,
        (None | Some(0), Some(_)) | (Some(_), Some(0)) => Fate::Changed,
        (Some(wanted), Some(left)) if left > wanted => Fate::Changed,
        (Some(wanted), Some(left)) => match left * 100 < wanted * u64::from(renew_below) {
            true => Fate::Renewed,
            false => Fate::Kept,
        },
    }
}

/// Returns the indices of a longest subsequence that increases. The numbers are distinct.
fn longest_increasing(numbers: &[usize]) -> Vec<usize> {
    // For each length the index of the least last number, and for each index the one before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; numbers.len()];
    for (index, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before[index] = length.checked_sub(1).map(|length| ends[length]);
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut found = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(index) = next {
        found.push(index);
        next = before[index];
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_that_counts_down_is_no_difference() {
        let time = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        let fate = |wanted, left, percent| {
            let (mut given, mut there) = (EntryOptions::default(), EntryOptions::default());
            (given.timeout, there.timeout) = (time(wanted), time(left));
            let set = CreateOptions {
                timeout: time(Some(600)),
                ..Default::default()
            };
            compare(Some(&given), &set, &there, percent)
        };
        // Without a timeout of its own, an entry has the set's.
        for wanted in [None, Some(600)] {
            assert_eq!(fate(wanted, Some(600), 50), Fate::Kept);
            assert_eq!(fate(wanted, Some(300), 50), Fate::Kept);
            assert_eq!(fate(wanted, Some(299), 50), Fate::Renewed);
            assert_eq!(fate(wanted, Some(599), 100), Fate::Renewed);
            assert_eq!(fate(wanted, Some(1), 0), Fate::Kept);
            assert_eq!(fate(wanted, Some(601), 50), Fate::Changed);
            assert_eq!(fate(wanted, Some(0), 50), Fate::Changed);
        }
        assert_eq!(fate(Some(0), Some(0), 100), Fate::Kept);
        assert_eq!(fate(Some(0), Some(5), 50), Fate::Changed);
        let longest = Some(crate::ipset::MAX_TIMEOUT.as_secs());
        assert_eq!(fate(longest, Some(1_073_741), 50), Fate::Renewed);
        assert_eq!(fate(longest, Some(1_073_742), 50), Fate::Kept);
    }

    #[test]
    fn the_longest_increasing_subsequence() {
        let of = |numbers: &[usize]| longest_increasing(numbers).len();
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[5, 6, 7]), 3);
        assert_eq!(of(&[7, 6, 5]), 1);
        assert_eq!(longest_increasing(&[3, 0, 1, 4, 2]), [1, 2, 4]);
    }
}
