//! Adds and removes many entries.

use std::ops::Range;

use nix::libc;

use super::put::{Aside, Tries};
use crate::error::Cause;
use crate::ipset::client::describe::is_dubious;
use crate::ipset::client::{Client, about, error, or_gone};
use crate::ipset::message::batch::{Batch, Culprit, Filled};
use crate::ipset::message::code::{self, Command};
use crate::ipset::message::encode::Purpose;
use crate::ipset::{Entry, IpSet, SetName, SetType};
use crate::netlink::{Connection, Failure, Transport, flag, message as netlink};
use crate::{Error, Result};

/// Options for adding or removing many entries.
///
/// By default, adding an entry that is in the set fails, removing one that is not in the set
/// fails, and the operation ends at the first failure.
///
/// ```no_run
/// use ipvset::ipset::{Bulk, HashIp, IpSet, IpSets};
/// use std::net::Ipv4Addr;
///
/// let mut sets = IpSets::connect()?;
/// let blocked = IpSet::<HashIp>::new("blocked")?;
/// let addresses = (1..100_000).map(Ipv4Addr::from_bits);
/// let outcome = sets.add_all_with(&blocked, addresses, Bulk::new().keep_going());
/// for failure in outcome.failures() {
///     eprintln!("number {}: {}", failure.index, failure.error);
/// }
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Bulk {
    tolerant: bool,
    keep_going: bool,
}

impl Bulk {
    /// Returns the default options: the operation ends at the first failure.
    pub fn new() -> Self {
        Self::default()
    }

    /// Updates entries that are already in the set when adding, and ignores missing ones when
    /// removing.
    ///
    /// See [`put`](crate::ipset::IpSets::put) and
    /// [`remove_if_present`](crate::ipset::IpSets::remove_if_present).
    ///
    /// In a set with counters, new entries need counters of zero, while existing ones must keep
    /// theirs. So entries without given counters are looked up if they seem to exist. This takes
    /// no extra time if all entries are new, two to three times as long if all exist, and four to
    /// five times as long for single addresses in a set of networks.
    #[must_use]
    pub fn tolerant(mut self) -> Self {
        self.tolerant = true;
        self
    }

    pub(in crate::ipset) fn is_tolerant(self) -> bool {
        self.tolerant
    }

    pub(in crate::ipset) fn keeps_going(self) -> bool {
        self.keep_going
    }

    /// Goes on after an entry that is refused.
    ///
    /// An error that concerns all following entries still ends the operation: the set is full or
    /// does not exist any more, or the connection is broken. In a `hash:net,iface`, a full set does
    /// not end it, because the kernel reports the same if a single network has too many
    /// interfaces.
    #[must_use]
    pub fn keep_going(mut self) -> Self {
        self.keep_going = true;
        self
    }
}

/// The result of adding or removing many entries.
///
/// Indices count the entries from 0, in the order in which they were given.
#[derive(Debug)]
#[must_use]
pub struct Outcome<T: SetType> {
    pub(in crate::ipset) applied: u64,
    failures: Vec<FailedEntry<T>>,
    pub(in crate::ipset) stopped: Option<Error>,
    pub(in crate::ipset) in_doubt: Range<u64>,
    pub(in crate::ipset) untried: Option<u64>,
}

/// An entry that was refused.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedEntry<T: SetType> {
    /// The index of the entry among those that were given, from 0.
    pub index: u64,
    /// The entry.
    pub entry: Entry<T>,
    /// The reason.
    pub error: Error,
}

impl<T: SetType> Outcome<T> {
    pub(in crate::ipset) fn new() -> Self {
        Self {
            applied: 0,
            failures: Vec::new(),
            stopped: None,
            in_doubt: 0..0,
            untried: None,
        }
    }

    fn errors(&mut self) -> impl Iterator<Item = &mut Error> {
        let failures = self.failures.iter_mut().map(|failed| &mut failed.error);
        failures.chain(&mut self.stopped)
    }

    /// Sets the reason of errors that a wrong description of the set may explain.
    fn explain(&mut self, why: &str) {
        for error in self.errors().filter(|error| is_dubious(error)) {
            error.set_reason(why.to_owned());
        }
    }

    /// Returns how many entries are known to be added or removed.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Returns the entries that were refused, in order.
    ///
    /// If an entry is a range, its part before the refused element stays applied. Of other refused
    /// entries, nothing is applied.
    pub fn failures(&self) -> &[FailedEntry<T>] {
        &self.failures
    }

    /// Returns the error that ended the operation, if it does not concern a single entry.
    ///
    /// For example, the set does not exist any more, or the connection is broken.
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// Returns the indices of the entries for which it is unknown whether they were applied.
    ///
    /// The range is empty unless the kernel's answer was lost, or the kernel had no memory to
    /// report which entry it refused (`ENOMEM`).
    pub fn in_doubt(&self) -> Range<u64> {
        self.in_doubt.clone()
    }

    /// Returns the index of the first entry that was not tried, or `None` if all were.
    pub fn untried_from(&self) -> Option<u64> {
        self.untried
    }

    /// Returns whether all entries were applied.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.stopped.is_none()
    }

    /// Returns the number of entries if all were applied, and otherwise the first error.
    ///
    /// # Errors
    /// That of the first entry that failed. If no single entry failed, the error that
    /// [`stopped`](Self::stopped) the operation.
    pub fn into_result(self) -> Result<u64> {
        let first = self.failures.into_iter().next().map(|failed| failed.error);
        match first.or(self.stopped) {
            Some(error) => Err(error),
            None => Ok(self.applied),
        }
    }
}

/// The minimum number of entries in a message after one was refused.
pub(in crate::ipset) const LEAST_WINDOW: usize = 32;

impl<T: Transport> Client<T> {
    /// Adds or removes all entries.
    pub(crate) async fn bulk<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        purpose: Purpose,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
        how: Bulk,
    ) -> Outcome<K> {
        self.bulk_as(purpose, set, set.name(), entries, how).await
    }

    /// Does the same, but errors name the set `shown`.
    pub(in crate::ipset) async fn bulk_as<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        purpose: Purpose,
        set: &IpSet<K>,
        shown: &SetName,
        entries: impl IntoIterator<Item = E>,
        how: Bulk,
    ) -> Outcome<K> {
        let limit = self.connection.send_limit();
        let tries = Tries::of(set, purpose, how);
        let purpose = tries.purpose;
        let batch = Batch::new(set, purpose, tries.exclusive, self.protocol, limit);
        let mut run = Run {
            connection: &mut self.connection,
            aside: tries.twice.then(|| Aside::new(&batch, self.protocol)),
            batch,
            set,
            shown,
            purpose,
            how,
            outcome: Outcome::new(),
        };
        let mut entries = entries.into_iter();
        let mut index = 0;
        loop {
            let filled = run.batch.fill(set, purpose, &mut index, &mut entries);
            let end = matches!(filled, Filled::End);
            let refused = match filled {
                Filled::Refused(index, entry, refusal) => {
                    Some((index, entry, Cause::Refused(refusal.0)))
                }
                _ => None,
            };
            // A refused entry only makes it necessary to send the entries before it if it is the
            // last one that is tried.
            let send = refused.is_none() || !how.keep_going;
            if send && !run.batch.is_empty() && run.deliver().await.is_err() {
                break;
            }
            if let Some((index, entry, cause)) = refused {
                run.failed(index, entry, cause);
                if !how.keep_going {
                    run.outcome.untried = Some(index + 1);
                    break;
                }
            }
            if end {
                break;
            }
        }
        // An entry refused here may be listed before earlier ones that the kernel refused.
        let mut outcome = run.outcome;
        outcome.failures.sort_by_key(|failed| failed.index);
        if let Some(untried) = outcome.untried {
            outcome.failures.retain(|failed| failed.index < untried);
        }
        if outcome.errors().any(|error| is_dubious(error)) {
            if let Ok(Some(why)) = self.misdescribed(set).await {
                outcome.explain(&why);
            }
        }
        outcome
    }
}

/// Means that nothing more is to be sent. The outcome contains the reason.
pub(in crate::ipset) struct Stop;

/// A bulk operation in progress.
pub(in crate::ipset) struct Run<'a, T, K: SetType> {
    pub(in crate::ipset) connection: &'a mut Connection<T>,
    pub(in crate::ipset) batch: Batch,
    /// State for entries that are tried twice.
    pub(in crate::ipset) aside: Option<Aside>,
    pub(in crate::ipset) set: &'a IpSet<K>,
    shown: &'a SetName,
    purpose: Purpose,
    pub(in crate::ipset) how: Bulk,
    pub(in crate::ipset) outcome: Outcome<K>,
}

impl<T: Transport, K: SetType> Run<'_, T, K> {
    async fn deliver(&mut self) -> Result<(), Stop> {
        match self.aside.take() {
            Some(aside) => self.put(aside).await,
            None => self.send().await,
        }
    }

    /// Sends the batch and empties it.
    pub(in crate::ipset) async fn send(&mut self) -> Result<(), Stop> {
        let entries = self.batch.entries();
        let mut at = entries.start;
        let (mut end, mut count) = (entries.end, self.batch.count());
        while at < entries.end {
            let message = self.batch.message(at..end);
            match self.connection.send_ready(message).await {
                Ok(()) => {
                    self.outcome.applied += count as u64;
                    at = end;
                    (end, count) = self.batch.window(at, count.saturating_mul(2));
                }
                Err(failure) => {
                    let culprit = self.refused(at..end, count, failure).await?;
                    at = culprit.place.end;
                    // The kernel echoes the whole message with each refusal, so small messages are
                    // faster if many entries are refused.
                    let window = (culprit.before * 2).max(LEAST_WINDOW);
                    (end, count) = self.batch.window(at, window);
                }
            }
        }
        self.batch.clear();
        Ok(())
    }

    /// Records what a failed message did. Returns the refused entry if the operation can go on.
    pub(in crate::ipset) async fn refused(
        &mut self,
        entries: Range<usize>,
        count: usize,
        failure: Failure,
    ) -> Result<Culprit, Stop> {
        let Failure::Rejected(rejection) = failure else {
            return Err(self.broken(self.batch.indices(entries), failure));
        };
        let culprit = match self.batch.culprit(entries.start, &rejection) {
            Some(culprit) => culprit,
            None if rejection.code == code::MALFORMED => self.search(entries, count).await?,
            // The kernel had no memory to report the refused entry, or for the whole message.
            None if rejection.code == libc::ENOMEM => {
                let indices = self.batch.indices(entries);
                return Err(self.broken(indices, Failure::Rejected(rejection)));
            }
            // For example, the set does not exist any more. The kernel checks that before it reads
            // an entry.
            None => {
                self.outcome.untried = Some(self.batch.index(entries.start));
                let failure = or_gone(self.connection, Failure::Rejected(rejection)).await;
                return Err(self.stop(failure));
            }
        };
        self.outcome.applied += culprit.before as u64;
        let full = code::is_of_full_set(about(self.set), rejection.code);
        let cause = self.cause(Failure::Rejected(rejection));
        let kind = self.set.kind();
        if let Some(entry) = self.batch.read(kind, culprit.place.clone()) {
            self.failed(culprit.index, entry, cause);
        }
        if full || !self.how.keep_going {
            self.outcome.untried = Some(culprit.index + 1);
            return Err(Stop);
        }
        Ok(culprit)
    }

    /// Finds the entry that the kernel could not read, since the kernel does not report its line.
    ///
    /// The entries before it were applied, and those after it were not. So this sends halves of
    /// the message again, without `NLM_F_EXCL`, until one entry is left. No entry after the
    /// malformed one is applied.
    async fn search(&mut self, entries: Range<usize>, count: usize) -> Result<Culprit, Stop> {
        let all = self.batch.indices(entries.clone());
        let (mut place, mut left, mut before) = (entries, count, 0);
        while left > 1 {
            let (middle, half) = self.batch.window(place.start, left / 2);
            let message = self.batch.message(place.start..middle);
            let again = netlink::without_flag(message, flag::EXCL);
            match self.connection.send_ready(again).await {
                Ok(()) => {
                    place.start = middle;
                    left -= half;
                    before += half;
                }
                Err(Failure::Rejected(rejection)) if rejection.code == code::MALFORMED => {
                    place.end = middle;
                    left = half;
                }
                Err(failure) => return Err(self.broken(all, failure)),
            }
        }
        Ok(Culprit {
            index: self.batch.index(place.start),
            before,
            place,
        })
    }

    /// Records that it is unknown whether these entries were applied.
    pub(in crate::ipset) fn broken(&mut self, entries: Range<u64>, failure: Failure) -> Stop {
        self.outcome.untried = Some(entries.end);
        self.outcome.in_doubt = entries;
        self.stop(failure)
    }

    pub(in crate::ipset) fn stop(&mut self, failure: Failure) -> Stop {
        let command = self.command();
        let error = error(command, about(self.set), failure);
        self.outcome.stopped = Some(error.during(self.operation()).object(self.shown));
        Stop
    }

    pub(in crate::ipset) fn failed(&mut self, index: u64, entry: Entry<K>, cause: Cause) {
        let error = Error::new(self.command().operation(), cause);
        self.failed_for(index, entry, error);
    }

    pub(in crate::ipset) fn failed_for(&mut self, index: u64, entry: Entry<K>, error: Error) {
        let object = format!("{} (index {index})", entry.in_set(self.shown));
        let error = error.object(object);
        self.outcome.failures.push(FailedEntry {
            index,
            entry,
            error,
        });
    }

    fn cause(&self, failure: Failure) -> Cause {
        let (command, about) = (self.command(), about(self.set));
        Cause::from_failure(failure, |code| code::interpret(command, about, code))
    }

    fn command(&self) -> Command {
        self.purpose.into()
    }

    fn operation(&self) -> &'static str {
        match self.purpose {
            Purpose::Remove => "remove entries from set",
            _ => "add entries to set",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipset::HashIp;
    use crate::ipset::client::claim::Claim;
    use crate::netlink::ready;
    use crate::netlink::scripted::Scripted;

    /// The kernel applies entries, refuses one, and has no memory to report which one.
    #[test]
    fn a_refusal_without_memory_leaves_doubt() {
        let add = Command::Add.message();
        let transport = Scripted::new(move |request| {
            let answer = if request.header.kind == add {
                request.error(libc::ENOMEM)
            } else {
                // nfgenmsg, and the protocol's version.
                request.data(0, &[2, 0, 0, 0, 5, 0, 1, 0, 7, 0, 0, 0])
            };
            vec![answer]
        });
        let mut client = ready(Client::connect(transport, Claim::open())).unwrap();
        let set = IpSet::<HashIp>::new("web").unwrap();
        let entries = (1..=9).map(Ipv4Addr::from_bits);
        let how = Bulk::new().keep_going();
        let outcome = ready(client.bulk(Purpose::Add, &set, entries, how));
        assert_eq!(outcome.in_doubt(), 0..9);
        assert_eq!((outcome.applied(), outcome.untried_from()), (0, Some(9)));
        let stopped = outcome.stopped().unwrap();
        assert_eq!(stopped.errno(), Some(libc::ENOMEM), "{stopped}");
    }
}
